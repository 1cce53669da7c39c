//! An Adaptive Card as Teams draws it, as far as the hub's own templates go: their elements, in their order. What they do not use is
//! named in its place, so that nothing is missing without a sign.

use serde_json::Value;

use super::markdown::{self, Piece};

/// A card in the order that it is read.
#[derive(Clone, Default)]
pub(super) struct Card {
    pub(super) sections: Vec<Section>,
}

#[derive(Clone)]
pub(super) enum Section {
    Block(Block),
    Container { look: String, blocks: Vec<Block> },
    Buttons(Vec<Button>),
}

/// A paragraph.
#[derive(Clone)]
pub(super) struct Block {
    /// Classes of the style sheet.
    pub(super) look: String,
    pub(super) runs: Vec<Run>,
}

/// A piece of a paragraph that looks alike.
#[derive(Clone)]
pub(super) struct Run {
    /// Classes of the style sheet.
    pub(super) look: String,
    pub(super) text: String,
    /// When it names a moment, that moment in UTC.
    pub(super) moment: Option<String>,
}

#[derive(Clone)]
pub(super) struct Button {
    pub(super) title: String,
    pub(super) url: String,
    /// A class of the style sheet.
    pub(super) look: &'static str,
}

impl Card {
    /// Reads the `content` of an attachment (Adaptive Cards 1.4).
    pub(super) fn read(content: &Value) -> Self {
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
            look: classes(element, &[("style", STYLES), ("spacing", SPACINGS)]),
            blocks: items(element, "items").iter().map(block).collect(),
        },
        "ActionSet" => Section::Buttons(buttons(element)),
        _ => Section::Block(block(element)),
    }
}

fn block(element: &Value) -> Block {
    let of_block = |kind: &str| format!("{kind} {}", classes(element, &[("spacing", SPACINGS)]));
    match text(element, "type") {
        "TextBlock" => Block {
            look: format!("{} {}", of_block("text"), of_text(element)),
            runs: markdown::pieces(text(element, "text")).into_iter().map(Run::from).collect(),
        },
        "RichTextBlock" => Block {
            look: of_block("rich"),
            runs: items(element, "inlines")
                .iter()
                .map(|run| Run { look: of_text(run), text: text(run, "text").to_owned(), moment: None })
                .collect(),
        },
        other => {
            let text = format!("[{other}: not drawn here]");
            Block { look: of_block("text"), runs: vec![Run { look: String::new(), text, moment: None }] }
        }
    }
}

fn buttons(holder: &Value) -> Vec<Button> {
    let button = |action: &Value| Button {
        title: text(action, "title").to_owned(),
        url: text(action, "url").to_owned(),
        look: match text(action, "style") {
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

/// How a `TextBlock` or a `TextRun` looks.
fn of_text(element: &Value) -> String {
    let subtle = element.get("isSubtle").and_then(Value::as_bool).unwrap_or_default();
    let properties = [
        ("size", &["Small", "Medium", "Large", "ExtraLarge"][..]),
        ("weight", &["Bolder", "Lighter"]),
        ("color", COLOURS),
        ("fontType", &["Monospace"]),
    ];
    format!("{}{}", classes(element, &properties), if subtle { " subtle" } else { "" })
}

/// A class for each property whose value is one of those named: nothing else of a card gets into the markup.
fn classes(element: &Value, properties: &[(&str, &[&str])]) -> String {
    let class = |(property, known): &(&str, &[&str])| {
        let value = known.iter().find(|known| known.eq_ignore_ascii_case(text(element, property)))?;
        Some(format!("{}-{}", property.to_lowercase(), value.to_lowercase()))
    };
    properties.iter().filter_map(class).collect::<Vec<_>>().join(" ")
}

impl From<Piece> for Run {
    fn from(piece: Piece) -> Self {
        let look = if piece.is_bold { "weight-bolder" } else { "" };
        Self { look: look.to_owned(), text: piece.text, moment: piece.moment }
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
    fn what_is_not_drawn_is_named_and_no_word_becomes_a_class() {
        let body = json!([{"type": "FactSet"}, {"type": "TextBlock", "text": "x", "size": "x\" onclick=\"y", "weight": "Bolder"}]);
        let card = Card::read(&json!({"body": body, "actions": [{"title": "Go", "url": "http://x", "style": "odd"}]}));
        let [Section::Block(unknown), Section::Block(known), Section::Buttons(buttons)] = card.sections.as_slice()
        else {
            panic!("two paragraphs and a button");
        };
        assert_eq!(unknown.runs[0].text, "[FactSet: not drawn here]");
        assert_eq!(known.look, "text  weight-bolder");
        assert_eq!((buttons[0].title.as_str(), buttons[0].look), ("Go", ""));
    }
}
