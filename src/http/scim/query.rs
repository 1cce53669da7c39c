//! The parameters of calls. Unknown ones are ignored: directories send some of their own.

use serde::Deserialize;

use crate::http::api::Answer;
use crate::hub::{HubError, ScimPart};
use crate::identity::scim::{Filter, Projection, ScimError};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Query {
    filter: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
    attributes: Option<String>,
    excluded_attributes: Option<String>,
}

impl Query {
    pub(super) fn projection(&self) -> Answer<Projection> {
        let read = Projection::read(self.attributes.as_deref(), self.excluded_attributes.as_deref());
        Ok(read.map_err(HubError::from)?)
    }

    /// Which part of a list is asked for: numbers below the least stand for it (RFC 7644 §3.4.2.4).
    pub(super) fn part(&self, most: u32) -> Answer<ScimPart> {
        let filter = self.filter.as_deref().map(Filter::parse).transpose().map_err(HubError::from)?;
        Ok(ScimPart {
            filter,
            start: number("startIndex", self.start_index.as_deref())?.unwrap_or(1).max(1),
            count: number("count", self.count.as_deref())?.unwrap_or(most),
        })
    }

    pub(super) const fn has_filter(&self) -> bool {
        self.filter.is_some()
    }
}

/// A whole number; one that is negative is 0, and one that is too large as large as can be.
fn number(name: &str, text: Option<&str>) -> Answer<Option<u32>> {
    let Some(text) = text else { return Ok(None) };
    let number: i64 = text
        .parse()
        .map_err(|_| HubError::from(ScimError::value(format!("{name} must be a whole number, and not too large"))))?;
    Ok(Some(u32::try_from(number.max(0)).unwrap_or(u32::MAX)))
}
