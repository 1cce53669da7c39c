//! One endpoint: how it is, its last deliveries, and what can be done with it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::condition::Condition;
use super::fields::facts;
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::managed::Managed;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::once::once;
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::settings::text::joined;
use crate::http::pages::shell::Shell;
use crate::http::pages::time::PageTime;
use crate::http::pages::viewer::Viewer;
use crate::hub::{EndpointStatus, HubError};
use crate::ids::EndpointId;
use crate::store::deliveries::{Delivery, DeliveryState};
use crate::store::delivery_log;
use crate::store::endpoints::EndpointState;
use crate::store::events::KINDS;

/// Deliveries on a page.
const MANY: u32 = 25;
/// The states to choose from.
const STATES: [DeliveryState; 8] = [
    DeliveryState::Pending,
    DeliveryState::Leased,
    DeliveryState::Delivered,
    DeliveryState::Accepted,
    DeliveryState::Failed,
    DeliveryState::Expired,
    DeliveryState::Superseded,
    DeliveryState::Discarded,
];

#[derive(Template)]
#[template(path = "pages/settings/endpoint.html")]
struct EndpointPage {
    shell: Shell,
    frame: Frame,
    id: String,
    name: String,
    channel: &'static str,
    groups: String,
    condition: Condition,
    facts: Vec<(&'static str, String)>,
    deliveries: Vec<Line>,
    next: Option<String>,
    /// Each with whether it is chosen.
    states: Vec<(&'static str, bool)>,
    events: Vec<(&'static str, bool)>,
    kinds: [&'static str; 24],
    is_off: bool,
    is_paused: bool,
    signs: bool,
    retiring: Vec<PageTime>,
    once: String,
    managed: Option<Managed>,
}

/// A delivery in a list.
pub(super) struct Line {
    id: String,
    at: PageTime,
    event: String,
    request: Option<String>,
    state: &'static str,
    /// A CSS class.
    mood: &'static str,
    says: String,
}

impl Line {
    fn of(delivery: &Delivery, viewer: &Viewer) -> Self {
        Self {
            id: delivery.id.to_string(),
            at: viewer.reader.time(delivery.created_at),
            event: delivery.event.clone(),
            request: delivery.request_id.map(|id| id.to_string()),
            state: delivery.state.as_str(),
            mood: mood(delivery.state),
            says: says(delivery, viewer),
        }
    }
}

/// The CSS class of a state.
pub(super) const fn mood(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending | DeliveryState::Leased => "warn",
        DeliveryState::Delivered | DeliveryState::Accepted => "yes",
        DeliveryState::Failed => "no",
        DeliveryState::Expired | DeliveryState::Superseded | DeliveryState::Discarded => "",
    }
}

/// What is known about a delivery besides its state.
pub(super) fn says(delivery: &Delivery, viewer: &Viewer) -> String {
    let tried = match delivery.attempts {
        0 => "not tried".to_owned(),
        1 => "1 attempt".to_owned(),
        many => format!("{many} attempts"),
    };
    let next = delivery.next_attempt_at.filter(|_| delivery.state == DeliveryState::Pending);
    let next = next.map(|at| format!(", next at {}", viewer.reader.time(at).shown)).unwrap_or_default();
    let why = delivery.end_reason.as_deref().map(|why| format!(", {why}")).unwrap_or_default();
    format!("{tried}{next}{why}")
}

/// `GET /settings/endpoints/{id}`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    query: PageQuery,
) -> PageResult {
    Ok(endpoint_page(&app, &viewer, id, &query).await?)
}

async fn endpoint_page(app: &App, viewer: &Viewer, id: EndpointId, query: &PageQuery) -> Result<Response, HubError> {
    let state = query.get("state").and_then(|name| STATES.into_iter().find(|state| state.as_str() == name));
    let event = query.get("event").and_then(|name| KINDS.into_iter().find(|kind| *kind == name));
    let filter = delivery_log::Filter {
        states: state.into_iter().collect(),
        events: event.iter().map(|event| (*event).to_owned()).collect(),
        ..delivery_log::Filter::default()
    };
    let (status, deliveries) =
        app.hub.endpoint_with_deliveries(&viewer.caller, id, &filter, MANY, query.get("cursor")).await?;
    let (shell, frame) = Frame::of(app, viewer, Section::Endpoints).await?;
    let EndpointStatus { endpoint, .. } = &status;
    let page = EndpointPage {
        shell,
        frame: frame.after(query),
        id: endpoint.id.to_string(),
        name: endpoint.name.to_string(),
        channel: endpoint.channel.as_str(),
        groups: joined(&endpoint.groups, "nobody to decide"),
        condition: Condition::of(&status, &viewer.reader),
        facts: facts(endpoint, &viewer.reader),
        deliveries: deliveries.items.iter().map(|delivery| Line::of(delivery, viewer)).collect(),
        next: query.next(&format!("/settings/endpoints/{id}"), deliveries.next_cursor.as_deref()),
        states: STATES.iter().map(|one| (one.as_str(), Some(*one) == state)).collect(),
        events: KINDS.iter().map(|kind| (*kind, Some(*kind) == event)).collect(),
        kinds: KINDS,
        is_off: endpoint.state == EndpointState::Disabled,
        is_paused: endpoint.paused_at.is_some(),
        signs: !crate::channels::Declaration::of(endpoint.channel).is_chat(),
        once: once(),
        managed: Managed::of(app, viewer, "endpoint", endpoint.name.as_str()).await?,
        retiring: endpoint.retiring.iter().map(|old| viewer.reader.time(old.until)).collect(),
    };
    Ok(page_response(StatusCode::OK, &page))
}
