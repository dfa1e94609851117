//! Defines what the message types need for their schemas in the OpenAPI document. This module exists only in tests.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Adds the schema of a type to a generator, and returns a reference to it.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

pub(crate) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Implements [`JsonSchema`] for a type, with a schema that is written by hand. A type after `struct` only names the
/// schema.
macro_rules! schemas {
    () => {};
    (struct $name:ident = $($rest:tt)*) => {
        pub(crate) struct $name;
        $crate::schema::schemas! { $name as (stringify!($name)) = $($rest)* }
    };
    ($name:ident as ($text:expr) = |$generator:pat_param| $schema:expr; $($rest:tt)*) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $text.into()
            }
            fn json_schema($generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
        $crate::schema::schemas! { $($rest)* }
    };
    ($name:ident = $($rest:tt)*) => {
        $crate::schema::schemas! { $name as (stringify!($name)) = $($rest)* }
    };
}

pub(crate) use schemas;

schemas! {
    struct Jwk = |_| json_schema!({
        "description": "An Ed25519 public key (RFC 8037).",
        "type": "object",
        "required": ["kty", "crv", "x"],
        "properties": {
            "kty": { "const": "OKP" },
            "crv": { "const": "Ed25519" },
            "x": { "type": "string", "pattern": "^[A-Za-z0-9_-]{43}$" },
            "kid": { "type": "string", "description": "The thumbprint of the key (RFC 7638)." },
            "alg": { "const": "EdDSA" },
            "use": { "const": "sig" },
        },
    });

    struct SealingJwk = |_| json_schema!({
        "description":
            "A public key with which a token can be encrypted for the edge (RFC 7516, `enc` A256GCM).",
        "type": "object",
        "required": ["kty", "kid", "alg", "use"],
        "properties": {
            "kty": { "enum": ["EC", "RSA"] },
            "kid": { "type": "string" },
            "alg": { "enum": ["ECDH-ES+A256KW", "RSA-OAEP", "RSA-OAEP-256"] },
            "use": { "const": "enc" },
            "crv": { "const": "P-256" },
            "x": { "type": "string" },
            "y": { "type": "string" },
            "n": { "type": "string" },
            "e": { "type": "string" },
        },
        "oneOf": [
            { "required": ["crv", "x", "y"], "properties": { "kty": { "const": "EC" } } },
            { "required": ["n", "e"], "properties": { "kty": { "const": "RSA" } } },
        ],
    });

    struct JwkSet = |generator| json_schema!({
        "description": "The public keys that verify tokens. If the edge accepts encrypted tokens, the set also \
            contains the public keys for the encryption.",
        "type": "object",
        "required": ["keys"],
        "properties": { "keys": {
            "type": "array",
            "minItems": 1,
            "items": { "oneOf": [generator.subschema_for::<Jwk>(), generator.subschema_for::<SealingJwk>()] },
        } },
    });
}

/// A value of one of two types.
pub(crate) struct OneOf<A, B>(PhantomData<(A, B)>);

/// A JSON object whose members are ignored.
pub(crate) struct Empty;

/// Implements [`JsonSchema`] with a schema that has no name in the document.
macro_rules! inline_schema {
    ({$($generics:tt)*} $name:ty = |$generator:pat_param| $schema:tt) => {
        impl $($generics)* JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

inline_schema!({} Empty = |_| { "type": "object" });
inline_schema!({<A: JsonSchema, B: JsonSchema>} OneOf<A, B> = |generator| {
    "oneOf": [generator.subschema_for::<A>(), generator.subschema_for::<B>()]
});
