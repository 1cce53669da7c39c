//! An Adaptive Card as Teams draws it, limited to the elements that the built-in templates use. Any other element is
//! replaced by its name, so that nothing is left out silently.

use serde_json::Value;

use super::markdown::{self, Piece};

/// A card's sections, from top to bottom.
#[derive(Clone, Default)]
pub struct Card {
    pub sections: Vec<Section>,
}

/// A part of a card.
#[derive(Clone)]
pub enum Section {
    Block(Block),
    Container {
        /// CSS classes.
        classes: String,
        blocks: Vec<Block>,
    },
    Buttons(Vec<Button>),
}

/// A paragraph.
#[derive(Clone)]
pub struct Block {
    /// CSS classes.
    pub classes: String,
    pub runs: Vec<Run>,
}

/// A part of a paragraph with one format.
#[derive(Clone)]
pub struct Run {
    /// CSS classes.
    pub classes: String,
    pub text: String,
    /// The RFC 3339 time that the text shows, if it shows one.
    pub timestamp: Option<String>,
}

/// A button, which opens a page.
#[derive(Clone)]
pub struct Button {
    pub title: String,
    pub url: String,
    /// A CSS class, or empty.
    pub class: &'static str,
}

impl Card {
    /// Reads the `content` of an attachment (Adaptive Cards 1.4).
    pub fn read(content: &Value) -> Self {
        let mut sections: Vec<Section> = items(content, "body").iter().map(section).collect();
        let buttons = buttons(content);
        if !buttons.is_empty() {
            sections.push(Section::Buttons(buttons));
        }
        Self { sections }
    }
}

fn section(element: &Value) -> Section {
    match text(element, "type") {
        "Container" => Section::Container {
            classes: classes(element, &[("style", STYLES), ("spacing", SPACINGS)]),
            blocks: items(element, "items").iter().map(block).collect(),
        },
        "ActionSet" => Section::Buttons(buttons(element)),
        _ => Section::Block(block(element)),
    }
}

fn block(element: &Value) -> Block {
    let block_classes = |kind: &str| format!("{kind} {}", classes(element, &[("spacing", SPACINGS)]));
    match text(element, "type") {
        "TextBlock" => Block {
            classes: format!("{} {}", block_classes("text"), text_classes(element)),
            runs: markdown::pieces(text(element, "text")).into_iter().map(Run::from).collect(),
        },
        "RichTextBlock" => Block {
            classes: block_classes("rich"),
            runs: items(element, "inlines")
                .iter()
                .map(|run| Run { classes: text_classes(run), text: text(run, "text").to_owned(), timestamp: None })
                .collect(),
        },
        other => {
            let text = format!("[{other}: not drawn here]");
            Block { classes: block_classes("text"), runs: vec![Run { classes: String::new(), text, timestamp: None }] }
        }
    }
}

fn buttons(holder: &Value) -> Vec<Button> {
    let button = |action: &Value| Button {
        title: text(action, "title").to_owned(),
        url: text(action, "url").to_owned(),
        class: match text(action, "style") {
            "positive" => "yes",
            "destructive" => "no",
            _ => "",
        },
    };
    items(holder, "actions").iter().map(button).collect()
}

const STYLES: &[&str] = &["accent", "attention", "emphasis", "good", "warning"];
const SPACINGS: &[&str] = &["None", "Small", "Medium", "Large"];
const COLOURS: &[&str] = &["Attention", "Good", "Warning", "Accent"];

/// The CSS classes of a `TextBlock` or a `TextRun`.
fn text_classes(element: &Value) -> String {
    let subtle = element.get("isSubtle").and_then(Value::as_bool).unwrap_or_default();
    let properties = [
        ("size", &["Small", "Medium", "Large", "ExtraLarge"][..]),
        ("weight", &["Bolder", "Lighter"]),
        ("color", COLOURS),
        ("fontType", &["Monospace"]),
    ];
    format!("{}{}", classes(element, &properties), if subtle { " subtle" } else { "" })
}

/// A CSS class for each property with a known value. Other values are ignored, so that no text of a card becomes
/// markup.
fn classes(element: &Value, properties: &[(&str, &[&str])]) -> String {
    let class = |(property, known): &(&str, &[&str])| {
        let value = known.iter().find(|known| known.eq_ignore_ascii_case(text(element, property)))?;
        Some(format!("{}-{}", property.to_lowercase(), value.to_lowercase()))
    };
    properties.iter().filter_map(class).collect::<Vec<_>>().join(" ")
}

impl From<Piece> for Run {
    fn from(piece: Piece) -> Self {
        let classes = if piece.is_bold { "weight-bolder" } else { "" };
        Self { classes: classes.to_owned(), text: piece.text, timestamp: piece.timestamp }
    }
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_elements_are_named_and_unknown_values_are_ignored() {
        let body = json!([{"type": "FactSet"}, {"type": "TextBlock", "text": "x", "size": "x\" onclick=\"y", "weight": "Bolder"}]);
        let card = Card::read(&json!({"body": body, "actions": [{"title": "Go", "url": "http://x", "style": "odd"}]}));
        let [Section::Block(unknown), Section::Block(known), Section::Buttons(buttons)] = card.sections.as_slice()
        else {
            panic!("two paragraphs and a button");
        };
        assert_eq!(unknown.runs[0].text, "[FactSet: not drawn here]");
        assert_eq!(known.classes, "text  weight-bolder");
        assert_eq!((buttons[0].title.as_str(), buttons[0].class), ("Go", ""));
    }
}
