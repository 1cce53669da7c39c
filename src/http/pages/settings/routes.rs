//! The routes of the set-up pages, each with the right that it needs.

use super::{audit, endpoints, groups, overview, people, resources, start, templates, tokens};
use crate::http::route::{Route, form, page};
use crate::identity::Right;

const SEE: Right = Right::ReadConfiguration;
const CHANGE: Right = Right::Configure;
const TOKENS: Right = Right::ManageTokens;
const AUDIT: Right = Right::ReadAudit;

/// Every route under `/settings`.
pub(in crate::http) fn routes() -> Vec<Route> {
    let start = vec![
        page("/settings/start", CHANGE, start::page::show),
        form("/settings/start/group", CHANGE, start::steps::group),
        form("/settings/start/resource", CHANGE, start::steps::resource),
        form("/settings/start/sample", CHANGE, start::steps::sample),
    ];
    let single = vec![page("/settings", SEE, overview::show), page("/settings/audit", AUDIT, audit::show)];
    [start, single, of_resources(), of_groups(), of_people(), of_endpoints(), of_templates(), of_tokens()]
        .into_iter()
        .flatten()
        .collect()
}

fn of_resources() -> Vec<Route> {
    use resources::{edit, list, one, text};

    vec![
        page("/settings/resources", SEE, list::show),
        page("/settings/new/resource", CHANGE, edit::new),
        form("/settings/new/resource", CHANGE, edit::create),
        page("/settings/resources/{name}", SEE, one::show),
        form("/settings/resources/{name}/evaluate", SEE, one::evaluate),
        page("/settings/resources/{name}/edit", CHANGE, edit::show),
        form("/settings/resources/{name}/edit", CHANGE, edit::save),
        page("/settings/resources/{name}/text", CHANGE, text::show),
        form("/settings/resources/{name}/text", CHANGE, text::save),
        form("/settings/resources/{name}/delete", CHANGE, one::delete),
    ]
}

fn of_groups() -> Vec<Route> {
    use groups::{edit, list, one};

    vec![
        page("/settings/groups", SEE, list::show),
        page("/settings/new/group", CHANGE, edit::new),
        form("/settings/new/group", CHANGE, edit::create),
        page("/settings/groups/{name}", SEE, one::show),
        page("/settings/groups/{name}/edit", CHANGE, edit::show),
        form("/settings/groups/{name}/edit", CHANGE, edit::save),
        form("/settings/groups/{name}/members", CHANGE, one::change_members),
        form("/settings/groups/{name}/delete", CHANGE, one::delete),
    ]
}

fn of_people() -> Vec<Route> {
    use people::{edit, list, one};

    vec![
        page("/settings/people", SEE, list::show),
        page("/settings/new/person", CHANGE, edit::new),
        form("/settings/new/person", CHANGE, edit::create),
        page("/settings/people/{email}", SEE, one::show),
        page("/settings/people/{email}/edit", CHANGE, edit::show),
        form("/settings/people/{email}/edit", CHANGE, edit::save),
        form("/settings/people/{email}/end-sessions", TOKENS, one::end_sessions),
        form("/settings/people/{email}/sign-in-link", TOKENS, one::sign_in_link),
        form("/settings/people/{email}/delete", CHANGE, one::delete),
    ]
}

fn of_templates() -> Vec<Route> {
    use templates::{list, one};

    vec![
        page("/settings/templates", SEE, list::show),
        page("/settings/templates/{channel}/{event}", SEE, one::show),
        form("/settings/templates/{channel}/{event}", CHANGE, one::save),
        form("/settings/templates/{channel}/{event}/restore", CHANGE, one::restore),
        form("/settings/templates/{channel}/{event}/delete", CHANGE, one::delete),
    ]
}

fn of_tokens() -> Vec<Route> {
    vec![
        page("/settings/tokens", TOKENS, tokens::show),
        page("/settings/new/token", TOKENS, tokens::new),
        form("/settings/new/token", TOKENS, tokens::create),
        form("/settings/tokens/{id}/rotate", TOKENS, tokens::rotate),
        form("/settings/tokens/{id}/revoke", TOKENS, tokens::revoke),
    ]
}

fn of_endpoints() -> Vec<Route> {
    use endpoints::{actions, deliveries, edit, list, one, replay};

    vec![
        page("/settings/endpoints", SEE, list::show),
        page("/settings/endpoints/new", CHANGE, edit::new),
        form("/settings/endpoints/new", CHANGE, edit::create),
        page("/settings/endpoints/{id}", SEE, one::show),
        page("/settings/endpoints/{id}/edit", CHANGE, edit::show),
        form("/settings/endpoints/{id}/edit", CHANGE, edit::save),
        form("/settings/endpoints/{id}/pause", CHANGE, actions::pause),
        form("/settings/endpoints/{id}/resume", CHANGE, actions::resume),
        form("/settings/endpoints/{id}/enable", CHANGE, actions::enable),
        form("/settings/endpoints/{id}/test", CHANGE, actions::test),
        form("/settings/endpoints/{id}/rotate-secret", CHANGE, actions::rotate_secret),
        form("/settings/endpoints/{id}/rotate-links", CHANGE, actions::rotate_links),
        form("/settings/endpoints/{id}/delete", CHANGE, actions::delete),
        page("/settings/endpoints/{id}/replay", CHANGE, replay::show),
        form("/settings/endpoints/{id}/replay", CHANGE, replay::start),
        page("/settings/replays/{id}", SEE, replay::progress),
        form("/settings/replays/{id}/cancel", CHANGE, replay::cancel),
        page("/settings/deliveries/{id}", SEE, deliveries::show),
        form("/settings/deliveries/{id}/retry", CHANGE, deliveries::retry),
    ]
}
