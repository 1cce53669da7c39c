//! What is wrong with templates, or with what they render.

use std::io;
use std::path::PathBuf;

use super::fuel::TOO_LONG;
use crate::channels::schema::SchemaError;
use crate::store::events::KINDS;

/// Templates that cannot be used; the hub does not start with them.
#[derive(Debug, thiserror::Error)]
pub enum TemplatesError {
    /// A file or folder that cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Not a template.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A file that no event would use: a slip of the pen would go unnoticed.
    #[error("{path} is for no event: a template is called default.hbs, _part.hbs, or after one of {}", KINDS.join(", "))]
    UnknownEvent {
        /// Which.
        path: PathBuf,
    },
    /// A folder that is named after nothing that there could be.
    #[error("{path} is named after no endpoint and no resource")]
    UnknownPlace {
        /// Which.
        path: PathBuf,
    },
    /// A folder that nothing would be read from.
    #[error("{path} is none of {known}")]
    UnknownFolder {
        /// Which.
        path: PathBuf,
        /// Those that there may be.
        known: String,
    },
    /// A schema of ours that is none.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// Text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template {name}{}: {detail}", at(.line))]
pub struct SyntaxError {
    /// Channel and event.
    pub name: String,
    /// From 1; 0 when unknown.
    pub line: usize,
    /// What is wrong.
    pub detail: String,
}

/// A body that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The channel has no template for the event.
    #[error("no template {0}")]
    Missing(String),
    /// What is stored of the event's subject is not JSON.
    #[error("what the event is about cannot be read: {0}")]
    Subject(String),
    /// An operator's template is none any more: a part that it is made of was changed.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The template failed.
    #[error("template {name}{}: {detail}", at(.line))]
    Template {
        /// Channel and event.
        name: String,
        /// From 1; 0 when unknown.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// What it rendered is not JSON.
    #[error("template {name}{}: what it renders is not JSON: {detail}", at(.line))]
    NotJson {
        /// Channel and event.
        name: String,
        /// From 1; 0 when unknown.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// What it rendered is JSON, but nothing that the channel takes.
    #[error("template {name}{}: what it renders does not meet {schema} at {path:?}: {detail}", at(.line))]
    Schema {
        /// Channel and event.
        name: String,
        /// From 1; 0 when unknown.
        line: usize,
        /// Which schema.
        schema: &'static str,
        /// JSON Pointer (RFC 6901) into the body.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// Too big for the channel, however much is cut.
    #[error("template {name}: the message has {size} bytes, and the channel takes {budget}")]
    TooBig {
        /// Channel and event.
        name: String,
        /// Bytes.
        size: usize,
        /// Bytes.
        budget: usize,
    },
}

impl RenderError {
    /// The template that is at fault.
    pub fn template(&self) -> Option<&str> {
        match self {
            Self::Missing(name)
            | Self::Syntax(SyntaxError { name, .. })
            | Self::Template { name, .. }
            | Self::NotJson { name, .. }
            | Self::Schema { name, .. }
            | Self::TooBig { name, .. } => Some(name),
            Self::Subject(_) => None,
        }
    }

    /// Whether it was stopped for going on for too long.
    pub(in crate::channels) fn is_too_long(&self) -> bool {
        matches!(self, Self::Template { detail, .. } if detail.starts_with(TOO_LONG))
    }

    /// The line in it, from 1.
    pub fn line(&self) -> Option<usize> {
        let line = match self {
            Self::Syntax(SyntaxError { line, .. })
            | Self::Template { line, .. }
            | Self::NotJson { line, .. }
            | Self::Schema { line, .. } => *line,
            Self::Missing(_) | Self::Subject(_) | Self::TooBig { .. } => 0,
        };
        Some(line).filter(|line| *line > 0)
    }
}

/// A line, when it is known.
fn at(line: &usize) -> String {
    if *line == 0 { String::new() } else { format!(", line {line}") }
}
