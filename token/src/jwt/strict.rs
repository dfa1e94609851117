//! This module parses tokens strictly. A token must have three parts of canonical base64url, and the members of its
//! JSON objects must be unique.
//!
//! Duplicate members are refused, because some parsers use the first member and other parsers use the last member (RFC
//! 8725 §3.8).

use std::fmt;
use std::rc::Rc;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::jwt::b64;
use crate::jwt::refusal::{Refusal, excerpt};

/// The maximum length of a token, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;

// Texts without placeholders contain this number, for example the texts of `Refusal::Malformed`.
const _: () = assert!(MAX_TOKEN == 8 * 1024);

/// The maximum nesting depth of the JSON in a token's header or payload.
const MAX_DEPTH: usize = 8;

pub(crate) type Object = Map<String, Value>;

/// A token whose form is valid. The signature and the claims of the token are not verified.
#[derive(Debug)]
pub(crate) struct Unverified {
    pub header: Rc<Object>,
    pub payload: Rc<Object>,
    pub signature: Vec<u8>,
}

impl Unverified {
    pub(crate) fn parse(token: &str) -> Result<Self, Refusal> {
        let [header, payload, signature] = Self::parts(token)?;
        let signature = b64::decode(signature).filter(|signature| !signature.is_empty());
        Ok(Self {
            signature: signature.ok_or(Refusal::Malformed("the signature is missing or is not base64url"))?,
            header: Rc::new(object(header, "the header")?),
            payload: Rc::new(object(payload, "the payload")?),
        })
    }

    fn parts(token: &str) -> Result<[&str; 3], Refusal> {
        if token.len() > MAX_TOKEN {
            return Err(Refusal::Malformed("the token is longer than 8 KiB"));
        }
        let mut parts = token.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature), None) => Ok([header, payload, signature]),
            _ => Err(Refusal::Malformed("the token does not have three parts")),
        }
    }

    /// Returns a member of the header. If the member is present, it must be a string.
    pub(crate) fn header_text(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        match self.header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::Json("the header", format!("the member `{name}` is not a string"))),
        }
    }
}

pub(crate) fn object(part: &str, which: &'static str) -> Result<Object, Refusal> {
    let bytes = b64::decode(part).ok_or(Refusal::Malformed("a token part is not base64url"))?;
    parse_object(&bytes).map_err(|error| Refusal::Json(which, excerpt(&error)))
}

/// Parses one JSON object. The members of each nested object must be unique.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<Object, String> {
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(Value::Object(object))) if depth(&object) <= MAX_DEPTH => Ok(object),
        Ok(Strict(Value::Object(_))) => Err("the JSON is nested too deeply".into()),
        Ok(_) => Err("the value is not a JSON object".into()),
        Err(error) => Err(error.to_string()),
    }
}

fn depth(object: &Object) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(of).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(of).max().unwrap_or(0),
            _ => 0,
        }
    }
    1 + object.values().map(of).max().unwrap_or(0)
}

/// A JSON value whose parser refuses duplicate members.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member of a JSON object occurs twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn duplicates_are_refused_at_every_level_and_in_every_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"alg":1,"\u0061lg":2}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
        ] {
            assert!(parse_object(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse_object(br#"{"a":{"b":1},"c":{"b":1}}"#).is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
        assert!(parse_object(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse_object(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse_object(nested(100_000).as_bytes()).is_err(), "no stack overflow");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in ".{0,200}") {
            let _ = parse_object(&bytes);
            let _ = Unverified::parse(&text);
        }
    }
}
