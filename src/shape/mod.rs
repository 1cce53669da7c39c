//! Reads what comes from outside into types, and holds each value to its kind.
//!
//! What serde derives would take an array for an object, field by field, and says in Rust's words what it misses. Here an object is
//! an object at every depth, its members have names of their own (RFC 8259 §4 leaves open what a name that comes twice means, and
//! readers differ), and errors say in JSON's words what belongs there.

mod wanted;

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use self::wanted::{Kind, Wanted};

/// Some editors and exports begin a text with a byte order mark, which is no part of what it says.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The same of a text that has not been decoded.
pub fn without_mark_bytes(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// A source of data whose values are held to their kinds; also its parts, on their way.
pub struct Shaped<T>(pub T);

/// A reader who is handed nothing but what is wanted.
struct Reader<V> {
    visitor: V,
    wanted: Wanted,
}

macro_rules! wants {
    ($($method:ident => $wanted:expr,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.deserialize_any(Reader { visitor, wanted: $wanted })
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Shaped<D> {
    type Error = D::Error;

    wants! {
        deserialize_any => Wanted::Anything,
        deserialize_bool => Wanted::Only(Kind::Boolean),
        deserialize_str => Wanted::Only(Kind::Text),
        deserialize_string => Wanted::Only(Kind::Text),
        deserialize_seq => Wanted::Only(Kind::Array),
        deserialize_map => Wanted::Only(Kind::Object),
        deserialize_f64 => Wanted::Only(Kind::Number),
        deserialize_u8 => Wanted::Whole(0, u8::MAX.into()),
        deserialize_u16 => Wanted::Whole(0, u16::MAX.into()),
        deserialize_u32 => Wanted::Whole(0, u32::MAX.into()),
        deserialize_u64 => Wanted::Whole(0, u64::MAX),
        deserialize_i32 => Wanted::Whole(i32::MIN.into(), i32::MAX.unsigned_abs().into()),
        deserialize_i64 => Wanted::Whole(i64::MIN, i64::MAX.unsigned_abs()),
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Reader { visitor, wanted: Wanted::Fields(fields) })
    }

    /// Of a name alone: no value from outside is an enum that holds more.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Reader { visitor, wanted: Wanted::OneOf(variants) })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Reader { visitor, wanted: Wanted::Anything })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

macro_rules! takes {
    ($($method:ident($value:ty) is $kind:ident,)*) => {$(
        fn $method<E: de::Error>(self, value: $value) -> Result<V::Value, E> {
            self.wanted.check(Kind::$kind)?;
            self.visitor.$method(value).map_err(|error| self.wanted.explain(error))
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Reader<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    takes! {
        visit_bool(bool) is Boolean,
        visit_i64(i64) is Number,
        visit_u64(u64) is Number,
    }

    /// TOML has numbers that JSON has not, and that would become `null` there.
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<V::Value, E> {
        self.wanted.check(Kind::Number)?;
        if !value.is_finite() {
            return Err(E::custom("expected a number, and nan and inf are none"));
        }
        self.visitor.visit_f64(value).map_err(|error| self.wanted.explain(error))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<V::Value, E> {
        self.wanted.check(Kind::Text)?;
        match self.wanted {
            Wanted::OneOf(_) => self.visitor.visit_enum(text.into_deserializer()),
            _ => self.visitor.visit_str(text),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.wanted.check(Kind::Null)?;
        self.visitor.visit_unit()
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Shaped(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.wanted.check(Kind::Array)?;
        self.visitor.visit_seq(Shaped(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.wanted.check(Kind::Object)?;
        let known = match self.wanted {
            Wanted::Fields(known) => Some(known),
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
    /// The names that there are, where no others may come. What the hub itself has stored is read without this: a newer version may
    /// have written it.
    known: Option<&'static [&'static str]>,
    names: Names,
}

/// The names that came.
#[derive(Default)]
struct Names {
    known: Vec<&'static str>,
    others: HashSet<String>,
}

impl Names {
    /// Notes a name; answers whether it came for the first time.
    fn note(&mut self, name: &str, known: Option<&'static [&'static str]>) -> bool {
        // An object's own fields are few, and cost no copy each.
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

/// Takes a member's name, and notes it.
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
        let wanted = Wanted::OneOf(variants);
        self.inner.deserialize_any(Name { inner: Reader { visitor, wanted }, known: self.known, names: self.names })
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
        if !self.names.note(name, self.known) {
            return Err(E::custom(format_args!("duplicate field `{name}`")));
        }
        // The reader first: one around it may note which field it is.
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
    fn what_has_its_shape_is_read_as_ever() {
        let text = r#"{"name": "a\u00e9", "kind": "pear", "count": 3, "share": 1, "inner": {"kind": null}, "list": [{}, {"count": 1}],
            "map": {"x": {"name": "y"}}, "free": [1, {"a": [null, 1.5]}]}"#;
        assert_eq!(read(text), serde_json::from_str(text).map_err(|error| error.to_string()));
    }

    const UNKNOWN: &str =
        "unknown field `nam`, expected one of `name`, `kind`, `count`, `share`, `inner`, `list`, `map`, `free`";

    #[test]
    fn what_has_another_is_refused_in_plain_words_at_every_depth() {
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
