//! The expected kind of a value, and its name in JSON's terms.

use std::fmt;

use serde::de;

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

/// What value is expected.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    /// Any value that the visitor accepts.
    Anything,
    Only(Kind),
    /// An object with these fields, and no others.
    Fields(&'static [&'static str]),
    /// A whole number in this range.
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

impl fmt::Display for Expected {
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

impl Expected {
    /// Checks the kind of a value.
    pub(super) fn check<E: de::Error>(self, found: Kind) -> Result<(), E> {
        let is_expected = match self {
            Self::Anything => true,
            Self::Only(kind) => kind == found,
            Self::Fields(_) => found == Kind::Object,
            Self::Whole(..) => found == Kind::Number,
            Self::OneOf(_) => found == Kind::Text,
        };
        if is_expected { Ok(()) } else { Err(E::custom(format!("expected {self}, not {found}"))) }
    }

    /// Explains the visitor's error about a value of the right kind.
    pub(super) fn explain<E: de::Error>(self, error: E) -> E {
        match self {
            Self::Whole(..) => E::custom(format!("expected {self}")),
            Self::Anything | Self::Only(_) | Self::Fields(_) | Self::OneOf(_) => error,
        }
    }
}
