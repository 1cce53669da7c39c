//! Which endpoints receive an event about a request.

use crate::approval::Request;
use crate::store::endpoints::Endpoint;

/// Whether all filters of an endpoint match: its events, its resources, and a slot of one of its groups.
pub(super) fn wants(endpoint: &Endpoint, kind: &str, request: &Request) -> bool {
    matches_event_and_resource(endpoint, kind, request)
        && (endpoint.groups.is_empty() || request.terms.groups().iter().any(|group| endpoint.groups.contains(*group)))
}

/// Whether the endpoint's filters of events and resources match.
pub(super) fn matches_event_and_resource(endpoint: &Endpoint, kind: &str, request: &Request) -> bool {
    (endpoint.events.is_empty() || endpoint.events.contains(kind))
        && (endpoint.resources.is_empty() || endpoint.resources.contains(&request.resource))
}
