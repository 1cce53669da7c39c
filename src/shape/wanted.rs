//! What belongs in a place, and how it is said in JSON's words.

use std::fmt;

use serde::de;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

/// What belongs in a place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// Whatever its reader takes.
    Anything,
    Only(Kind),
    /// An object with these fields, and no others.
    Fields(&'static [&'static str]),
    /// A whole number between these.
    Whole(i64, u64),
    OneOf(&'static [&'static str]),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anything => f.write_str("something else"),
            Self::Only(kind) => kind.fmt(f),
            Self::Fields(_) => Kind::Object.fmt(f),
            Self::Whole(least, most) => write!(f, "a whole number from {least} to {most}"),
            Self::OneOf(names) => write!(f, "one of {}", names.join(", ")),
        }
    }
}

impl Wanted {
    /// Whether a value of that kind may stand there.
    pub(super) fn check<E: de::Error>(self, found: Kind) -> Result<(), E> {
        let is_wanted = match self {
            Self::Anything => true,
            Self::Only(kind) => kind == found,
            Self::Fields(_) => found == Kind::Object,
            Self::Whole(..) => found == Kind::Number,
            Self::OneOf(_) => found == Kind::Text,
        };
        if is_wanted { Ok(()) } else { Err(E::custom(format!("expected {self}, not {found}"))) }
    }

    /// What a reader finds wrong with a value of the right kind.
    pub(super) fn explain<E: de::Error>(self, error: E) -> E {
        match self {
            Self::Whole(..) => E::custom(format!("expected {self}")),
            Self::Anything | Self::Only(_) | Self::Fields(_) | Self::OneOf(_) => error,
        }
    }
}
