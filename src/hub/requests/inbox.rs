//! What waits for a person.

use crate::approval::Status;
use crate::hub::requests::list::source;
use crate::hub::{Hub, HubError, ListFilter};
use crate::identity::Session;
use crate::store::{people, requests};

/// Most waiting requests that are counted.
const COUNTED: u32 = 99;

/// Who the person of a session is, and what waits for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The display name.
    pub name: String,
    waiting: usize,
    /// Whether more wait than were counted.
    more: bool,
}

impl Standing {
    /// How many requests wait: `3`, or `99+`. None if no request does.
    pub fn waiting_shown(&self) -> Option<String> {
        let sign = if self.more { "+" } else { "" };
        (self.waiting > 0).then(|| format!("{}{sign}", self.waiting))
    }
}

impl Hub {
    /// Who the person of a session is, and how many requests wait for them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn standing(&self, session: &Session) -> Result<Standing, HubError> {
        let reader = &mut self.store.read().await?;
        let person = people::get(reader, &session.person).await?;
        let filter = ListFilter { waiting_for: Some(session.person.clone()), ..ListFilter::default() };
        let filter = requests::Filter {
            source: source(reader, &filter, self.clock.now()).await?,
            status: Some(Status::Pending),
            ..requests::Filter::default()
        };
        let found = requests::page(reader, &filter, None, COUNTED).await?;
        let waiting = found.requests.iter().filter(|request| session.covers(&request.resource)).count();
        Ok(Standing {
            name: person.map_or_else(|| session.person.to_string(), |person| person.name),
            waiting,
            more: found.next.is_some(),
        })
    }
}
