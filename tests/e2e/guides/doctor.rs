//! Tests the report of `pinlatch doctor` about misconfigured issuers and login providers.

use std::path::Path;

use e2e::HostLock;
use e2e::provider::{CLIENT, RESOURCE};
use serde_json::Value;

use super::{SHARED, page};

/// Runs `pinlatch doctor` in a folder. Returns whether all checks passed, and the list of checks.
fn checks(folder: &Path, url: &str) -> (bool, Vec<Value>) {
    let output = page::pinlatch(folder, &["--json", "doctor", url, "--config", "wrangler.toml"], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(output.status.code(), Some(if report["ok"] == true { 0 } else { 1 }));
    (report["ok"] == true, report["checks"].as_array().expect("checks").clone())
}

/// Returns the check of one issuer or one login provider.
fn check<'c>(checks: &'c [Value], kind: &str, name: &str) -> &'c Value {
    let is = |check: &&Value| {
        check["name"] == kind
            && check["detail"].as_str().is_some_and(|text| text.starts_with(&format!("{name}: ")))
    };
    checks.iter().find(is).unwrap_or_else(|| panic!("{kind} {name}: {checks:?}"))
}

#[test]
fn the_doctor_says_what_is_wrong_with_an_issuer() {
    let _host_lock = HostLock::beside_others();
    let (world, origin) = (&*SHARED, SHARED.deployment.origin());
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for name in ["wrangler.toml", ".dev.vars"] {
        std::fs::copy(world.deployment.folder().join(name), at(name)).expect("a copy");
    }
    // Without a login and without the variable ORIGIN, nothing says that the URL is the owner's deployment.
    let (_, all) = checks(folder.path(), origin);
    assert_eq!(check(&all, "issuer", "curl")["code"], "address_not_named");
    let without_origin = std::fs::read_to_string(at(".dev.vars")).expect("secrets");
    std::fs::write(at(".dev.vars"), format!("{without_origin}ORIGIN='{origin}'\n")).expect("secrets");
    let (well, all) = checks(folder.path(), origin);
    assert_eq!(check(&all, "issuer", "curl")["state"], "ok", "{all:?}");
    let login = check(&all, "provider", "auth0");
    assert_eq!((login["state"].as_str(), well), (Some("ok"), true), "{all:?}");

    // In this copy of the owner's files, one secret differs from the edge's secret, and another secret is missing.
    let secrets = std::fs::read_to_string(at(".dev.vars")).expect("secrets");
    let secret =
        |name: &str| secrets.lines().find(|line| line.starts_with(name)).expect("a secret").to_owned();
    let other = secret("NODE_SECRET=").replace("NODE_SECRET", "CURL_SECRET");
    let altered = secrets.replace(&secret("CURL_SECRET="), &other).replace(&secret("NODE_SECRET="), "");
    std::fs::write(at(".dev.vars"), altered).expect("secrets");

    let company = world.providers.named("company");
    let (company, odd) = (company.issuer(), "https://odd.example/");
    let table = |name: &str, issuer: &str, audience: &str, uri: &str| {
        format!(
            "\n[vars.ISSUERS.{name}]\nissuer = {issuer:?}\nsite = \"home\"\naudience = {audience:?}\n\
             scope = \"line:*/*:read\"\njwks_uri = {uri:?}\n"
        )
    };
    let mut text = std::fs::read_to_string(at("wrangler.toml")).expect("a configuration");
    text.push_str(&table("redirect", odd, "one", &format!("{company}/odd/redirect")));
    text.push_str(&table("private", odd, "two", &format!("{company}/odd/private")));
    text.push_str(&table("page", odd, "three", &format!("{company}/odd/page")));
    text.push_str(&table("gone", odd, "four", "http://127.0.0.1:9/jwks"));
    text.push_str(&table("slash", &format!("{company}/"), "five", &format!("{company}/jwks")));
    text.push_str(&table("place", company, "six", &format!("{company}/jwks?old")));
    text.push_str(&table("mistaken", odd, CLIENT, &format!("{company}/jwks")));
    text.push_str(&table("plain", odd, RESOURCE, "http://issuer.example/jwks"));
    text.push_str(&table("list", odd, "seven", "https://x.example/").replace("jwks_uri", "algorithms"));
    text.push_str("\n[vars.LOGINS.other]\nsite = \"home\"\nissuer = \"");
    text.push_str(&format!("{company}/\"\nclient_id = \"x\"\n"));
    text.push_str(&format!(
        "\n[vars.LOGINS.unknown]\nsite = \"home\"\nissuer = \"{company}\"\nclient_id = \"y\"\n"
    ));
    std::fs::write(at("wrangler.toml"), text).expect("a configuration");

    let (well, all) = checks(folder.path(), origin);
    assert!(!well);
    for (name, state, code, word) in [
        ("curl", "failed", "edge_refuses", "does not accept"),
        ("node", "warning", "secret_not_here", "NODE_SECRET"),
        ("redirect", "failed", "jwks_unreachable", "redirects are not followed"),
        ("private", "failed", "jwks_refused", "private_key"),
        ("page", "failed", "jwks_unreachable", "not a JSON object"),
        ("gone", "failed", "jwks_unreachable", "127.0.0.1:9"),
        ("slash", "failed", "issuer_differs", company),
        ("place", "warning", "jwks_uri_differs", "/jwks"),
        ("mistaken", "failed", "issuer_table", "client_id"),
        ("plain", "failed", "issuer_table", "jwks_uri: "),
        ("list", "failed", "issuer_table", "algorithms: "),
    ] {
        let check = check(&all, "issuer", name);
        assert_eq!((check["state"].as_str(), check["code"].as_str()), (Some(state), Some(code)), "{check}");
        assert!(check["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{check}");
        assert!(check["advice"].is_string(), "{check}");
    }
    assert_eq!(check(&all, "issuer", "python")["state"], "ok");
    assert_eq!(check(&all, "provider", "other")["code"], "discovery_refused");
    assert_eq!(check(&all, "provider", "unknown")["code"], "login_not_deployed");
    let said = serde_json::to_string(&all).expect("text");
    for line in secrets.lines() {
        let value = line.split_once('=').map_or("", |(_, value)| value.trim_matches('\''));
        let is_public = line.starts_with("ORIGIN=");
        assert!(is_public || value.len() < 16 || !said.contains(value), "a secret is shown");
    }
}
