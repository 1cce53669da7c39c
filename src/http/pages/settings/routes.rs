//! The routes of the set-up pages, each with the right that it needs.

use super::{audit, endpoints, groups, overview, people, tokens};
use crate::http::route::{Route, form, page};
use crate::identity::Right;

const SEE: Right = Right::ReadConfiguration;
const CHANGE: Right = Right::Configure;
const TOKENS: Right = Right::ManageTokens;
const AUDIT: Right = Right::ReadAudit;

/// Every route under `/settings`.
pub(in crate::http) fn routes() -> Vec<Route> {
    let single = vec![page("/settings", SEE, overview::show), page("/settings/audit", AUDIT, audit::show)];
    [single, of_groups(), of_people(), of_endpoints(), of_tokens()].into_iter().flatten().collect()
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
