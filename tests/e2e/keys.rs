//! Tests changes of the edge's keys. One test rotates the keys in several steps, which every device must follow,
//! including a device that was offline. Another test runs the emergency procedure.

use std::process::{Command, Output};
use std::time::Duration;

use e2e::site::{OWNER, PASSWORD};
use e2e::{Deployment, HostLock, Site, eventually, program};
use serde_json::{Value, json};

/// Runs `pinlatch keys …` with the secrets of a deployment.
fn run(edge: &Deployment, arguments: &[&str]) -> Output {
    let folder = edge.folder();
    let mut pinlatch = Command::new(program("PINLATCH_BIN"));
    pinlatch.env("PINLATCH_CONFIG_DIR", folder.join("config")).args(["--json", "keys"]).args(arguments);
    pinlatch.arg("--vars").arg(folder.join(".dev.vars"));
    if arguments != ["list"] {
        pinlatch.arg("--root-key").arg(folder.join("root.jwk"));
    }
    pinlatch.output().expect("pinlatch")
}

/// Runs `pinlatch keys …`, which must succeed. Also checks that the command prints no secret.
fn keys(edge: &Deployment, arguments: &[&str]) -> Value {
    let folder = edge.folder();
    let output = run(edge, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    for line in std::fs::read_to_string(folder.join(".dev.vars")).expect("secrets").lines() {
        let secret = line.split_once('=').map_or("", |(_, value)| value.trim_matches('\''));
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(!line.starts_with("EDGE_KEYS") || !told.contains(secret), "no secret is printed");
    }
    serde_json::from_slice(&output.stdout).expect("JSON")
}

pub fn take(edge: &Deployment, step: &str) {
    // This deployment has no stored login, so it cannot be asked what still needs the old keys.
    keys(edge, &["rotate", "--step", step, "--end-tokens", "unknown"]);
    edge.edge().restart().expect("workerd");
}

fn signer(edge: &Deployment) -> Vec<String> {
    let jwks = edge.http().get("/.well-known/jwks.json").ok();
    let keys = jwks["keys"].as_array().expect("keys").iter();
    let signing = keys.filter(|key| key["use"] == "sig");
    signing.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

fn toggle(site: &Site<'_>, token: &str, device: &str) -> u16 {
    let by = site.deployment.http().bearer(token);
    by.post(&format!("/api/v1/devices/{device}/lines/lamp/toggle"), &json!({})).status
}

/// Waits until a device executes a command. The wait can be long, because the pauses between the device's attempts to
/// reconnect grow after a restart of the edge.
fn obeys(site: &Site<'_>, token: &str, device: &str) {
    eventually(Duration::from_secs(90), device, || (toggle(site, token, device) == 200).then_some(()));
}

#[test]
fn devices_follow_rotations_also_after_two_away() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let _near = site.device("near");
    let mut away = site.device("away");
    let first = signer(&edge);
    assert_eq!(first.len(), 1);
    away.stop();

    take(&edge, "publish");
    assert_eq!(signer(&edge).len(), 2, "the JWKS lacks a key");
    take(&edge, "switch");
    site.until_online("near");
    obeys(&site, &site.token, "near");
    let second = site.log_in();
    obeys(&site, &second, "near");
    take(&edge, "retire");
    assert!(signer(&edge).iter().all(|kid| !first.contains(kid)), "the old key is published");
    assert_eq!(toggle(&site, &site.token, "near"), 401, "the old token is accepted");
    for step in ["publish", "switch", "retire"] {
        take(&edge, step);
    }
    let third = site.log_in();
    assert_eq!(toggle(&site, &second, "near"), 401);

    away.start();
    obeys(&site, &third, "near");
    obeys(&site, &third, "away");
}

/// Runs `pinlatch keys rotate`, which must fail without a change of the secrets. Returns the reason.
fn stays(edge: &Deployment, arguments: &[&str]) -> String {
    let secrets = || std::fs::read(edge.folder().join(".dev.vars")).expect("secrets");
    let before = secrets();
    let output = run(edge, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    assert_eq!(secrets(), before, "{arguments:?}");
    let problem: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    problem["reason"].as_str().expect("a reason").to_owned()
}

#[test]
fn keys_that_living_tokens_need_are_not_retired_without_their_number() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let _agent = site.device("porch");
    for step in ["publish", "switch"] {
        keys(&edge, &["rotate", "--step", step]);
        edge.edge().restart().expect("workerd");
    }
    let reason = stays(&edge, &["rotate", "--step", "retire"]);
    assert!(reason.contains("you are not logged in") && reason.contains("--end-tokens unknown"), "{reason}");

    let config = edge.folder().join("config");
    let mut login = Command::new(program("PINLATCH_BIN"));
    login.args([
        "login",
        "--url",
        edge.origin(),
        "--site",
        &site.name,
        "--username",
        OWNER,
        "--password-stdin",
    ]);
    xtask::process::output_with_input("pinlatch login", login.env("PINLATCH_CONFIG_DIR", config), PASSWORD)
        .expect("a login");
    let token = site.log_in();
    let owner = edge.http().bearer(&token);
    let request = |kind: &str| json!({ "kind": kind, "name": kind, "scope": "line:porch/lamp:*", "expires_at": e2e::outsiders::now() + 3_600 });
    let made = owner.post("/api/v1/tokens", &request("api")).ok();
    owner.post("/api/v1/tokens", &request("guest")).ok();
    let script = made["access_token"].as_str().expect("a token").to_owned();

    let reason = stays(&edge, &["rotate", "--step", "retire"]);
    for part in ["1 API token", "1 guest link", "--end-tokens 2"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    let reason = stays(&edge, &["rotate", "--step", "retire", "--end-tokens", "1"]);
    assert!(reason.contains("--end-tokens 1 is too low"), "{reason}");
    assert_eq!(toggle(&site, &script, "porch"), 200, "the token still works");

    let done = keys(&edge, &["rotate", "--step", "retire", "--end-tokens", "2"]);
    assert_eq!((&done["did"], &done["dependents"]["api_tokens"]), (&json!("retire"), &json!(1)));
    // Tokens that were issued in the first minutes after the switch count, because an instance of the Worker can have
    // signed them with the old key. In this test the new key signed them, so they stay valid.
    edge.edge().restart().expect("workerd");
    eventually(Duration::from_secs(90), "the token of the new key works", || {
        (toggle(&site, &script, "porch") == 200).then_some(())
    });
}

#[test]
fn the_emergency_leaves_devices_enrolled_and_nothing_else() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let _agent = site.device("porch");
    let request =
        json!({ "kind": "api", "name": "x", "scope": "line:*/*:*", "expires_at": 4_000_000_000u64 });
    assert_eq!(site.post("/api/v1/tokens", &request).code(), "invalid_request", "the expiry is too late");
    let old = signer(&edge);
    keys(&edge, &["void"]);
    edge.edge().restart().expect("workerd");
    assert!(signer(&edge).iter().all(|kid| !old.contains(kid)));
    site.get("/api/v1/whoami").is_problem(401, "invalid_token");
    let token = site.log_in();
    obeys(&site, &token, "porch");
}
