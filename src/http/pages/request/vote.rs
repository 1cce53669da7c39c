//! A vote that a form of a page sends.

use axum::extract::State;
use axum::response::Response;

use crate::approval::Choice;
use crate::codes::Code;
use crate::http::extract::Segment;
use crate::http::pages::layout::page_response;
use crate::http::pages::message::{Back, MessagePage};
use crate::http::pages::sign_in::redirect;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::return_path::ReturnPath;
use crate::http::{App, Problem};
use crate::hub::VoteInput;
use crate::ids::RequestId;

/// `POST /requests/{id}/vote`: casts the vote, and leads back to the page that `return` names.
pub(in crate::http) async fn cast(
    State(app): State<App>,
    viewer: Viewer,
    Segment(id): Segment<RequestId>,
    form: PostedForm,
) -> Response {
    let back = form.get("return").map_or_else(|| format!("/requests/{id}"), str::to_owned);
    let back = ReturnPath::parse(Some(&back)).to_string();
    let voted = match read(&form) {
        Ok((choice, input)) => app.hub.vote(&viewer.caller, id, choice, input).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match voted {
        Ok(_) => redirect(&back),
        Err(problem) => {
            let back = Back { label: "Go back", path: back };
            page_response(problem.status(), &MessagePage::new("That vote does not count", problem.detail(), Some(back)))
        }
    }
}

/// The vote that a form describes.
fn read(form: &PostedForm) -> Result<(Choice, VoteInput), Problem> {
    let choice = match form.get("decision") {
        Some("approve" | "change") => Choice::Approve,
        Some("reject") => Choice::Reject,
        _ => {
            return Err(Problem::new(
                Code::InvalidParameter,
                "the form does not say what was decided: go back, and decide there",
            ));
        }
    };
    let input = VoteInput {
        group: field(form, "group")?,
        reason: form.filled("reason").map(str::to_owned),
        revision: field(form, "revision")?,
        digest: field(form, "digest")?,
        on_behalf_of: field(form, "on_behalf_of")?,
        command: form.get("command").filter(|_| form.get("decision") == Some("change")).map(str::to_owned),
        duration_seconds: field(form, "duration")?,
        starts_at: None,
    };
    Ok((choice, input))
}

/// A field that may be empty.
fn field<T: std::str::FromStr>(form: &PostedForm, name: &str) -> Result<Option<T>, Problem> {
    let parse = |text: &str| {
        text.trim().parse().map_err(|_| Problem::new(Code::InvalidParameter, format!("{name} has an invalid value")))
    };
    form.filled(name).map(parse).transpose()
}
