//! Which line of a template rendered what does not parse.
//!
//! Each template has a twin whose lines end in a mark with their number. Only when a rendered body is no JSON is the twin rendered
//! too, and the mark behind the place of the error tells the line, through loops and blocks.

use handlebars::Handlebars;
use handlebars::template::Template;
use serde_json::Value;

/// Around a line number, at the end of each line of a template's marked twin; private-use characters that `visible` and JSON
/// escapes keep out of values.
const MARK: [char; 2] = ['\u{f0001}', '\u{f0002}'];

/// Adds a template's twin; there is none when marking breaks a tag that spans lines.
pub(super) fn register_marked(registry: &mut Handlebars<'static>, event: &str, text: &str) {
    match Template::compile(&mark_lines(text)) {
        Ok(marked) => registry.register_template(&marked_name(event), marked),
        Err(_) => registry.unregister_template(&marked_name(event)),
    }
}

fn marked_name(event: &str) -> String {
    format!("{event} with lines")
}

fn mark_lines(text: &str) -> String {
    let [open, close] = MARK;
    text.lines().enumerate().map(|(index, line)| format!("{line}{open}{}{close}\n", index + 1)).collect()
}

/// The template's line that rendered the place of a JSON error: the first mark behind it, in the marked twin's output.
pub(super) fn of_error(
    registry: &Handlebars<'static>,
    template: &str,
    data: &Value,
    error: &serde_json::Error,
) -> Option<usize> {
    let [open, close] = MARK;
    let marked = registry.render(&marked_name(template), data).ok()?;
    // The twin has the same text but for marks, so the place is found by counting what is not mark or space.
    let plain = registry.render(template, data).ok()?;
    let solid = |text: &str| text.chars().filter(|character| !character.is_whitespace()).count();
    let before: String = plain.lines().take(error.line()).collect::<Vec<_>>().join("\n");
    let line_start = plain.lines().take(error.line().saturating_sub(1)).map(|line| line.len() + 1).sum::<usize>();
    let place = before.floor_char_boundary(line_start + error.column());
    let mut left = solid(before.get(..place)?);
    let mut inside = false;
    let mut number = String::new();
    for character in marked.chars() {
        match character {
            c if c == open => inside = true,
            c if c == close => {
                inside = false;
                if left == 0 {
                    return number.parse().ok();
                }
                number.clear();
            }
            digit if inside => number.push(digit),
            space if space.is_whitespace() => {}
            _ => left = left.saturating_sub(1),
        }
    }
    None
}
