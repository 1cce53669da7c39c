//! Further information from the requester. None of it is verified, and the page shows it under a heading that says so.

use crate::channels::is_language;
use crate::channels::text::Listing;
use crate::hub::RequestView;

/// The unverified information from the requester.
pub(in crate::http::pages) struct Given {
    /// Names and values: the requester's name, the groups that a system claims for them, labels.
    pub(in crate::http::pages) rows: Vec<(Listing, Listing)>,
    pub(in crate::http::pages) reason: Option<Listing>,
    /// Formatted JSON.
    pub(in crate::http::pages) context: Option<Listing>,
}

impl Given {
    pub(in crate::http::pages) fn new(request: &RequestView) -> Self {
        let odd_language = request.language.as_ref().filter(|language| !is_language(language));
        let groups = request.requester.groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let own = [
            ("name", request.requester.name.clone()),
            ("groups", Some(groups).filter(|groups| !groups.is_empty())),
            ("language", odd_language.cloned()),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let labels = request.labels.iter().map(|(name, value)| (format!("label {name}"), value.clone()));
        Self {
            rows: own.chain(labels).map(|(name, value)| (Listing::of(&name), Listing::of(&value))).collect(),
            reason: request.reason.as_deref().map(Listing::of),
            context: request.context.as_ref().map(|context| Listing::of(&format!("{context:#}"))),
        }
    }

    /// The same, for a page that shows the reason elsewhere.
    pub(in crate::http::pages) fn without_reason(self) -> Self {
        Self { reason: None, ..self }
    }

    pub(in crate::http::pages) const fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.reason.is_none() && self.context.is_none()
    }
}
