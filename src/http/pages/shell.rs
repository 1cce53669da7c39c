//! What stands around every page: style, script, and the navigation of people who signed in.

use super::viewer::Viewer;
use crate::http::App;
use crate::http::assets::{script_path, style_path};
use crate::hub::{HubError, Standing};
use crate::identity::Right;

/// The frame of a page.
pub(in crate::http) struct Shell {
    pub(super) style: String,
    pub(super) script: String,
    /// None on pages of people who have not signed in.
    pub(super) navigation: Option<Navigation>,
}

/// The navigation, and what the footer says.
pub(super) struct Navigation {
    /// The person's display name.
    pub(super) name: String,
    /// How many requests wait for the person; none if no request does.
    pub(super) waiting: Option<String>,
    /// Where the page is; none if it is in none of the places.
    pub(super) here: Option<Place>,
    /// The places beside the inbox that this person may see.
    pub(super) places: Vec<Place>,
    pub(super) zone: String,
    pub(super) host: String,
    pub(super) version: &'static str,
}

/// A part of the web app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Place {
    Inbox,
    Requests,
    Access,
    Analytics,
    Settings,
    Ask,
    Account,
}

impl Place {
    /// In the order of the navigation, without the inbox and the account, which everybody has.
    const OPTIONAL: [Self; 5] = [Self::Requests, Self::Access, Self::Analytics, Self::Settings, Self::Ask];

    /// The right that opens it.
    const fn right(self) -> Right {
        match self {
            Self::Inbox | Self::Requests | Self::Access | Self::Account => Right::Participate,
            Self::Analytics => Right::ReadAnalytics,
            Self::Settings => Right::ReadConfiguration,
            Self::Ask => Right::Ask,
        }
    }

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Inbox => "/",
            Self::Requests => "/requests",
            Self::Access => "/access",
            Self::Analytics => "/analytics",
            Self::Settings => "/settings",
            Self::Ask => "/ask",
            Self::Account => "/account",
        }
    }

    /// Whether it and what follows stand at the end of the line.
    pub(super) const fn is_last(self) -> bool {
        matches!(self, Self::Ask)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Inbox => "Inbox",
            Self::Requests => "Requests",
            Self::Access => "Access",
            Self::Analytics => "Analytics",
            Self::Settings => "Settings",
            Self::Ask => "Ask",
            Self::Account => "Account",
        }
    }
}

impl Shell {
    /// For a page without navigation.
    pub(in crate::http) fn plain() -> Self {
        Self { style: style_path(), script: script_path(), navigation: None }
    }

    /// For a page of a person who signed in. It reads who they are and what waits for them: two statements.
    ///
    /// # Errors
    /// When the store fails.
    pub(in crate::http) async fn of(app: &App, viewer: &Viewer, here: Place) -> Result<Self, HubError> {
        Ok(Self::with(app, viewer, here, app.hub.standing(&viewer.session).await?))
    }

    /// The same, for a page that knows already who the person is and what waits for them.
    pub(in crate::http) fn with(app: &App, viewer: &Viewer, here: Place, standing: Standing) -> Self {
        let places = Place::OPTIONAL.into_iter().filter(|place| viewer.caller.may(place.right())).collect();
        let host = app.hub.public_url().split_once("://").map_or("", |(_, host)| host).to_owned();
        let navigation = Navigation {
            waiting: standing.waiting_shown(),
            name: standing.name,
            here: Some(here),
            places,
            zone: viewer.reader.zone_name(),
            host,
            version: env!("CARGO_PKG_VERSION"),
        };
        Self { navigation: Some(navigation), ..Self::plain() }
    }
}

impl Navigation {
    /// The number on the page's icon: 100 for more than 99.
    pub(super) fn icon(&self) -> &str {
        match self.waiting.as_deref() {
            None => "0",
            Some(many) if many.ends_with('+') => "100",
            Some(number) => number,
        }
    }

    pub(super) fn is_here(&self, place: &Place) -> bool {
        self.here.as_ref() == Some(place)
    }

    pub(super) fn in_inbox(&self) -> bool {
        self.is_here(&Place::Inbox)
    }

    pub(super) fn in_account(&self) -> bool {
        self.is_here(&Place::Account)
    }
}
