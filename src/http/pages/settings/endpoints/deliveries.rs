//! One delivery with its attempts.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::one::{mood, says};
use crate::channels::text::{Listing, Part};
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::shell::Shell;
use crate::http::pages::time::PageTime;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::hub::DeliveryDetail;
use crate::ids::DeliveryId;
use crate::store::deliveries::{Attempt, DeliveryState};

#[derive(Template)]
#[template(path = "pages/settings/delivery.html")]
struct DeliveryPage {
    shell: Shell,
    frame: Frame,
    id: String,
    endpoint: String,
    event: String,
    event_id: String,
    request: Option<String>,
    at: PageTime,
    state: &'static str,
    mood: &'static str,
    says: String,
    attempts: Vec<Line>,
    /// The beginning of the last answer.
    answer: Option<Listing>,
    has_ended: bool,
}

/// An attempt.
struct Line {
    number: u32,
    at: PageTime,
    class: String,
    is_good: bool,
    status: String,
    error: String,
    took: String,
}

impl Line {
    fn of(attempt: &Attempt, viewer: &Viewer) -> Self {
        Self {
            number: attempt.number,
            at: viewer.reader.time(attempt.started_at),
            class: attempt.class.clone(),
            is_good: attempt.class == "success",
            status: attempt.status.map_or_else(|| "none".to_owned(), |status| status.to_string()),
            error: attempt.error.clone().unwrap_or_default(),
            took: format!("{} ms", attempt.duration_us / 1_000),
        }
    }
}

/// `GET /settings/deliveries/{id}`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<DeliveryId>,
    query: PageQuery,
) -> PageResult {
    let DeliveryDetail { delivery, attempt_log } = app.hub.delivery(&viewer.caller, id).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::Endpoints).await?;
    let answer = attempt_log.iter().rev().find_map(|attempt| attempt.answer.as_deref());
    let page = DeliveryPage {
        shell,
        frame: frame.after(&query),
        id: delivery.id.to_string(),
        endpoint: delivery.endpoint_id.to_string(),
        event: delivery.event.clone(),
        event_id: delivery.event_id.to_string(),
        request: delivery.request_id.map(|id| id.to_string()),
        at: viewer.reader.time(delivery.created_at),
        state: delivery.state.as_str(),
        mood: mood(delivery.state),
        says: says(&delivery, &viewer),
        attempts: attempt_log.iter().map(|attempt| Line::of(attempt, &viewer)).collect(),
        answer: answer.filter(|answer| !answer.is_empty()).map(Listing::of),
        has_ended: !matches!(delivery.state, DeliveryState::Pending | DeliveryState::Leased),
    };
    Ok(page_response(StatusCode::OK, &page))
}

/// `POST /settings/deliveries/{id}/retry`
pub(in crate::http::pages::settings) async fn retry(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<DeliveryId>,
    _: PostedForm,
) -> PageResult {
    app.hub.retry_delivery(&viewer.caller, id).await?;
    Ok(went_well(&format!("/settings/deliveries/{id}"), "retried"))
}
