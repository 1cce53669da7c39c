//! All routes of the hub.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use super::problem::INTERNAL;
use super::{App, MAX_BODY, MAX_MANIFEST, Problem, api, assets, callbacks, pages};
use crate::codes::Code;
use crate::trace::TraceContext;

/// Returns the router with all routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(pages::home))
        .route("/assets/{file}", get(assets::asset))
        .route("/schemas/{file}", get(assets::schema))
        .route("/c/{token}", get(callbacks::show).post(callbacks::decide).options(callbacks::options))
        .route("/c/{token}/seen", get(callbacks::seen))
        .route("/healthz", get(api::health::alive))
        .route("/readyz", get(api::health::ready))
        .route("/metrics", get(api::health::metrics))
        .nest("/v1", request_routes().merge(configuration_routes()).merge(endpoint_routes()))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(axum::middleware::from_fn(traced))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(|_| {
            // The panic itself is printed to standard error; the caller sees no internals.
            Problem::new(Code::Internal, INTERNAL).into_response()
        }))
        .with_state(app)
}

/// Requests, access, analytics and the audit trail.
fn request_routes() -> Router<App> {
    use api::{analytics, audit, bulk, grants, requests, slack};

    Router::new()
        .route("/requests", get(requests::list).post(requests::create))
        .route("/requests/bulk-reject", post(bulk::reject))
        .route("/requests/bulk-approve", post(bulk::approve))
        .route("/requests/{id}", get(requests::show))
        .route("/requests/{id}/approve", post(requests::approve))
        .route("/requests/{id}/reject", post(requests::reject))
        .route("/requests/{id}/cancel", post(requests::cancel))
        .route("/requests/{id}/revise", post(requests::revise))
        .route("/requests/{id}/break-glass", post(requests::break_glass))
        .route("/requests/{id}/review", post(requests::review))
        .route("/requests/{id}/claim", post(requests::claim))
        .route("/requests/{id}/heartbeat", post(requests::heartbeat))
        .route("/requests/{id}/result", post(requests::report))
        .route("/requests/{id}/revoke", post(requests::revoke))
        .route("/requests/{id}/audit", get(requests::trail))
        .route("/requests/{id}/explain", get(requests::explain))
        .route("/evaluate", post(requests::evaluate))
        .route("/access", get(grants::access))
        .route("/grants", get(grants::list))
        .route("/grants/{id}", get(grants::show))
        .route("/grants/{id}/revoke", post(grants::revoke))
        .route("/slack/interactions", post(slack::interactions))
        .route("/slack/commands", post(slack::commands))
        .route("/analytics/summary", get(analytics::summary))
        .route("/analytics/export", get(analytics::export))
        .route("/audit", get(audit::list))
}

/// People, groups, resources, templates, tokens and manifests.
fn configuration_routes() -> Router<App> {
    use api::{apply, groups, identities, people, resources, templates, tokens};

    Router::new()
        .route("/groups", get(groups::list))
        .route("/groups/{name}", put(groups::put).get(groups::show).delete(groups::delete))
        .route("/people", get(people::list))
        .route("/people/{email}", put(people::put).get(people::show).delete(people::delete))
        .route("/people/{email}/chat-identities", put(identities::put).get(identities::show))
        .route("/me/chat-identities", post(identities::confirm))
        .route("/templates", get(templates::list))
        .route("/templates/preview", post(templates::preview))
        .route("/templates/{channel}/{event}", put(templates::put).get(templates::show).delete(templates::delete))
        .route("/templates/{channel}/{event}/versions", get(templates::versions))
        .route("/templates/{channel}/{event}/restore", post(templates::restore))
        .route("/resources", get(resources::list))
        .route("/resources/{name}", put(resources::put).get(resources::show).delete(resources::delete))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{id}", delete(tokens::revoke))
        .route("/apply", post(apply::apply).layer(DefaultBodyLimit::max(MAX_MANIFEST)))
}

/// Endpoints, their deliveries and replays.
fn endpoint_routes() -> Router<App> {
    use api::{deliveries, endpoints, replays};

    Router::new()
        .route("/endpoints", get(endpoints::list).post(endpoints::create))
        .route("/endpoints/{id}", get(endpoints::show).patch(endpoints::patch).delete(endpoints::delete))
        .route("/endpoints/{id}/test", post(endpoints::test))
        .route("/endpoints/{id}/pause", post(endpoints::pause))
        .route("/endpoints/{id}/resume", post(endpoints::resume))
        .route("/endpoints/{id}/rotate-secret", post(endpoints::rotate_secret))
        .route("/endpoints/{id}/rotate-links", post(endpoints::rotate_links))
        .route("/endpoints/{id}/deliveries", get(deliveries::list))
        .route("/endpoints/{id}/attempts", get(deliveries::log))
        .route("/endpoints/{id}/replay", post(replays::create))
        .route("/endpoints/{id}/replays", get(replays::list))
        .route("/deliveries/{id}", get(deliveries::show))
        .route("/deliveries/{id}/retry", post(deliveries::retry))
        .route("/replays/{id}", get(replays::show))
        .route("/replays/{id}/cancel", post(replays::cancel))
}

/// Runs the call in the trace that the caller names, or in a new one.
async fn traced(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let mut parents = headers.get_all("traceparent").iter();
    let parent = match (parents.next(), parents.next()) {
        (Some(parent), None) => parent.to_str().ok(),
        // Absent or ambiguous.
        _ => None,
    };
    // A value that is not text makes the whole state invalid, as does any invalid entry.
    let states = headers.get_all("tracestate").iter().map(|value| value.to_str().unwrap_or("?"));
    let named = parent.and_then(|parent| TraceContext::from_headers(parent, states).ok());
    named.unwrap_or_else(TraceContext::mint).scope(next.run(request)).await
}

async fn no_such_route() -> Problem {
    Problem::new(Code::NotFound, "there is nothing at this path")
}

async fn no_such_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "this path does not support the method: see the Allow header")
}
