//! Existing objects that a manifest does not name, and endpoints that it probably meant to rename.

use std::collections::{BTreeMap, HashSet};

use secrecy::ExposeSecret;
use url::Url;

use crate::hub::HubError;
use crate::hub::apply_plan::{ConfigChange, Unnamed};
use crate::store::Session;
use crate::store::endpoints::{self, Endpoint};
use crate::store::names::{self, Table};
use crate::store::templates::{self, Reach};

/// Most objects of one kind that are listed.
const MAX_LISTED: usize = 200;

/// Returns warnings about endpoints with the same target, and the objects that the manifest does not name.
pub(super) async fn unnamed_and_duplicates(
    session: &mut Session,
    changes: &[ConfigChange],
) -> Result<(Vec<String>, Vec<Unnamed>), HubError> {
    let named: HashSet<(&str, &str)> = changes.iter().map(|change| (change.kind, change.name.as_str())).collect();
    let is_named = |kind: &'static str, name: &str| named.contains(&(kind, name));
    let mut unnamed = Vec::new();
    let mut list = |kind: &'static str, names: Vec<String>| {
        let others = names.into_iter().filter(|name| !is_named(kind, name)).take(MAX_LISTED);
        unnamed.extend(others.map(|name| Unnamed { kind, name }));
    };
    let limit = MAX_LISTED + named.len();
    for (kind, table) in [("group", Table::Groups), ("person", Table::People), ("resource", Table::Resources)] {
        list(kind, names::first(session, table, limit).await?);
    }
    let endpoints = endpoints::all(session).await?;
    list("endpoint", endpoints.iter().map(|endpoint| endpoint.name.to_string()).collect());
    let called: BTreeMap<_, _> = endpoints.iter().map(|endpoint| (endpoint.id, &endpoint.name)).collect();
    let of_template = |key: &templates::TemplateKey| {
        let reach = match key.reach {
            Reach::Endpoint(id) => called.get(&id).map_or_else(String::new, |name| format!(" for endpoint:{name}")),
            ref reach => Some(reach.to_string())
                .filter(|reach| !reach.is_empty())
                .map_or_else(String::new, |reach| format!(" for {reach}")),
        };
        format!("{}/{}{reach}", key.channel.as_str(), key.name)
    };
    list("template", templates::current(session).await?.iter().map(|kept| of_template(&kept.key)).collect());
    Ok((duplicate_targets(&endpoints, |name| is_named("endpoint", name)), unnamed))
}

/// Normalizes a URL for comparison: host in lower case, no default port, no fragment.
fn normalized(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return text.to_owned() };
    url.set_fragment(None);
    url.into()
}

/// Warnings about endpoints with the same target, if the manifest names one of them.
fn duplicate_targets(endpoints: &[Endpoint], is_named: impl Fn(&str) -> bool) -> Vec<String> {
    let mut by_target: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for endpoint in endpoints {
        let within = endpoint.transport.slack.as_ref().map(|app| (&app.channel, &app.team));
        by_target.entry((normalized(endpoint.url.expose_secret()), within)).or_default().push(endpoint.name.as_str());
    }
    let warning = |names: Vec<&str>| {
        let others: Vec<&str> = names.iter().copied().filter(|name| !is_named(name)).collect();
        if names.len() < 2 || others.len() == names.len() {
            return None;
        }
        let hint = match others.as_slice() {
            [] => String::new(),
            others => {
                format!(" This manifest does not name {}: if it was renamed, delete the old one.", others.join(", "))
            }
        };
        Some(format!(
            "endpoints {} have the same target: it receives every message twice that both of them want.{hint}",
            names.join(", ")
        ))
    };
    by_target.into_values().filter_map(warning).collect()
}
