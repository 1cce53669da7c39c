//! The figures of a scenario: the same for the table and for JSON.

use serde_json::{Map, Value, json};

use super::stage::LoadOutcome;

/// Width of the column of names.
const NAMES: usize = 50;
/// Width of the column of values.
const VALUES: usize = 12;

/// Counts of requests and messages.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    /// Requests answered 201.
    asked: u64,
    /// Of those, the ones whose messages arrived at every healthy endpoint.
    delivered: u64,
    /// Messages that did not arrive.
    lost: u64,
    /// Messages that arrived again.
    duplicates: u64,
    /// Requests with another answer, or none.
    refused: u64,
}

/// The figures of a scenario.
#[derive(Debug)]
pub(super) struct Sheet {
    name: &'static str,
    /// None when no requests were created.
    count: Option<Count>,
    trouble: Option<String>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    key: String,
    text: String,
    value: Value,
}

impl Sheet {
    /// Returns an empty sheet.
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, count: None, trouble: None, lines: Vec::new() }
    }

    /// Adds the counts of an outcome.
    pub(super) fn count(&mut self, outcome: &LoadOutcome) {
        let count = self.count.get_or_insert_default();
        count.asked += u64::from(outcome.asked.accepted());
        count.delivered += u64::from(outcome.report.delivered);
        count.lost += u64::from(outcome.report.missing);
        count.duplicates += u64::from(outcome.report.duplicates);
        count.refused += outcome.asked.failed.len() as u64;
        self.trouble = self.trouble.take().or_else(|| outcome.asked.trouble.clone());
    }

    /// Adds a count: a key for programs, a text for people.
    pub(super) fn whole(&mut self, key: impl Into<String>, text: impl Into<String>, value: u64) {
        self.lines.push(Line { key: key.into(), text: text.into(), value: json!(value) });
    }

    /// Adds a measurement, or that there is none. Rounded to thousandths, which is beyond its precision.
    pub(super) fn measured(&mut self, key: impl Into<String>, text: impl Into<String>, value: impl Into<Option<f64>>) {
        let value = value.into().filter(|value| value.is_finite());
        let value = value.map(|value| (value * 1_000.0).round() / 1_000.0);
        self.lines.push(Line { key: key.into(), text: text.into(), value: json!(value) });
    }

    /// The failure of the scenario, if there was one.
    pub(super) fn fault(&self) -> Option<String> {
        let Count { lost, refused, .. } = self.count?;
        if lost > 0 {
            return Some(format!("{}: {lost} messages were lost", self.name));
        }
        let trouble = self.trouble.as_deref().unwrap_or_default();
        (refused > 0).then(|| format!("{}: {refused} requests were not answered 201: {trouble}", self.name))
    }

    /// Returns its name, and its figures as JSON.
    pub(super) fn json(&self) -> (String, Value) {
        let lines = self.lines.iter().map(|line| (line.key.clone(), line.value.clone()));
        let counts = self.counts().map(|(key, _, value)| (key.to_owned(), json!(value)));
        (self.name.to_owned(), Value::Object(Map::from_iter(counts.chain(lines))))
    }

    /// Returns its figures as a table.
    pub(super) fn table(&self) -> String {
        let row = |text: &str, value: &Value| format!("  {text:NAMES$}{:>VALUES$}\n", shown(value));
        let counts: String = self.counts().map(|(_, text, value)| row(text, &json!(value))).collect();
        let lines: String = self.lines.iter().map(|line| row(&line.text, &line.value)).collect();
        format!("{}\n{lines}{counts}", self.name)
    }

    fn counts(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let counts = |Count { asked, delivered, lost, duplicates, refused }| {
            [
                ("asked", "requests answered 201", asked),
                ("delivered", "of these, delivered everywhere", delivered),
                ("lost", "messages lost", lost),
                ("duplicates", "messages delivered again", duplicates),
                ("refused", "requests not answered 201", refused),
            ]
        };
        self.count.map(counts).into_iter().flatten()
    }
}

/// Formats a number for the table.
fn shown(value: &Value) -> String {
    match (value.as_u64(), value.as_f64()) {
        (Some(whole), _) => grouped(&whole.to_string()),
        (None, Some(part)) if part.abs() >= 100.0 => grouped(&format!("{part:.0}")),
        (None, Some(part)) if part.abs() >= 10.0 => format!("{part:.1}"),
        (None, Some(part)) => format!("{part:.2}"),
        (None, None) => "-".to_owned(),
    }
}

/// Adds commas between the thousands.
fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let comma = |(place, digit): (usize, char)| {
        let wanted = place > 0 && (digits.len() - place).is_multiple_of(3);
        [wanted.then_some(','), Some(digit)]
    };
    format!("{sign}{}", digits.chars().enumerate().flat_map(comma).flatten().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_and_grouped_for_the_table() {
        for (value, text) in [
            (json!(0), "0"),
            (json!(1_234_567), "1,234,567"),
            (json!(123.456), "123"),
            (json!(-1_234.5), "-1,234"),
            (json!(12.345), "12.3"),
            (json!(1.006), "1.01"),
            (json!(null), "-"),
        ] {
            assert_eq!(shown(&value), text);
        }
    }

    #[test]
    fn the_table_and_the_json_have_the_same_figures() {
        let mut sheet = Sheet::new("rate");
        sheet.measured("a", "how fast", 1.234_12);
        sheet.measured("b", "nothing", None);
        let table = sheet.table();
        assert!(table.starts_with("rate\n  how fast ") && table.contains("1.23\n"), "{table}");
        let (name, json) = sheet.json();
        assert_eq!(
            (name.as_str(), &json["a"], &json["b"], json.get("lost")),
            ("rate", &json!(1.234), &Value::Null, None)
        );
        assert_eq!(sheet.fault(), None);
    }

    #[test]
    fn a_loss_is_a_fault() {
        let mut outcome = LoadOutcome::default();
        outcome.asked.sent = 3;
        outcome.report.missing = 1;
        let mut sheet = Sheet::new("rate");
        sheet.count(&outcome);
        assert_eq!(sheet.fault().unwrap(), "rate: 1 messages were lost");
    }
}
