//! Requests as rows of a file that opens in a spreadsheet.

use crate::approval::{ChangeRole, Request, Requester};
use crate::unicode::is_hidden;

/// The columns, in order.
pub const COLUMNS: [&str; 24] = [
    "id",
    "kind",
    "resource",
    "status",
    "method",
    "created_at",
    "expires_at",
    "decided_at",
    "approval_seconds",
    "requester",
    "requester_name",
    "decided_by",
    "decision_reason",
    "groups",
    "language",
    "command",
    "reason",
    "digest",
    "revision",
    "modified_by",
    "working_seconds",
    "duration_seconds",
    "use",
    "exit_code",
];

/// A CSV line (RFC 4180) with the column names.
///
/// # Errors
/// When the text cannot be written.
pub fn csv_header() -> Result<Vec<u8>, csv::Error> {
    csv_line(&COLUMNS.map(str::to_owned))
}

/// A CSV line for a request.
///
/// # Errors
/// When the text cannot be written.
pub fn csv_row(request: &Request) -> Result<Vec<u8>, csv::Error> {
    csv_line(&cells(request))
}

fn csv_line(cells: &[String; 24]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn cells(request: &Request) -> [String; 24] {
    let decision = request.decision.as_ref();
    let words = |items: Vec<&str>| items.join(" ");
    let Requester { email, name, .. } = &request.requester;
    let change = request.change.as_ref().filter(|change| change.role == ChangeRole::Approver);
    let modified_by = change.and_then(|change| change.by.as_ref());
    let hours = request.terms.procedure.working_hours.as_ref();
    let working = hours.zip(request.decided_at).map(|(hours, end)| hours.between(request.created_at, end));
    let execution = request.execution.as_ref();
    let used = execution
        .map(|execution| execution.status.as_str())
        .or(request.grant.as_ref().map(|grant| grant.status.as_str()));
    [
        request.id.to_string(),
        word(&request.kind),
        request.resource.to_string(),
        request.status.as_str().to_owned(),
        decision.map(|decision| word(&decision.method)).unwrap_or_default(),
        request.created_at.to_string(),
        request.expires_at.to_string(),
        request.decided_at.map(|at| at.to_string()).unwrap_or_default(),
        request.decided_at.map(|at| format!("{:.6}", at.since(request.created_at).as_secs_f64())).unwrap_or_default(),
        email.as_ref().map(|email| defused(email.as_str())).unwrap_or_default(),
        name.as_deref().map(defused).unwrap_or_default(),
        decision
            .map(|decision| defused(&words(decision.by.iter().map(|person| person.as_str()).collect())))
            .unwrap_or_default(),
        decision.and_then(|decision| decision.reason.as_deref()).map(defused).unwrap_or_default(),
        words(request.terms.slots.iter().map(|slot| slot.slot.group.as_str()).collect()),
        request.payload.language.as_deref().map(defused).unwrap_or_default(),
        defused(&request.payload.command),
        request.reason.as_deref().map(defused).unwrap_or_default(),
        request.digest.to_string(),
        request.revision.to_string(),
        modified_by.map(|person| defused(person.as_str())).unwrap_or_default(),
        working.map(|time| format!("{:.6}", time.as_secs_f64())).unwrap_or_default(),
        request.payload.duration_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
        used.unwrap_or_default().to_owned(),
        execution.and_then(|execution| execution.exit_code).map(|code| code.to_string()).unwrap_or_default(),
    ]
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Text that no spreadsheet takes for a formula: one that begins like a formula gets an apostrophe in front (OWASP, "CSV
/// Injection"), also when white space or characters that show nothing come first, which some programs skip.
fn defused(text: &str) -> String {
    let skipped = |c: char| c.is_whitespace() || is_hidden(c);
    let begins = text
        .trim_start_matches(skipped)
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫']);
    let controls = text.starts_with(char::is_control);
    if begins || controls { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused_and_other_text_is_left_alone() {
        for formula in
            ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "\u{b}=1", "\u{feff}=1", "\u{200b}@x", "﹦1", "\rx"]
        {
            assert_eq!(defused(formula), format!("'{formula}"));
        }
        for text in ["select 1", "a=1", "'quoted'", ""] {
            assert_eq!(defused(text), text);
        }
    }

    #[test]
    fn header_is_one_csv_line() {
        let header = String::from_utf8(csv_header().expect("plain")).expect("UTF-8");
        assert_eq!(header.matches(',').count(), COLUMNS.len() - 1);
        assert!(header.ends_with("\r\n"));
    }
}
