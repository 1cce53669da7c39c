//! The filters of a list of requests, as the page's address has them: the same names as in the API.

use std::collections::BTreeMap;

use crate::approval::{Email, Kind, Status};
use crate::http::api::requests::person;
use crate::http::pages::viewer::Viewer;
use crate::hub::{ListFilter, Place};
use crate::ids::RequestId;
use crate::time::Timestamp;

/// The filters, in the order of the form.
const NAMES: [&str; 9] = ["status", "kind", "resource", "requester", "group", "approver", "waiting_for", "from", "to"];
/// What limits a list to requests that concern a person.
const PEOPLE: [&str; 3] = ["requester", "approver", "waiting_for"];

/// What the address of the page asks for.
pub(super) struct Filters {
    /// The filters that are set, as they were written.
    typed: BTreeMap<&'static str, String>,
    /// What is wrong with a filter, by its name.
    pub(super) errors: BTreeMap<&'static str, String>,
    /// What is wrong with the address as a whole.
    pub(super) error: Option<String>,
    pub(super) place: Place,
}

impl Filters {
    /// Reads a query string. Empty fields are absent.
    pub(super) fn read(query: &str) -> Self {
        let mut filters = Self { typed: BTreeMap::new(), errors: BTreeMap::new(), error: None, place: Place::Newest };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if value.trim().is_empty() {
                continue;
            }
            match (NAMES.iter().find(|known| **known == name), name.as_ref()) {
                (Some(known), _) => drop(filters.typed.insert(known, value.trim().to_owned())),
                (None, "cursor") => filters.turn(&value, Place::OlderThan),
                (None, "newer") => filters.turn(&value, Place::NewerThan),
                (None, other) => filters.error = Some(format!("There is no filter {other}.")),
            }
        }
        filters
    }

    fn turn(&mut self, cursor: &str, place: fn(RequestId) -> Place) {
        match cursor.parse() {
            Ok(id) => self.place = place(id),
            Err(_) => self.error = Some("The address names no page of this list: begin at the newest.".to_owned()),
        }
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.typed.get(name).map_or("", String::as_str)
    }

    /// Whether the list is limited to requests that concern a person.
    pub(super) fn names_a_person(&self) -> bool {
        PEOPLE.iter().any(|name| self.typed.contains_key(name))
    }

    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        self.typed.insert(name, value.to_owned());
    }

    /// The filters as a query string, always in the same order.
    pub(super) fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for name in NAMES {
            if let Some(value) = self.typed.get(name) {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// The same as the API reads them: times with their zone, and no field that it does not know.
    pub(super) fn saved_query(&self, filter: &ListFilter) -> String {
        let mut exact = Self { typed: self.typed.clone(), errors: BTreeMap::new(), error: None, place: self.place };
        for (name, at) in [("from", filter.from), ("to", filter.to)] {
            if let Some(at) = at {
                exact.set(name, &at.to_string());
            }
        }
        exact.query()
    }

    /// The address of another page of the list.
    pub(super) fn page(&self, field: &str, id: RequestId) -> String {
        let query = self.query();
        let joint = if query.is_empty() { "" } else { "&" };
        format!("/requests?{query}{joint}{field}={id}")
    }

    /// The filter for the service. What cannot be read is in `errors` afterwards.
    pub(super) fn filter(&mut self, viewer: &Viewer) -> ListFilter {
        let filter = ListFilter {
            status: self.one_of("status", &STATUSES),
            kind: self.one_of("kind", &KINDS),
            resource: self.parsed("resource", "a name has 1 to 64 letters, digits, dots, underscores and hyphens"),
            group: self.parsed("group", "a name has 1 to 64 letters, digits, dots, underscores and hyphens"),
            requester: self.person("requester", viewer),
            approver: self.person("approver", viewer),
            waiting_for: self.person("waiting_for", viewer),
            from: self.time("from", viewer),
            to: self.time("to", viewer),
        };
        if filter.from.zip(filter.to).is_some_and(|(from, to)| to < from) {
            self.errors.insert("to", "this is before the other time: no request is in between".to_owned());
        }
        let sources = [filter.group.is_some(), filter.approver.is_some(), filter.waiting_for.is_some()];
        if sources.into_iter().filter(|is_set| *is_set).count() > 1 {
            let which = if filter.approver.is_some() { "approver" } else { "group" };
            self.errors.insert(which, "group, decided by, and waiting for exclude each other: use one".to_owned());
        }
        filter
    }

    pub(super) fn is_valid(&self) -> bool {
        self.errors.is_empty() && self.error.is_none()
    }

    fn one_of<T: Copy>(&mut self, name: &'static str, known: &[(&str, T, &str)]) -> Option<T> {
        let typed = self.typed.get(name)?;
        let found = known.iter().find(|(value, ..)| value == typed).map(|known| known.1);
        if found.is_none() {
            self.errors.insert(name, format!("there is no {name} {typed}"));
        }
        found
    }

    fn parsed<T: std::str::FromStr>(&mut self, name: &'static str, rule: &str) -> Option<T> {
        let parsed = self.typed.get(name)?.parse().ok();
        if parsed.is_none() {
            self.errors.insert(name, rule.to_owned());
        }
        parsed
    }

    fn person(&mut self, name: &'static str, viewer: &Viewer) -> Option<Email> {
        let found = person(&viewer.caller, name, self.typed.get(name)?).ok();
        if found.is_none() {
            self.errors.insert(name, "write an e-mail address, or me".to_owned());
        }
        found
    }

    /// A day in the reader's zone, or a time as in the API.
    fn time(&mut self, name: &'static str, viewer: &Viewer) -> Option<Timestamp> {
        let typed = self.typed.get(name)?;
        let found = viewer.reader.start_of_day(typed).or_else(|| typed.parse().ok());
        if found.is_none() {
            self.errors.insert(name, "write a day such as 2026-11-28".to_owned());
        }
        found
    }
}

/// The states that the form offers: in the address, for the service, and in words.
pub(super) const STATUSES: [(&str, Status, &str); 6] = [
    ("pending", Status::Pending, "Waiting"),
    ("approved", Status::Approved, "Approved"),
    ("rejected", Status::Rejected, "Rejected"),
    ("expired", Status::Expired, "Expired"),
    ("cancelled", Status::Cancelled, "Taken back"),
    ("superseded", Status::Superseded, "Replaced"),
];

/// The kinds, likewise.
pub(super) const KINDS: [(&str, Kind, &str); 2] =
    [("action", Kind::Action, "A command"), ("jit", Kind::Jit, "Access for a time")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_are_absent_and_the_order_is_fixed() {
        let filters = Filters::read("to=&requester=me&status=pending&resource=+&kind=jit");
        assert_eq!(filters.query(), "status=pending&kind=jit&requester=me");
        assert!(filters.is_valid() && filters.names_a_person());
    }

    #[test]
    fn unknown_filters_and_pages_are_errors() {
        assert!(Filters::read("colour=red").error.is_some_and(|error| error.contains("colour")));
        assert!(Filters::read("cursor=nothing").error.is_some());
        assert!(Filters::read("q=x").error.is_some());
    }
}
