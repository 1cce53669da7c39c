//! What a manifest does not say: what is there besides, and endpoints that it may have meant to rename.

use std::collections::{BTreeMap, HashSet};

use secrecy::ExposeSecret;
use url::Url;

use super::plan::{Change, Unnamed};
use crate::hub::HubError;
use crate::store::Session;
use crate::store::endpoints::{self, Endpoint};
use crate::store::names::{self, Table};
use crate::store::templates::{self, Reach};

/// Most things of one kind that are listed.
const MOST: usize = 200;

/// Warnings of endpoints with the same target, and what the manifest does not name, of each kind some at most.
pub(super) async fn besides(
    session: &mut Session,
    changes: &[Change],
) -> Result<(Vec<String>, Vec<Unnamed>), HubError> {
    let named: HashSet<(&str, &str)> = changes.iter().map(|change| (change.kind, change.name.as_str())).collect();
    let is_named = |kind: &'static str, name: &str| named.contains(&(kind, name));
    let mut unnamed = Vec::new();
    let mut list = |kind: &'static str, names: Vec<String>| {
        let others = names.into_iter().filter(|name| !is_named(kind, name)).take(MOST);
        unnamed.extend(others.map(|name| Unnamed { kind, name }));
    };
    let most = MOST + named.len();
    for (kind, table) in [("group", Table::Groups), ("person", Table::People), ("resource", Table::Resources)] {
        list(kind, names::first(session, table, most).await?);
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
    Ok((twins(&endpoints, |name| is_named("endpoint", name)), unnamed))
}

/// Where a URL leads, however it is written: host in lower case, no port that its scheme means anyway, no fragment.
fn place(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return text.to_owned() };
    url.set_fragment(None);
    url.into()
}

/// Warnings of endpoints that go to the same place, where the manifest names one of them.
fn twins(endpoints: &[Endpoint], is_named: impl Fn(&str) -> bool) -> Vec<String> {
    let mut by_place: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for endpoint in endpoints {
        let within = endpoint.transport.slack.as_ref().map(|app| (&app.channel, &app.team));
        by_place.entry((place(endpoint.url.expose_secret()), within)).or_default().push(endpoint.name.as_str());
    }
    let told = |names: Vec<&str>| {
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
            "endpoints {} go to the same place: every message comes twice where both want it.{hint}",
            names.join(", ")
        ))
    };
    by_place.into_values().filter_map(told).collect()
}
