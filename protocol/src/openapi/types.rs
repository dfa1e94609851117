//! Schemas that no Rust type of a message has: texts with a format of their own, and documents of other standards.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::admin::MAX_IDENTITY;
use crate::api::{MAX_PASSWORD, MIN_PASSWORD};
use crate::command::MAX_COMMAND_ID;
use crate::line::{BLINK_COUNT, BLINK_PERIOD_MS, LineKind, MAX_FADE_MS, MAX_PULSE_MS};
use crate::name::{MAX_NAME, MAX_USER_NAME, Name, UserName};
use crate::problem::{Code, MAX_REFUSAL};
use crate::scope::{MAX_SCOPES, ScopeSet, SiteRight, VERBS};
use crate::secret::Secret;

/// Implements [`JsonSchema`] with a schema that is written by hand.
macro_rules! schemas {
    ($($name:ident as $text:literal = |$generator:pat_param| $schema:expr;)*) => { $(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $text.into()
            }
            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )* };
}

/// Types that only name a schema.
macro_rules! only_schemas {
    ($($name:ident)*) => { $(pub(crate) struct $name;)* };
}

only_schemas! {
    ProblemCode Refusal CommandId Verb NewPassword IdentityText Colour Jwk SealingJwk JwkSet Arguments
}

fn name_pattern(extra: &str, most: usize) -> String {
    format!("[a-z0-9][a-z0-9_{extra}-]{{0,{}}}", most - 1)
}

fn words(words: impl IntoIterator<Item = &'static str>) -> Vec<&'static str> {
    words.into_iter().collect()
}

schemas! {
    Name as "Name" = |_| json_schema!({
        "description": "The name of a site, a device or a GPIO line.",
        "type": "string",
        "pattern": format!("^{}$", name_pattern("", MAX_NAME)),
        "examples": ["porch"],
    });

    UserName as "UserName" = |_| json_schema!({
        "description": "The name with which a person logs in. Upper-case letters are converted to lower case.",
        "type": "string",
        "pattern": format!("^[A-Za-z0-9][A-Za-z0-9_.@+-]{{0,{}}}$", MAX_USER_NAME - 1),
        "examples": ["ann@example.org"],
    });

    ScopeSet as "Scopes" = |_| {
        let name = format!("(\\*|{})", name_pattern("", MAX_NAME));
        let rights: Vec<&str> = SiteRight::ALL.iter().map(|(_, word)| *word).collect();
        let scope = format!("(line:{name}/{name}:(\\*|{})|site:(\\*|{}))", VERBS.join("|"), rights.join("|"));
        json_schema!({
            "description": format!(
                "A list of at most {MAX_SCOPES} scopes (RFC 6749 §3.3), separated by spaces. A scope is \
                `line:DEVICE/LINE:VERB`, `site:RIGHT` or `site:*`. Each part of a `line:` scope can be `*`."
            ),
            "type": "string",
            "pattern": format!("^ *({scope}( +{scope}){{0,{}}} *)?$", MAX_SCOPES - 1),
            "examples": ["line:porch/door:pulse line:porch/*:read"],
        })
    };

    ProblemCode as "ProblemCode" = |generator| json_schema!({
        "description": "The stable code of a problem. The code determines the HTTP status.",
        "anyOf": [
            { "type": "string", "enum": words(Code::ALL.iter().map(|code| code.as_str())) },
            generator.subschema_for::<Refusal>(),
        ],
    });

    Refusal as "Refusal" = |_| json_schema!({
        "description": "The device's reason for refusing a command.",
        "type": "string",
        "pattern": "^refused_[a-z0-9_]+$",
        "maxLength": MAX_REFUSAL,
        "examples": ["refused_max_on"],
    });

    CommandId as "CommandId" = |_| json_schema!({
        "description": format!("The id of a command: 1 to {MAX_COMMAND_ID} visible ASCII characters."),
        "type": "string",
        "pattern": format!("^[!-~]{{1,{MAX_COMMAND_ID}}}$"),
    });

    Verb as "Verb" = |_| {
        let mut actions = words(LineKind::ALL.iter().flat_map(|kind| kind.actions()).copied());
        actions.sort_by_key(|action| VERBS.iter().position(|verb| verb == action));
        actions.dedup();
        json_schema!({
            "description": "The name of an action.",
            "type": "string",
            "enum": actions,
        })
    };

    NewPassword as "NewPassword" = |_| json_schema!({
        "description": format!(
            "A new password, with at least {MIN_PASSWORD} characters and at most {MAX_PASSWORD} bytes of UTF-8."
        ),
        "type": "string",
        "format": "password",
        "minLength": MIN_PASSWORD,
        "maxLength": MAX_PASSWORD,
    });

    IdentityText as "IdentityText" = |_| json_schema!({
        "description": format!("A text of at most {MAX_IDENTITY} bytes of UTF-8, without control characters."),
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_IDENTITY,
    });

    Colour as "Colour" = |_| json_schema!({
        "description": "The colour of a colour LED.",
        "type": "string",
        "pattern": "^#[0-9a-f]{6}$",
    });

    Jwk as "Jwk" = |_| json_schema!({
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

    SealingJwk as "SealingJwk" = |_| json_schema!({
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

    JwkSet as "JwkSet" = |generator| json_schema!({
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

    Arguments as "Arguments" = |_| json_schema!({
        "description": "The arguments of an action. The action `set` needs a `value` of the type that the kind of the \
            GPIO line requires. The type is a boolean for `switch`, a number from 0 to 1 for `dimmer`, degrees from 0 \
            to 180 for `servo`, and `#rrggbb` for `rgb`. For `dimmer` and `rgb`, the action `set` also accepts a fade \
            time (`fade_ms`). The action `toggle` has no arguments. The action `pulse` needs a time (`ms`). The action \
            `blink` needs a period (`period_ms`) and a count (`count`). For any other arguments, the response is 422 \
            `invalid_arguments`.",
        "type": "object",
        "properties": {
            "value": { "oneOf": [
                { "type": "boolean" },
                { "type": "number", "minimum": 0, "maximum": 180 },
                { "type": "string", "pattern": "^#[0-9A-Fa-f]{6}$" },
            ] },
            "ms": { "type": "integer", "minimum": 1, "maximum": MAX_PULSE_MS },
            "period_ms": {
                "type": "integer",
                "minimum": BLINK_PERIOD_MS.start(),
                "maximum": BLINK_PERIOD_MS.end(),
            },
            "count": { "type": "integer", "minimum": BLINK_COUNT.start(), "maximum": BLINK_COUNT.end() },
            "fade_ms": { "type": "integer", "minimum": 0, "maximum": MAX_FADE_MS },
        },
        "additionalProperties": false,
        "examples": [{ "value": true }, { "ms": 300 }, {}],
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

inline_schema!({} Secret = |_| { "type": "string" });
inline_schema!({} Empty = |_| { "type": "object" });
inline_schema!({<A: JsonSchema, B: JsonSchema>} OneOf<A, B> = |generator| {
    "oneOf": [generator.subschema_for::<A>(), generator.subschema_for::<B>()]
});
