//! Which endpoints hear of what happens to a request.

use crate::approval::Request;
use crate::store::endpoints::Endpoint;

/// All filters of an endpoint must match: its events, its resources, and a slot of one of its groups.
pub(super) fn wants(endpoint: &Endpoint, kind: &str, request: &Request) -> bool {
    hears_of(endpoint, kind, request)
        && (endpoint.groups.is_empty() || request.terms.groups().iter().any(|group| endpoint.groups.contains(*group)))
}

/// The filters that do not look at groups.
pub(super) fn hears_of(endpoint: &Endpoint, kind: &str, request: &Request) -> bool {
    (endpoint.events.is_empty() || endpoint.events.contains(kind))
        && (endpoint.resources.is_empty() || endpoint.resources.contains(&request.resource))
}
