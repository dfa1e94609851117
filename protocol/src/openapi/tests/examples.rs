//! Compares the schemas in `openapi.json` with the Rust types. The example of each Rust type contains every member of
//! the type. The tests remove one member at a time to check whether the member is optional.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Document, list, members, text};
use crate::{admin, api, audit, command, panel, problem::Problem};

/// The name of a schema, an example with every member, and a function that parses and serializes the example.
struct Example {
    schema: &'static str,
    full: Value,
    reads: fn(Value) -> Result<Value, String>,
}

fn read<T: DeserializeOwned + Serialize>(value: Value) -> Result<Value, String> {
    let read: T = serde_json::from_value(value).map_err(|error| error.to_string())?;
    serde_json::to_value(read).map_err(|error| error.to_string())
}

fn example<T: DeserializeOwned + Serialize>(schema: &'static str, full: Value) -> Example {
    Example { schema, full, reads: read::<T> }
}

/// Returns the examples of the request types.
fn requests() -> Vec<Example> {
    let token = json!({ "kind": "api", "name": "cron", "scope": "site:audit", "not_before": 1, "expires_at": 2,
        "max_uses": 3, "max_in_flight": 4, "max_per_minute": 5, "max_sockets": 6 });
    let login = json!({ "grant_type": "password", "site": "home", "username": "ann", "password": "12345678",
        "refresh_token": "…", "client_token": "…" });
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "…" });
    vec![
        example::<api::LoginRequest>(
            "LoginRequest",
            json!({ "site": "home", "username": "ann", "password": "12345678" }),
        ),
        example::<api::GuestRequest>("GuestRequest", json!({ "guest": "…" })),
        example::<api::TokenRequest>("TokenRequest", login.clone()),
        example::<api::TokenRequest>("TokenForm", login),
        example::<api::SetupRequest>(
            "SetupRequest",
            json!({ "site": "home", "code": "…", "username": "ann", "password": "12345678" }),
        ),
        example::<api::EnrolmentRequest>("EnrolmentRequest", json!({ "device": "porch" })),
        example::<api::EnrolRequest>("EnrolRequest", json!({ "code": "…", "jwk": jwk, "nonce": "…" })),
        example::<admin::InviteRequest>(
            "InviteRequest",
            json!({ "username": "ann", "role": "viewer", "scope": "site:users" }),
        ),
        example::<admin::RightsRequest>("RightsRequest", json!({ "role": "viewer", "scope": "site:users" })),
        example::<admin::AdmitRequest>(
            "AdmitRequest",
            json!({ "identity": { "issuer": "https://id", "email": "ann@example.org" }, "role": "viewer", "scope": "site:users" }),
        ),
        example::<admin::IdentityRule>(
            "IdentityRule",
            json!({ "issuer": "https://id", "subject": "ann", "email": "ann@example.org" }),
        ),
        example::<admin::InvitedRequest>("InvitedRequest", json!({ "code": "…" })),
        example::<admin::AcceptRequest>("AcceptRequest", json!({ "code": "…", "password": "12345678" })),
        example::<admin::PasswordRequest>(
            "PasswordRequest",
            json!({ "current": "12345678", "password": "87654321" }),
        ),
        example::<admin::SecureRequest>("SecureRequest", json!({ "password": "87654321" })),
        example::<api::ProofRequest>("ProofRequest", json!({ "password": "12345678" })),
        example::<admin::IssueRequest>("IssueRequest", token),
        example::<api::ConfirmRequest>("ConfirmRequest", json!({ "identity": "…" })),
        example::<audit::RetentionRequest>("RetentionRequest", json!({ "days": 30 })),
    ]
}

/// Returns the examples of the response types.
fn answers() -> Vec<Example> {
    let whoami = json!({ "site": "home", "sub": "ann", "role": "owner", "scope": "site:*", "jti": "j", "iss": "i",
        "iat": 1, "exp": 2, "auth_time": 1, "uses_left": 2 });
    let line = json!({ "name": "lamp", "kind": "switch", "actions": ["set"], "reported": true, "desired": true,
        "retain": true, "max_on_ms": 1, "unit": "°C", "precision": 1, "changed_ms": 2, "ends_ms": 3, "blinking": true,
        "presses": true, "authority": "holder",
        "last": { "by": { "kind": "guest", "name": "Courier" }, "action": "set", "args": { "value": true }, "at_ms": 1 } });
    let device = json!({ "name": "porch", "online": true, "answering": false, "last_seen_ms": 1, "version": "1", "booted_ms": 1,
        "agent_started_ms": 1, "clock_ahead_ms": -1, "certificate_exp": 2,
        "warnings": ["state_not_stored"], "key": "…", "confirmed": true, "lines": [line] });
    let command = json!({ "id": "c", "device": "porch", "line": "lamp", "action": "set", "status": "refused",
        "code": "refused_max_on", "level": true, "receipt": "…" });
    let person = json!({ "username": "ann", "role": "viewer", "scope": "line:*/*:read", "created_ms": 1,
        "added_by": "bob", "sessions": 2, "identities": [{ "issuer": "https://id", "subject": "ann" }] });
    let token = json!({ "jti": "j", "kind": "guest", "name": "n", "creator": "ann", "scope": "line:*/*:read",
        "not_before": 1, "expires_at": 2, "max_uses": 3, "max_in_flight": 4, "max_per_minute": 5, "max_sockets": 6,
        "uses": 1, "created_ms": 1, "last_used_ms": 2,
        "revoked_ms": 3 });
    let entry = json!({ "seq": 1, "at_ms": 2, "version": 4, "actor": "token:j", "jti": "j", "act": "command",
        "target": "porch/lamp:set", "outcome": "executed", "actor_name": "Cleaner", "actor_kind": "guest",
        "line_kind": "switch", "args": "{\"value\":true}", "target_name": "cron", "target_kind": "api",
        "max_uses": 2, "receipt": "…", "happened_ms": 1, "boot": "b", "n": 1, "hash": "…" });
    let page = json!({ "entries": [entry], "head": { "seq": 1, "hash": "…" }, "next": 1, "keep_days": 90 });
    let enrolled = json!({ "site": "home", "device": "porch", "devcert": "…", "root_key": {}, "keyset": "…",
        "welcome": "…" });
    let problem = json!({ "type": "t", "title": "t", "status": 400, "code": "c", "detail": "d", "id": "i",
        "retry_after": 1, "max_age": 300 });
    vec![
        example::<api::Health>("Health", json!({ "status": "ok", "version": "1" })),
        example::<api::SessionReply>(
            "SessionReply",
            json!({ "site": "home", "username": "ann", "expires_in": 600 }),
        ),
        example::<api::SessionStatus>(
            "SessionStatus",
            json!({ "state": "open", "site": "home", "sub": "ann", "other_sites": ["lab"] }),
        ),
        example::<api::LoginOption>("LoginOption", json!({ "name": "google", "label": "Google" })),
        example::<api::GuestReply>("GuestReply", json!({ "site": "home", "guest": token })),
        example::<api::TokenReply>(
            "TokenReply",
            json!({ "access_token": "…", "token_type": "Bearer", "expires_in": 600, "refresh_token": "…", "client_token": "…" }),
        ),
        example::<api::Whoami>("Whoami", whoami),
        example::<panel::LineView>("Line", line),
        example::<panel::DeviceView>("Device", device),
        example::<command::CommandResult>("Command", command),
        example::<api::SignedReading>("SignedReading", json!({ "reading": "…" })),
        example::<api::DeviceKey>(
            "DeviceKey",
            json!({ "thumbprint": "…", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": "…" }, "identity": "…" }),
        ),
        example::<api::DeviceChallenge>("DeviceChallenge", json!({ "challenge": "…", "boot": "b" })),
        example::<api::DeviceRules>(
            "DeviceRules",
            json!({ "rules": [
                { "name": "exit", "when": { "type": "press", "line": "exit-button", "long": true }, "line": "door",
                    "action": "pulse", "args": { "ms": 3000 }, "after_ms": 500 },
                { "name": "frost", "when": { "type": "crosses", "line": "cellar", "above": false, "limit": 4.0,
                    "hysteresis": 2.0, "for_ms": 60000 }, "line": "heater", "action": "toggle" },
            ] }),
        ),
        example::<admin::Person>("Person", person),
        example::<admin::InviteReply>(
            "InviteReply",
            json!({ "username": "ann", "code": "…", "expires_at": 1 }),
        ),
        example::<admin::Invitation>(
            "Invitation",
            json!({ "id": "c", "username": "ann", "role": "viewer", "scope": "line:*/*:read", "creator": "bob",
                "expires_at": 1 }),
        ),
        example::<admin::Enrolment>(
            "Enrolment",
            json!({ "id": "c", "device": "porch", "replaces": false, "creator": "bob", "expires_at": 1 }),
        ),
        example::<admin::Session>(
            "Session",
            json!({ "id": "f", "current": true, "client": "curl", "started_ms": 1, "last_used_ms": 2,
                "expires_at": 3, "ends_at": 4 }),
        ),
        example::<admin::InvitedReply>("InvitedReply", json!({ "username": "ann", "has_password": true })),
        example::<admin::AcceptReply>("AcceptReply", json!({ "username": "ann" })),
        example::<admin::TokenView>("IssuedToken", token.clone()),
        example::<admin::IssueReply>(
            "IssueReply",
            json!({ "token": token, "access_token": "…", "link": "…" }),
        ),
        example::<audit::AuditEntry>("AuditEntry", entry),
        example::<audit::AuditPage>("AuditPage", page),
        example::<api::EnrolmentReply>(
            "EnrolmentReply",
            json!({ "device": "porch", "enrol": "…", "expires_at": 1 }),
        ),
        example::<api::EnrolReply>("EnrolReply", enrolled),
        example::<Problem>("Problem", problem),
    ]
}

fn names(value: &Value) -> Vec<String> {
    let mut names: Vec<String> = members(value).map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names
}

#[test]
fn schemas_have_the_members_of_their_types() {
    let document = Document::read();
    for Example { schema: name, full, reads } in requests().into_iter().chain(answers()) {
        let schema = &document.0["components"]["schemas"][name];
        assert_eq!(names(&schema["properties"]), names(&full), "{name}");
        assert_eq!(names(&reads(full.clone()).expect(name)), names(&full), "{name}: all members");
        let required: Vec<String> = schema["required"].as_array().into_iter().flatten().map(text).collect();
        for (member, _) in members(&full) {
            let mut without = full.clone();
            without.as_object_mut().expect("an object").remove(member);
            // A member is optional if a request without the member can be parsed, or if a response omits the member
            // when its value is empty.
            let optional = reads(without).is_ok_and(|written| written.get(member).is_none());
            assert_eq!(!optional, required.iter().any(|one| one == member), "{name}.{member}");
        }
    }
}

#[test]
fn unknown_members_are_refused_where_the_schema_says_so() {
    let document = Document::read();
    for Example { schema: name, mut full, reads } in requests() {
        full["unheard_of"] = json!(1);
        let closed = document.0["components"]["schemas"][name]["additionalProperties"] == false;
        assert_eq!(reads(full).is_err(), closed, "{name}");
    }
}

/// A form contains the token in addition to the members of the JSON body.
#[test]
fn forms_have_the_members_of_their_requests() {
    let document = Document::read();
    let properties = |name: &str| &document.0["components"]["schemas"][name]["properties"];
    for (form, request) in [
        ("ArgumentsForm", "Arguments"),
        ("InviteForm", "InviteRequest"),
        ("IssueForm", "IssueRequest"),
        ("EnrolmentForm", "EnrolmentRequest"),
    ] {
        let mut fields = names(properties(form));
        fields.retain(|field| field != "access_token");
        assert_eq!(fields, names(properties(request)), "{form}");
    }
}

#[test]
fn words_are_those_of_the_protocol() {
    let document = Document::read();
    let words = |name: &str| list(&document.0["components"]["schemas"][name]["enum"]);
    for word in words("LineKind") {
        assert!(serde_json::from_value::<crate::line::LineKind>(word.clone()).is_ok(), "{word}");
    }
    for word in words("Role") {
        assert!(serde_json::from_value::<crate::scope::Role>(word.clone()).is_ok(), "{word}");
    }
    let verbs: Vec<String> = words("Verb").map(text).collect();
    assert_eq!(verbs, crate::scope::VERBS[1..]);
}
