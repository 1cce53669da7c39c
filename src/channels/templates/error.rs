//! Errors of templates and of rendering.

use std::io;
use std::path::PathBuf;

use super::fuel::TOO_LONG;
use crate::channels::schema::SchemaError;
use crate::store::events::KINDS;

/// Template files that cannot be used; the hub does not start with them.
#[derive(Debug, thiserror::Error)]
pub enum TemplatesError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}")]
    Io {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// A file is not a valid template.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A file's name is not one of an event or part; without this error a typing mistake would go unnoticed.
    #[error("{path} does not match any event: name a template default.hbs, _part.hbs, or after one of {}", KINDS.join(", "))]
    UnknownEvent { path: PathBuf },
    /// A folder's name is not a valid name of an endpoint or resource.
    #[error("{path}: the folder's name is not a valid name of an endpoint or resource")]
    UnknownPlace { path: PathBuf },
    /// A folder that the hub does not read.
    #[error("unknown folder {path}: expected one of {known}")]
    UnknownFolder {
        path: PathBuf,
        /// The valid names.
        known: String,
    },
    /// A built-in schema does not compile.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// A text is not a valid template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template {name}{}: {detail}", at(.line))]
pub struct SyntaxError {
    /// Channel and template, for example `teams/ping.hbs`.
    pub name: String,
    /// From 1; 0 when unknown.
    pub line: usize,
    pub detail: String,
}

/// A body that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The channel has no template for the event.
    #[error("no template {0}")]
    Missing(String),
    /// The stored subject of the event cannot be read.
    #[error("cannot read the event's subject: {0}")]
    Subject(String),
    /// An operator's template became invalid because one of its parts changed.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The template failed.
    #[error("template {name}{}: {detail}", at(.line))]
    Template {
        /// Channel and template, for example `teams/ping.hbs`.
        name: String,
        /// From 1; 0 when unknown.
        line: usize,
        detail: String,
    },
    /// The output is not JSON.
    #[error("template {name}{}: the output is not JSON: {detail}", at(.line))]
    NotJson {
        /// Channel and template, for example `teams/ping.hbs`.
        name: String,
        /// From 1; 0 when unknown.
        line: usize,
        detail: String,
    },
    /// The output does not match the channel's schema.
    #[error("template {name}{}: the output does not match {schema} at {path:?}: {detail}", at(.line))]
    Schema {
        /// Channel and template, for example `teams/ping.hbs`.
        name: String,
        /// From 1; 0 when unknown.
        line: usize,
        schema: &'static str,
        /// JSON Pointer (RFC 6901) into the body.
        path: String,
        detail: String,
    },
    /// The message exceeds the channel's budget, even with all texts cut.
    #[error("template {name}: the message has {size} bytes, and the channel accepts at most {budget}")]
    TooBig {
        /// Channel and template, for example `teams/ping.hbs`.
        name: String,
        size: usize,
        budget: usize,
    },
}

impl RenderError {
    /// The template at fault.
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

    /// Whether rendering was stopped by its bounds.
    pub(in crate::channels) fn is_too_long(&self) -> bool {
        matches!(self, Self::Template { detail, .. } if detail.starts_with(TOO_LONG))
    }

    /// The line at fault, from 1.
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

/// Formats a line, when it is known.
fn at(line: &usize) -> String {
    if *line == 0 { String::new() } else { format!(", line {line}") }
}
