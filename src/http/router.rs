//! Every route with who may call it, in one table.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use super::access::{Access, Guard, guard, guard_page};
use super::problem::INTERNAL;
use super::rate_limit::gate;
use super::refusals::counted;
use super::route::{Route, delete, get, post, put, route};
use super::{App, MAX_BODY, MAX_MANIFEST, Problem, api, assets, callbacks, live, oauth, pages, scim};
use crate::codes::Code;
use crate::identity::Right;
use crate::trace::TraceContext;

/// Every route of the hub.
pub fn routes() -> Vec<Route> {
    [
        public(),
        sign_in(),
        lists(),
        pages::inbox::routes(),
        devices(),
        requests(),
        request_pages(),
        grants(),
        configuration(),
        templates(),
        endpoints(),
        deliveries(),
        administration(),
        provisioning(),
        pages::settings::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The hub's whole surface, made from [`routes`].
pub fn router(app: App) -> Router {
    let made = routes().into_iter().fold(Router::new(), |router, route| {
        let handler = match route.access {
            Access::Right(right) => {
                let guarded = Guard { app: app.clone(), right };
                route.handler.route_layer(from_fn_with_state(guarded, guard))
            }
            Access::Open | Access::Link | Access::Signature => {
                route.handler.route_layer(from_fn_with_state(app.clone(), gate))
            }
            Access::Session => {
                let guarded = Guard { app: app.clone(), right: Right::Participate };
                route.handler.route_layer(from_fn_with_state(guarded, guard_page))
            }
            Access::Page(right) => {
                let guarded = Guard { app: app.clone(), right };
                route.handler.route_layer(from_fn_with_state(guarded, guard_page))
            }
            Access::Probe => route.handler,
        };
        router.route(route.path, handler)
    });
    let limited = from_fn_with_state(app.clone(), gate);
    made.fallback(no_such_route.layer(limited.clone()))
        .method_not_allowed_fallback(no_such_method.layer(limited))
        .layer(from_fn_with_state(app.clone(), counted))
        .layer(from_fn(traced))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CompressionLayer::new().compress_when(is_page_or_asset))
        .layer(CatchPanicLayer::custom(|_| {
            // The panic itself is printed to standard error; the caller sees no internals.
            Problem::new(Code::Internal, INTERNAL).into_response()
        }))
        .layer(from_fn(scim::in_scim_terms))
        .with_state(app)
}

/// Whether a response is compressed: pages, styles and scripts. The API's answers are not: they would cost time, and their
/// lengths would depend on what is in them.
fn is_page_or_asset(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ["text/html", "text/css", "text/javascript"].iter().any(|compressed| media_type.starts_with(compressed))
}

/// Routes without a token.
fn public() -> Vec<Route> {
    let get = MethodFilter::GET;
    let post = MethodFilter::POST;
    vec![
        route(get, "/assets/{file}", Access::Open, assets::asset),
        route(get, "/schemas/{file}", Access::Open, assets::schema),
        route(get, "/healthz", Access::Probe, api::health::alive),
        route(get, "/readyz", Access::Probe, api::health::ready),
        route(get, "/metrics", Access::Probe, api::health::metrics),
        route(get, "/c/{token}", Access::Link, callbacks::show),
        route(post, "/c/{token}", Access::Link, callbacks::decide),
        route(MethodFilter::OPTIONS, "/c/{token}", Access::Link, callbacks::options),
        route(get, "/c/{token}/seen", Access::Link, callbacks::seen),
        route(post, "/v1/slack/interactions", Access::Signature, api::slack::interactions),
        route(post, "/v1/slack/commands", Access::Signature, api::slack::commands),
    ]
}

/// Pages on which people sign in, and see that they are.
fn sign_in() -> Vec<Route> {
    use pages::{account, sign_in};

    let (get, post) = (MethodFilter::GET, MethodFilter::POST);
    vec![
        route(get, "/sign-in", Access::Open, sign_in::show),
        route(post, "/sign-in/token", Access::Open, sign_in::with_token),
        route(get, "/sign-in/oidc", Access::Open, sign_in::oidc::begin),
        route(get, "/sign-in/callback", Access::Open, sign_in::oidc::finish),
        route(post, "/sign-in/backchannel-logout", Access::Signature, sign_in::backchannel::log_out),
        route(get, "/sign-out/provider", Access::Open, sign_in::oidc::sign_out),
        route(get, "/sign-in/link/{secret}", Access::Link, sign_in::link::show),
        route(post, "/sign-in/link/{secret}", Access::Link, sign_in::link::use_it),
        route(post, "/sign-out", Access::Session, account::sign_out),
        route(get, "/account", Access::Session, account::show),
        route(post, "/account/sessions", Access::Session, account::end),
    ]
}

/// Pages on which people look for requests and for access, and ask.
fn lists() -> Vec<Route> {
    use pages::{access, analytics, ask, requests};

    let (get, post) = (MethodFilter::GET, MethodFilter::POST);
    vec![
        route(get, "/requests", Access::Session, requests::show),
        route(post, "/requests/views", Access::Session, requests::save_view),
        route(get, "/ask", Access::Page(Right::Ask), ask::show),
        route(post, "/ask", Access::Page(Right::Ask), ask::send),
        route(post, "/ask/check", Access::Page(Right::Ask), ask::check_part),
        route(get, "/access", Access::Session, access::show),
        route(get, "/analytics", Access::Page(Right::ReadAnalytics), analytics::show),
        route(post, "/access/{id}/end", Access::Page(Right::Revoke), access::end),
    ]
}

/// How programs get a session or a token, and what they are told about theirs.
fn devices() -> Vec<Route> {
    use api::{me, views};
    use oauth::{device, exchange};
    use pages::device as page;

    vec![
        small(route(MethodFilter::POST, "/v1/device/authorize", Access::Open, device::authorize)),
        small(route(MethodFilter::POST, "/v1/device/token", Access::Open, device::token)),
        small(route(MethodFilter::POST, "/v1/token", Access::Open, exchange::exchange)),
        route(MethodFilter::GET, "/device", Access::Session, page::show),
        route(MethodFilter::POST, "/device", Access::Session, page::decide),
        get("/v1/me", Right::Participate, me::show),
        delete("/v1/me/session", Right::Participate, me::sign_out),
        get("/v1/me/resources", Right::Ask, me::resources),
        get("/v1/me/views", Right::Participate, views::list),
        put("/v1/me/views/{name}", Right::Participate, views::put),
        delete("/v1/me/views/{name}", Right::Participate, views::delete),
    ]
}

/// A route whose body is read before the hub knows who calls, and so has to be small.
fn small(route: Route) -> Route {
    Route { handler: route.handler.layer(DefaultBodyLimit::max(oauth::MAX_FORM)), ..route }
}

fn requests() -> Vec<Route> {
    use api::{bulk, inbox, requests};

    vec![
        get("/v1/inbox", Right::Participate, inbox::show),
        // A person's token may list what waits for that person.
        get("/v1/requests", Right::Participate, requests::list),
        post("/v1/requests", Right::Ask, requests::create),
        post("/v1/requests/bulk-reject", Right::Vote, bulk::reject),
        post("/v1/requests/bulk-approve", Right::Vote, bulk::approve),
        get("/v1/requests/{id}", Right::Participate, requests::show),
        get("/v1/requests/{id}/audit", Right::Participate, requests::trail),
        get("/v1/requests/{id}/explain", Right::Participate, requests::explain),
        get("/v1/requests/{id}/history", Right::Participate, requests::history),
        get("/v1/requests/{id}/timeline", Right::Participate, requests::timeline),
        get("/v1/requests/{id}/comments", Right::Participate, requests::comments),
        post("/v1/requests/{id}/comments", Right::Participate, requests::comment),
        post("/v1/requests/{id}/remind", Right::Participate, requests::remind),
        post("/v1/requests/{id}/try-change", Right::Participate, requests::try_change),
        post("/v1/requests/{id}/approve", Right::Vote, requests::approve),
        post("/v1/requests/{id}/reject", Right::Vote, requests::reject),
        post("/v1/requests/{id}/cancel", Right::Ask, requests::cancel),
        post("/v1/requests/{id}/revise", Right::Ask, requests::revise),
        post("/v1/requests/{id}/break-glass", Right::BreakGlass, requests::break_glass),
        post("/v1/requests/{id}/review", Right::ReviewEmergency, requests::review),
        post("/v1/requests/{id}/claim", Right::Ask, requests::claim),
        post("/v1/requests/{id}/heartbeat", Right::Ask, requests::heartbeat),
        post("/v1/requests/{id}/result", Right::Ask, requests::report),
        post("/v1/requests/{id}/revoke", Right::Revoke, requests::revoke),
        post("/v1/evaluate", Right::Evaluate, requests::evaluate),
    ]
}

/// Pages on which people read requests, and decide.
fn request_pages() -> Vec<Route> {
    use pages::request;

    let (get, post) = (MethodFilter::GET, MethodFilter::POST);
    vec![
        route(get, "/live", Access::Session, live::stream),
        route(get, "/requests/{id}", Access::Session, request::show),
        route(post, "/requests/{id}/vote", Access::Session, request::vote),
        route(get, "/requests/{id}/edit", Access::Session, request::edit),
        route(post, "/requests/{id}/edit", Access::Session, request::check),
        route(get, "/requests/{id}/revise", Access::Session, request::show_revise),
        route(post, "/requests/{id}/revise", Access::Session, request::revise),
        route(post, "/requests/{id}/cancel", Access::Session, request::cancel),
        route(post, "/requests/{id}/comments", Access::Session, request::comment),
        route(post, "/requests/{id}/remind", Access::Session, request::remind),
    ]
}

/// Time-limited access, and the chat accounts of people.
fn grants() -> Vec<Route> {
    use api::{grants, identities};

    vec![
        // A person's token may ask about that person.
        get("/v1/access", Right::Participate, grants::access),
        get("/v1/grants", Right::Participate, grants::list),
        get("/v1/grants/{id}", Right::Participate, grants::show),
        post("/v1/grants/{id}/revoke", Right::Revoke, grants::revoke),
        put("/v1/people/{email}/chat-identities", Right::Configure, identities::put),
        get("/v1/people/{email}/chat-identities", Right::Participate, identities::show),
        post("/v1/me/chat-identities", Right::Participate, identities::confirm),
    ]
}

fn configuration() -> Vec<Route> {
    use api::{apply, groups, people, resources};

    let manifest = post("/v1/apply", Right::Configure, apply::apply);
    vec![
        get("/v1/applied", Right::ReadConfiguration, apply::list),
        get("/v1/groups", Right::ReadConfiguration, groups::list),
        put("/v1/groups/{name}", Right::Configure, groups::put),
        get("/v1/groups/{name}", Right::ReadConfiguration, groups::show),
        delete("/v1/groups/{name}", Right::Configure, groups::delete),
        put("/v1/groups/{name}/members", Right::Provision, groups::put_members),
        get("/v1/people", Right::ReadConfiguration, people::list),
        put("/v1/people/{email}", Right::Configure, people::put),
        get("/v1/people/{email}", Right::ReadConfiguration, people::show),
        delete("/v1/people/{email}", Right::Configure, people::delete),
        delete("/v1/people/{email}/sessions", Right::ManageTokens, people::end_sessions),
        get("/v1/resources", Right::ReadConfiguration, resources::list),
        put("/v1/resources/{name}", Right::Configure, resources::put),
        get("/v1/resources/{name}", Right::ReadConfiguration, resources::show),
        delete("/v1/resources/{name}", Right::Configure, resources::delete),
        post("/v1/resources/{name}/trial", Right::Configure, resources::trial),
        Route { handler: manifest.handler.layer(DefaultBodyLimit::max(MAX_MANIFEST)), ..manifest },
    ]
}

fn templates() -> Vec<Route> {
    use api::templates;

    vec![
        get("/v1/templates", Right::ReadConfiguration, templates::list),
        post("/v1/templates/preview", Right::Configure, templates::preview),
        put("/v1/templates/{channel}/{event}", Right::Configure, templates::put),
        get("/v1/templates/{channel}/{event}", Right::ReadConfiguration, templates::show),
        delete("/v1/templates/{channel}/{event}", Right::Configure, templates::delete),
        get("/v1/templates/{channel}/{event}/versions", Right::ReadConfiguration, templates::versions),
        post("/v1/templates/{channel}/{event}/restore", Right::Configure, templates::restore),
    ]
}

fn endpoints() -> Vec<Route> {
    use api::endpoints;

    vec![
        get("/v1/endpoints", Right::ReadConfiguration, endpoints::list),
        post("/v1/endpoints", Right::Configure, endpoints::create),
        get("/v1/endpoints/{id}", Right::ReadConfiguration, endpoints::show),
        route(MethodFilter::PATCH, "/v1/endpoints/{id}", Access::Right(Right::Configure), endpoints::patch),
        delete("/v1/endpoints/{id}", Right::Configure, endpoints::delete),
        post("/v1/endpoints/{id}/test", Right::Configure, endpoints::test),
        post("/v1/endpoints/{id}/pause", Right::Configure, endpoints::pause),
        post("/v1/endpoints/{id}/resume", Right::Configure, endpoints::resume),
        post("/v1/endpoints/{id}/rotate-secret", Right::Configure, endpoints::rotate_secret),
        post("/v1/endpoints/{id}/rotate-links", Right::Configure, endpoints::rotate_links),
    ]
}

fn deliveries() -> Vec<Route> {
    use api::{deliveries, replays};

    vec![
        get("/v1/endpoints/{id}/deliveries", Right::ReadConfiguration, deliveries::list),
        get("/v1/endpoints/{id}/attempts", Right::ReadConfiguration, deliveries::log),
        post("/v1/endpoints/{id}/replay", Right::Configure, replays::create),
        get("/v1/endpoints/{id}/replays", Right::ReadConfiguration, replays::list),
        get("/v1/deliveries/{id}", Right::ReadConfiguration, deliveries::show),
        post("/v1/deliveries/{id}/retry", Right::Configure, deliveries::retry),
        get("/v1/replays/{id}", Right::ReadConfiguration, replays::show),
        post("/v1/replays/{id}/cancel", Right::Configure, replays::cancel),
    ]
}

fn administration() -> Vec<Route> {
    use api::{analytics, audit, tokens};

    vec![
        post("/v1/sign-in-links", Right::ManageTokens, tokens::sign_in_link),
        get("/v1/tokens", Right::ManageTokens, tokens::list),
        post("/v1/tokens", Right::ManageTokens, tokens::create),
        delete("/v1/tokens/{id}", Right::ManageTokens, tokens::revoke),
        post("/v1/tokens/{id}/rotate", Right::ManageTokens, tokens::rotate),
        get("/v1/analytics/summary", Right::ReadAnalytics, analytics::summary),
        get("/v1/analytics/export", Right::ReadAnalytics, analytics::export),
        get("/v1/audit", Right::ReadAudit, audit::list),
    ]
}

/// What directories call.
fn provisioning() -> Vec<Route> {
    use scim::{discovery, groups, users};

    let right = Right::Provision;
    let patch = MethodFilter::PATCH;
    vec![
        get("/scim/v2/ServiceProviderConfig", right, discovery::config),
        get("/scim/v2/ResourceTypes", right, discovery::resource_types),
        get("/scim/v2/ResourceTypes/{name}", right, discovery::resource_type),
        get("/scim/v2/Schemas", right, discovery::schemas),
        get("/scim/v2/Schemas/{id}", right, discovery::schema),
        get("/scim/v2/Users", right, users::list),
        post("/scim/v2/Users", right, users::create),
        get("/scim/v2/Users/{id}", right, users::show),
        put("/scim/v2/Users/{id}", right, users::replace),
        route(patch, "/scim/v2/Users/{id}", Access::Right(right), users::patch),
        delete("/scim/v2/Users/{id}", right, users::delete),
        get("/scim/v2/Groups", right, groups::list),
        post("/scim/v2/Groups", right, groups::create),
        get("/scim/v2/Groups/{id}", right, groups::show),
        put("/scim/v2/Groups/{id}", right, groups::replace),
        route(patch, "/scim/v2/Groups/{id}", Access::Right(right), groups::patch),
        delete("/scim/v2/Groups/{id}", right, groups::delete),
        get("/scim/v2/Me", right, discovery::not_implemented),
        post("/scim/v2/Bulk", right, discovery::not_implemented),
        post("/scim/v2/.search", right, discovery::not_implemented),
    ]
}

/// Works as part of the trace that the caller names, or of a new one.
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

/// A problem document, or a page for a person who followed a wrong link.
async fn no_such_route(request: Request) -> Response {
    let problem = Problem::new(Code::NotFound, "there is nothing at this path");
    let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/html") { pages::no_such_page(&problem) } else { problem.into_response() }
}

async fn no_such_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "this path does not support the method: see the Allow header")
}
