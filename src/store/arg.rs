//! The values of statements.

/// A value for `$n`. The schema uses these two types only.
#[derive(Debug, Clone)]
pub(super) enum Arg {
    Text(Option<String>),
    Integer(Option<i64>),
}

impl Arg {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.as_deref(),
            Self::Integer(_) => None,
        }
    }
}

/// Replaces U+0000, which PostgreSQL refuses in a text, and at which SQLite's functions end the text. Only a target's
/// answer may contain it.
pub(super) fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Builds the values of a statement: `args![id, name, opt]`.
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::arg::Arg::from($value)),*]
    };
}
pub(super) use args;

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&String> for Arg {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<Option<String>> for Arg {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(integer: i64) -> Self {
        Self::Integer(Some(integer))
    }
}

impl From<u32> for Arg {
    fn from(integer: u32) -> Self {
        Self::Integer(Some(integer.into()))
    }
}

impl From<Option<i64>> for Arg {
    fn from(integer: Option<i64>) -> Self {
        Self::Integer(integer)
    }
}

impl From<crate::time::Timestamp> for Arg {
    fn from(moment: crate::time::Timestamp) -> Self {
        Self::Integer(Some(moment.as_micros()))
    }
}

impl From<Option<crate::time::Timestamp>> for Arg {
    fn from(moment: Option<crate::time::Timestamp>) -> Self {
        Self::Integer(moment.map(crate::time::Timestamp::as_micros))
    }
}

/// The placeholders and values of `IN (…)` for many ids, in chunks that either database accepts in one statement.
pub(super) fn chunks<'i, T>(ids: &'i [T]) -> impl Iterator<Item = (String, Vec<Arg>)> + 'i
where
    &'i T: Into<Arg>,
{
    ids.chunks(500).map(|chunk| {
        let places: Vec<String> = (1..=chunk.len()).map(|place| format!("${place}")).collect();
        (places.join(", "), chunk.iter().map(Into::into).collect())
    })
}

/// Stores ids, names and digests as the text in which they are shown.
macro_rules! arg_as_text {
    ($($type:ty),* $(,)?) => {
        $(
            impl From<&$type> for Arg {
                fn from(value: &$type) -> Self {
                    Self::Text(Some(value.to_string()))
                }
            }

            impl From<Option<&$type>> for Arg {
                fn from(value: Option<&$type>) -> Self {
                    Self::Text(value.map(ToString::to_string))
                }
            }
        )*
    };
}

arg_as_text!(
    crate::approval::Digest,
    crate::approval::Email,
    crate::approval::EndpointName,
    crate::approval::GroupName,
    crate::approval::ResourceName,
    crate::approval::RuleName,
    crate::ids::CommentId,
    crate::ids::DeliveryId,
    crate::ids::TemplateId,
    crate::ids::EndpointId,
    crate::ids::EventId,
    crate::ids::GrantId,
    crate::ids::ReplayId,
    crate::ids::RequestId,
    crate::ids::ScimGroupId,
    crate::ids::ScimUserId,
    crate::ids::SessionId,
    crate::ids::SignInLinkId,
    crate::ids::TokenId,
    crate::ids::VoteId,
);
