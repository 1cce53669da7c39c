//! The query string of a page. Pages ignore what they do not know: a link may be older than the hub.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::http::App;

/// Most parameters that are read.
const MAX: usize = 50;

/// Names and values, decoded, in the order of the address.
pub(super) struct PageQuery(Vec<(String, String)>);

impl FromRequestParts<App> for PageQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).take(MAX);
        Ok(Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()))
    }
}

impl PageQuery {
    /// The first value of that name that is not blank.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.trim().is_empty()).map(|(_, value)| value.as_str())
    }

    /// The address of the same list behind `cursor`, with the same filters.
    pub(super) fn next(&self, path: &str, cursor: Option<&str>) -> Option<String> {
        let kept = self.0.iter().filter(|(name, _)| !["cursor", "done"].contains(&name.as_str()));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept).append_pair("cursor", cursor?);
        Some(format!("{path}?{}", query.finish()))
    }
}
