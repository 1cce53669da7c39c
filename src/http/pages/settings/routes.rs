//! The routes of the set-up pages, each with the right that it needs.

use super::{endpoints, overview};
use crate::http::route::{Route, form, page};
use crate::identity::Right;

const SEE: Right = Right::ReadConfiguration;
const CHANGE: Right = Right::Configure;

/// Every route under `/settings`.
pub(in crate::http) fn routes() -> Vec<Route> {
    let overview = vec![page("/settings", SEE, overview::show)];
    [overview, of_endpoints()].into_iter().flatten().collect()
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
