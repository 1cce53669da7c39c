//! What the interface can do, and what it cannot.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;

use super::answer::{BASE, Scim};
use super::query::Query;
use crate::codes::Code;
use crate::http::api::Answer;
use crate::http::extract::{Params, Segment};
use crate::http::{App, Problem};
use crate::hub::MAX_USERS;
use crate::identity::scim::{self, ListShape};

fn base(app: &App) -> String {
    format!("{}{BASE}", app.hub.public_url())
}

/// These lists are short, and not to be filtered (RFC 7644 §4).
fn refuse_filter(query: &Query) -> Answer<()> {
    if query.has_filter() {
        return Err(Problem::new(Code::Forbidden, "this list cannot be filtered"));
    }
    Ok(())
}

fn all(items: Vec<Value>) -> Scim {
    let total = u64::try_from(items.len()).unwrap_or(0);
    Scim(StatusCode::OK, scim::list(ListShape { total, start: 1 }, items))
}

fn one(items: Vec<Value>, id: &str) -> Answer<Scim> {
    let found = items.into_iter().find(|item| item.get("id").is_some_and(|known| known == id));
    found.map(|item| Scim(StatusCode::OK, item)).ok_or_else(|| Problem::new(Code::NotFound, "there is no such object"))
}

/// `GET /scim/v2/ServiceProviderConfig`
pub(in crate::http) async fn config(State(app): State<App>, Params(query): Params<Query>) -> Answer<Scim> {
    refuse_filter(&query)?;
    Ok(Scim(StatusCode::OK, scim::service_provider_config(&base(&app), MAX_USERS)))
}

/// `GET /scim/v2/ResourceTypes`
pub(in crate::http) async fn resource_types(State(app): State<App>, Params(query): Params<Query>) -> Answer<Scim> {
    refuse_filter(&query)?;
    Ok(all(scim::resource_types(&base(&app))))
}

/// `GET /scim/v2/ResourceTypes/{name}`
pub(in crate::http) async fn resource_type(State(app): State<App>, Segment(name): Segment<String>) -> Answer<Scim> {
    one(scim::resource_types(&base(&app)), &name)
}

/// `GET /scim/v2/Schemas`
pub(in crate::http) async fn schemas(State(app): State<App>, Params(query): Params<Query>) -> Answer<Scim> {
    refuse_filter(&query)?;
    Ok(all(scim::schemas(&base(&app))))
}

/// `GET /scim/v2/Schemas/{id}`
pub(in crate::http) async fn schema(State(app): State<App>, Segment(id): Segment<String>) -> Answer<Scim> {
    one(scim::schemas(&base(&app)), &id)
}

/// What the protocol has and the hub has not: `/Me`, `/Bulk` and `/.search`.
pub(in crate::http) async fn not_implemented() -> Problem {
    Problem::new(Code::NotImplemented, "this hub does not have this part of SCIM: see ServiceProviderConfig")
}
