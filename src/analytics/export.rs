//! Requests as rows of a CSV file for spreadsheets.

use super::spreadsheet::cell;
use crate::approval::{ChangeRole, Request, Requester};

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

/// Prefix that makes Excel read a file as UTF-8 instead of the machine's old code page.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Returns the CSV line (RFC 4180) with the column names.
///
/// # Errors
/// Returns an error if the text cannot be written.
pub fn csv_header() -> Result<Vec<u8>, csv::Error> {
    csv_line(&COLUMNS.map(str::to_owned))
}

/// Returns the CSV line of a request.
///
/// # Errors
/// Returns an error if the text cannot be written.
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
    let joined = |items: Vec<&str>| items.join(" ");
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
        text_of(&request.kind),
        request.resource.to_string(),
        request.status.as_str().to_owned(),
        decision.map(|decision| text_of(&decision.method)).unwrap_or_default(),
        request.created_at.to_string(),
        request.expires_at.to_string(),
        request.decided_at.map(|at| at.to_string()).unwrap_or_default(),
        request.decided_at.map(|at| format!("{:.6}", at.since(request.created_at).as_secs_f64())).unwrap_or_default(),
        email.as_ref().map(|email| cell(email.as_str())).unwrap_or_default(),
        name.as_deref().map(cell).unwrap_or_default(),
        decision
            .map(|decision| cell(&joined(decision.by.iter().map(|person| person.as_str()).collect())))
            .unwrap_or_default(),
        decision.and_then(|decision| decision.reason.as_deref()).map(cell).unwrap_or_default(),
        cell(&joined(request.terms.slots.iter().map(|slot| slot.slot.group.as_str()).collect())),
        request.payload.language.as_deref().map(cell).unwrap_or_default(),
        cell(&request.payload.command),
        request.reason.as_deref().map(cell).unwrap_or_default(),
        request.digest.to_string(),
        request.revision.to_string(),
        modified_by.map(|person| cell(person.as_str())).unwrap_or_default(),
        working.map(|time| format!("{:.6}", time.as_secs_f64())).unwrap_or_default(),
        request.payload.duration_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
        used.unwrap_or_default().to_owned(),
        execution.and_then(|execution| execution.exit_code).map(|code| code.to_string()).unwrap_or_default(),
    ]
}

/// Returns an enum as its JSON text.
fn text_of(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_one_csv_line() {
        let header = String::from_utf8(csv_header().expect("plain")).expect("UTF-8");
        assert_eq!(header.matches(',').count(), COLUMNS.len() - 1);
        assert!(header.ends_with("\r\n"));
    }
}
