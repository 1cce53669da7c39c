//! Strict deserialization of input: each value must have the kind that is expected.
//!
//! Serde's derived code accepts an array for a struct, field by field, and its errors name Rust's types. Here an object
//! must be an object at every depth. Its member names must be unique: RFC 8259 §4 does not define duplicate names, and
//! readers differ. Unknown fields are refused. Errors name what is expected in JSON's terms.

mod document;
mod expected;

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

pub use self::document::{line_at, line_of, read_toml, write_toml};
use self::expected::{Expected, Kind};

/// Removes a byte order mark, which some editors and exports write at the beginning of a text.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Like [`without_mark`], for a text that is not decoded yet.
pub fn without_mark_bytes(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// Wraps a deserializer, and its parts, so that the kinds of values are checked.
pub struct Shaped<T>(pub T);

/// A visitor that gets a value only if it has the expected kind.
struct Checked<V> {
    visitor: V,
    expected: Expected,
}

macro_rules! expects {
    ($($method:ident => $expected:expr,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.deserialize_any(Checked { visitor, expected: $expected })
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Shaped<D> {
    type Error = D::Error;

    expects! {
        deserialize_any => Expected::Anything,
        deserialize_bool => Expected::Only(Kind::Boolean),
        deserialize_str => Expected::Only(Kind::Text),
        deserialize_string => Expected::Only(Kind::Text),
        deserialize_seq => Expected::Only(Kind::Array),
        deserialize_map => Expected::Only(Kind::Object),
        deserialize_f64 => Expected::Only(Kind::Number),
        deserialize_u8 => Expected::Whole(0, u8::MAX.into()),
        deserialize_u16 => Expected::Whole(0, u16::MAX.into()),
        deserialize_u32 => Expected::Whole(0, u32::MAX.into()),
        deserialize_u64 => Expected::Whole(0, u64::MAX),
        deserialize_i32 => Expected::Whole(i32::MIN.into(), i32::MAX.unsigned_abs().into()),
        deserialize_i64 => Expected::Whole(i64::MIN, i64::MAX.unsigned_abs()),
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Checked { visitor, expected: Expected::Fields(fields) })
    }

    /// From a name alone: no enum in input has data.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Checked { visitor, expected: Expected::OneOf(variants) })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Checked { visitor, expected: Expected::Anything })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

macro_rules! accepts {
    ($($method:ident($value:ty) is $kind:ident,)*) => {$(
        fn $method<E: de::Error>(self, value: $value) -> Result<V::Value, E> {
            self.expected.check(Kind::$kind)?;
            self.visitor.$method(value).map_err(|error| self.expected.explain(error))
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Checked<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    accepts! {
        visit_bool(bool) is Boolean,
        visit_i64(i64) is Number,
        visit_u64(u64) is Number,
    }

    /// TOML has numbers that JSON does not have: they would become `null`.
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<V::Value, E> {
        self.expected.check(Kind::Number)?;
        if !value.is_finite() {
            return Err(E::custom("expected a number; nan and inf are not allowed"));
        }
        self.visitor.visit_f64(value).map_err(|error| self.expected.explain(error))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<V::Value, E> {
        self.expected.check(Kind::Text)?;
        match self.expected {
            Expected::OneOf(_) => self.visitor.visit_enum(text.into_deserializer()),
            _ => self.visitor.visit_str(text),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.expected.check(Kind::Null)?;
        self.visitor.visit_unit()
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Shaped(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.expected.check(Kind::Array)?;
        self.visitor.visit_seq(Shaped(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.expected.check(Kind::Object)?;
        let known = match self.expected {
            Expected::Fields(known) => Some(known),
            _ => None,
        };
        self.visitor.visit_map(Members { fields, known, names: Names::default() })
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Shaped<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Shaped(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// The members of an object.
struct Members<A> {
    fields: A,
    /// The known fields of a struct; others are refused. Stored JSON is read without this check: a newer version may
    /// have written it.
    known: Option<&'static [&'static str]>,
    names: Names,
}

/// The names that were read.
#[derive(Default)]
struct Names {
    known: Vec<&'static str>,
    others: HashSet<String>,
}

impl Names {
    /// Adds a name; returns whether it is new.
    fn add(&mut self, name: &str, known: Option<&'static [&'static str]>) -> bool {
        // Known fields are few, and need no copy.
        match known.and_then(|known| known.iter().find(|field| **field == name)) {
            Some(_) if self.known.contains(&name) => false,
            Some(field) => {
                self.known.push(field);
                true
            }
            None => self.others.insert(name.to_owned()),
        }
    }
}

/// Reads a member's name, and adds it to the names.
struct Name<'n, T> {
    inner: T,
    known: Option<&'static [&'static str]>,
    names: &'n mut Names,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.fields.next_key_seed(Name { inner: seed, known: self.known, names: &mut self.names })
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.fields.next_value_seed(Shaped(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.fields.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Name<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Name { inner: name, known: self.known, names: self.names })
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Name<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Name { inner: visitor, known: self.known, names: self.names })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let expected = Expected::OneOf(variants);
        self.inner.deserialize_any(Name { inner: Checked { visitor, expected }, known: self.known, names: self.names })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Name<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<V::Value, E> {
        if !self.names.add(name, self.known) {
            return Err(E::custom(format_args!("duplicate field `{name}`")));
        }
        // The visitor first: an outer one may record which field it is.
        let read = self.inner.visit_str(name)?;
        match self.known {
            Some(known) if !known.contains(&name) => Err(E::unknown_field(name, known)),
            _ => Ok(read),
        }
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Shaped<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Shaped(value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Given {
        name: String,
        kind: Option<Fruit>,
        count: u32,
        share: Option<f64>,
        inner: Option<Box<Given>>,
        list: Vec<Given>,
        map: BTreeMap<String, Given>,
        free: Value,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Fruit {
        Apple,
        Pear,
    }

    fn read(text: &str) -> Result<Given, String> {
        let mut json = serde_json::Deserializer::from_str(text);
        Given::deserialize(Shaped(&mut json)).map_err(|error| error.to_string())
    }

    #[test]
    fn valid_input_is_read_as_serde_reads_it() {
        let text = r#"{"name": "a\u00e9", "kind": "pear", "count": 3, "share": 1, "inner": {"kind": null}, "list": [{}, {"count": 1}],
            "map": {"x": {"name": "y"}}, "free": [1, {"a": [null, 1.5]}]}"#;
        assert_eq!(read(text), serde_json::from_str(text).map_err(|error| error.to_string()));
    }

    const UNKNOWN: &str =
        "unknown field `nam`, expected one of `name`, `kind`, `count`, `share`, `inner`, `list`, `map`, `free`";

    #[test]
    fn values_of_another_kind_are_refused_at_every_depth() {
        for (text, why) in [
            (r#"["a", null, 3]"#, "expected an object, not an array"),
            (r#"{"inner": ["a"]}"#, "expected an object, not an array"),
            (r#"{"list": [["a"]]}"#, "expected an object, not an array"),
            (r#"{"map": {"x": ["a"]}}"#, "expected an object, not an array"),
            (r#"{"map": []}"#, "expected an object, not an array"),
            (r#"{"list": {}}"#, "expected an array, not an object"),
            (r#"{"name": 5}"#, "expected a string, not a number"),
            (r#"{"name": null}"#, "expected a string, not null"),
            (r#"{"count": "5"}"#, "expected a whole number from 0 to 4294967295, not a string"),
            (r#"{"count": -1}"#, "expected a whole number from 0 to 4294967295"),
            (r#"{"count": 1.5}"#, "expected a whole number from 0 to 4294967295"),
            (r#"{"share": true}"#, "expected a number, not true or false"),
            (r#"{"kind": 1}"#, "expected one of apple, pear, not a number"),
            (r#"{"kind": {"pear": null}}"#, "expected one of apple, pear, not an object"),
            (r#"{"kind": "plum"}"#, "unknown variant `plum`, expected `apple` or `pear`"),
            (r#"{"name": "a", "name": "b"}"#, "duplicate field `name`"),
            (r#"{"free": {"a": 1, "b": {"a": 2, "a": 3}}}"#, "duplicate field `a`"),
            (r#"{"free": [{"a": 1, "\u0061": 1}]}"#, "duplicate field `a`"),
            (r#"{"map": {"x": {}, "x": {}}}"#, "duplicate field `x`"),
            (r#"{"nam": "a"}"#, UNKNOWN),
            (r#"{"inner": {"nam": "a"}}"#, UNKNOWN),
            (r#"{"list": [{}, {"map": {"x": {"nam": 1}}}]}"#, UNKNOWN),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(&format!("{why} at line 1 column ")), "{text}: {error}");
        }
    }
}
