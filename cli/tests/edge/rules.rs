//! Tests `pinlatch device rules`.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::fake_edge::{FakeEdge, Received};

fn rules() -> Value {
    json!({ "rules": [
        { "name": "exit", "when": { "type": "press", "line": "exit-button" }, "line": "door", "action": "pulse",
            "args": { "ms": 3000 } },
        { "name": "frost", "when": { "type": "crosses", "line": "cellar", "above": false, "limit": 4.0,
            "hysteresis": 2.0, "for_ms": 0 }, "line": "heater", "action": "set", "args": { "value": true } },
    ] })
}

/// `porch` has rules and a sensor, `shed` has rules but invisible lines, and `barn` has no rules.
fn answer(received: &Received) -> Option<(u16, String)> {
    let device = |name: &str, lines: Value| json!({ "name": name, "online": true, "last_seen_ms": 0, "version": null, "lines": lines });
    let cellar = json!({ "name": "cellar", "kind": "sensor", "actions": [], "reported": 9, "unit": "°C",
        "precision": 1, "changed_ms": 0 });
    let body = match received.call.as_str() {
        "GET /api/v1/devices" => json!([device("porch", json!([])), device("shed", json!([]))]),
        "GET /api/v1/devices/porch" => device("porch", json!([cellar])),
        "GET /api/v1/devices/porch/rules" | "GET /api/v1/devices/shed/rules" => rules(),
        "GET /api/v1/devices/barn/rules" => json!({ "rules": [] }),
        _ => {
            let problem = json!({ "type": "urn:pinlatch:problem:unknown_device", "title": "Unknown", "status": 404,
                "code": "unknown_device" });
            return Some((404, problem.to_string()));
        }
    };
    Some((200, body.to_string()))
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

fn succeeds(edge: &FakeEdge, args: &[&str]) -> String {
    let output = run(edge, args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn rules_are_printed_in_words() {
    let edge = FakeEdge::start(answer);
    assert_eq!(
        succeeds(&edge, &["device", "rules", "porch"]).trim_end(),
        "NAME   RULE\n\
         exit   When Exit button is pressed, Door opens for 3 s\n\
         frost  When Cellar falls below 4.0 °C (again only after it has been above 6.0 °C), Heater switches on"
    );
    let text = succeeds(&edge, &["device", "rules", "shed"]);
    assert!(
        text.contains("When Cellar falls below 4 (again only after it has been above 6), Heater"),
        "{text}"
    );
    let document: Value =
        serde_json::from_str(&succeeds(&edge, &["--json", "device", "rules", "porch"])).unwrap();
    assert_eq!(document, rules());
}

#[test]
fn a_device_without_rules_has_a_next_step() {
    let edge = FakeEdge::start(answer);
    let text = succeeds(&edge, &["device", "rules", "barn"]);
    assert!(text.starts_with("The device barn has no rules.") && text.contains("docs/rules.md"), "{text}");
    let json = succeeds(&edge, &["--json", "device", "rules", "barn"]);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), json!({ "rules": [] }));
}

#[test]
fn the_nearest_name_is_suggested_for_an_unknown_device() {
    let edge = FakeEdge::start(answer);
    let output = run(&edge, &["device", "rules", "prch"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("did you mean porch?"), "{text}");
}
