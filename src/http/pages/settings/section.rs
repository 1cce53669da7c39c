//! What all set-up pages have: the list of their sections, what the reader may do, and what was just done.

use super::done;
use super::query::PageQuery;
use crate::http::App;
use crate::http::pages::shell::{Place, Shell};
use crate::http::pages::viewer::Viewer;
use crate::hub::HubError;
use crate::identity::Right;

/// A section of the set-up pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Resources,
    Groups,
    People,
    Endpoints,
    Templates,
    Tokens,
    Audit,
}

impl Section {
    const ALL: [Self; 8] = [
        Self::Overview,
        Self::Resources,
        Self::Groups,
        Self::People,
        Self::Endpoints,
        Self::Templates,
        Self::Tokens,
        Self::Audit,
    ];

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/settings",
            Self::Resources => "/settings/resources",
            Self::Groups => "/settings/groups",
            Self::People => "/settings/people",
            Self::Endpoints => "/settings/endpoints",
            Self::Templates => "/settings/templates",
            Self::Tokens => "/settings/tokens",
            Self::Audit => "/settings/audit",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Resources => "Resources",
            Self::Groups => "Groups",
            Self::People => "People",
            Self::Endpoints => "Endpoints",
            Self::Templates => "Templates",
            Self::Tokens => "Tokens",
            Self::Audit => "Audit",
        }
    }

    /// The right that opens it.
    const fn right(self) -> Right {
        match self {
            Self::Overview | Self::Resources | Self::Groups | Self::People | Self::Endpoints | Self::Templates => {
                Right::ReadConfiguration
            }
            Self::Tokens => Right::ManageTokens,
            Self::Audit => Right::ReadAudit,
        }
    }
}

/// The frame of a set-up page, inside the shell.
pub(super) struct Frame {
    /// What the reader may see.
    pub(super) sections: Vec<Section>,
    pub(super) here: Section,
    /// For the page's forms.
    pub(super) nonce: String,
    /// Whether the reader may change the configuration.
    pub(super) may_configure: bool,
    /// What was just done.
    pub(super) done: Option<&'static str>,
}

impl Frame {
    /// The shell and the frame of a page.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn of(app: &App, viewer: &Viewer, here: Section) -> Result<(Shell, Self), HubError> {
        let sections = Section::ALL.into_iter().filter(|section| viewer.caller.may(section.right())).collect();
        let frame = Self {
            sections,
            here,
            nonce: app.hub.session_nonce(&viewer.session),
            may_configure: viewer.caller.may(Right::Configure),
            done: None,
        };
        Ok((Shell::of(app, viewer, Place::Settings).await?, frame))
    }

    /// The same, after a change that the query names.
    pub(super) fn after(self, query: &PageQuery) -> Self {
        Self { done: query.get("done").and_then(done::words), ..self }
    }

    /// Whether the reader may see tokens.
    pub(super) fn may_see_tokens(&self) -> bool {
        self.sections.contains(&Section::Tokens)
    }

    pub(super) fn is_here(&self, section: &Section) -> bool {
        self.here == *section
    }
}
