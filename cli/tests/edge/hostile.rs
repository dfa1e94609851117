//! Tests that no text of a hostile edge reaches the terminal with control characters, direction marks or invisible
//! characters, on stdout and on stderr, in text and in JSON.

use std::fs;
use std::process::{Command, Output};

use pinlatch_protocol::text::is_unseen;
use serde_json::{Value, json};

use crate::fake_edge::{FakeEdge, Received};

/// A text that clears a screen, writes a window's title, reverses its direction, and hides a tag.
const EVIL: &str =
    "x\u{1b}[2J\u{1b}]0;t\u{7}\u{202e}\u{2066}\u{200e}\u{61c}\u{200b}\u{feff}\u{e0041}\r\u{9b}1my";

fn answer(received: &Received) -> Option<(u16, String)> {
    let line = json!({
        "name": "heat", "kind": "sensor", "actions": [], "reported": 21.5, "unit": EVIL, "changed_ms": 0,
    });
    let device =
        json!({ "name": "porch", "online": true, "last_seen_ms": 0, "version": EVIL, "lines": [line] });
    let token = json!({
        "jti": EVIL, "kind": "api", "name": EVIL, "creator": EVIL, "scope": "site:audit", "not_before": 0,
        "expires_at": 4_000_000_000_u64, "uses": 0, "created_ms": 0,
    });
    let entry = json!({
        "seq": 1, "at_ms": 0, "actor": EVIL, "act": EVIL, "target": EVIL, "outcome": EVIL, "hash": EVIL, "args": EVIL,
    });
    let rule = json!({
        "name": "r", "when": { "type": "crosses", "line": "heat", "above": true, "limit": 4, "hysteresis": 0, "for_ms": 0 },
        "line": "heat", "action": EVIL,
    });
    let (path, _) = received.call.split_once('?').unwrap_or((&received.call, ""));
    let body = match path {
        "GET /api/v1/whoami" => json!({
            "site": "home", "sub": EVIL, "scope": "site:audit", "jti": EVIL, "iss": EVIL, "iat": 0, "exp": 1,
        }),
        "GET /api/v1/devices" => json!([device]),
        "GET /api/v1/devices/porch" => device,
        "GET /api/v1/devices/porch/rules" => json!({ "rules": [rule] }),
        "GET /api/v1/tokens" => json!([token]),
        "POST /api/v1/tokens" => json!({ "token": token, "access_token": EVIL }),
        "POST /api/v1/enrolments" => json!({ "device": "porch", "enrol": EVIL, "expires_at": 0 }),
        "POST /api/v1/users" => json!({ "username": "ben", "code": EVIL, "expires_at": 0 }),
        "GET /api/v1/enrolments" => json!([{
            "id": EVIL, "device": "porch", "replaces": false, "creator": EVIL, "expires_at": 4_000_000_000_u64,
        }]),
        "GET /api/v1/audit" if received.call.contains("limit=") => {
            json!({ "entries": [entry], "head": { "seq": 1, "hash": EVIL }, "next": null, "keep_days": 90 })
        }
        "GET /api/v1/audit" => return Some((200, format!("{}\n", raw(&entry)))),
        "GET /healthz" => return None,
        _ => {
            let problem = json!({
                "type": EVIL, "title": EVIL, "status": 403, "code": "insufficient_scope", "detail": EVIL,
            });
            return Some((403, raw(&problem)));
        }
    };
    Some((200, raw(&body)))
}

/// Formats JSON with the direction marks as they are. JSON itself escapes only the C0 control characters.
fn raw(document: &Value) -> String {
    document.to_string()
}

fn run(edge: &FakeEdge, args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let login = json!({
        "url": edge.origin, "site": null, "access_token": "a", "expires_at": u32::MAX, "refresh_token": "r",
    });
    fs::write(folder.path().join("credentials.json"), login.to_string()).unwrap();
    Command::new(env!("CARGO_BIN_EXE_pinlatch"))
        .args(["--color", "never"])
        .args(args)
        .env("PINLATCH_CONFIG_DIR", folder.path())
        .output()
        .unwrap()
}

#[test]
fn nothing_of_a_hostile_edge_controls_the_terminal() {
    let edge = FakeEdge::start(answer);
    let sent: String = serde_json::from_str::<Value>(&raw(&json!(EVIL))).unwrap().as_str().unwrap().into();
    assert_eq!(sent, EVIL, "the edge sends the characters");
    for command in [
        &["whoami"][..],
        &["devices"],
        &["tokens"],
        &["token", "create", "cron", "--scope", "line:porch/heat:read"],
        &["device", "enrol", "porch"],
        &["device", "enrolments"],
        &["device", "remove", "porch"],
        &["device", "confirm", "porch"],
        &["device", "rules", "porch"],
        &["reading", "porch/heat"],
        &["user", "invite", "ben", "--role", "viewer"],
        &["user", "list"],
        &["audit"],
        &["audit", "--ids"],
        &["audit", "--jsonl"],
        &["send", "porch/heat", "on"],
        &["watch"],
    ] {
        for with in [&[][..], &["--json"]] {
            let args = [command, with].concat();
            let output = run(&edge, &args);
            let (stdout, stderr) =
                (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
            for (name, text) in [("stdout", &stdout), ("stderr", &stderr)] {
                let hostile: Vec<char> = text.chars().filter(|c| *c != '\n' && is_unseen(*c)).collect();
                assert!(hostile.is_empty(), "{args:?}: {name}: {hostile:?}: {text:?}");
            }
            // The characters are shown as escapes, and are not left out.
            assert!(format!("{stdout}{stderr}").contains("\\u202e"), "{args:?}: {stdout} {stderr}");
            if !with.is_empty() && command != ["audit", "--jsonl"] {
                let document: Value =
                    serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{args:?}: {stdout}"));
                assert!(has(&document, EVIL), "{args:?}: the document has lost the text: {document}");
            }
        }
    }
}

/// Returns whether a text is a value somewhere in a document.
fn has(document: &Value, text: &str) -> bool {
    match document {
        Value::String(value) => value == text,
        Value::Array(all) => all.iter().any(|value| has(value, text)),
        Value::Object(all) => all.values().any(|value| has(value, text)),
        _ => false,
    }
}
