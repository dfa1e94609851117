//! Tests that `pinlatch doctor` shows a token of an issuer only to the deployment that the owner's files name.

use std::fs;
use std::process::Command;

use pinlatch_token::random_id;
use serde_json::Value;

use crate::fake_edge::FakeEdge;

const CONFIGURATION: &str = r#"
[vars]
SITES = "home"

[vars.ISSUERS.curl]
issuer = "https://curl.example"
site = "home"
audience = "https://pinlatch.example/curl"
secret = "CURL_SECRET"
scope = "line:porch/lamp:*"
"#;

/// Returns the received tokens that have the form of a JWT.
fn jwts(impostor: &FakeEdge) -> Vec<String> {
    let tokens = impostor.received().into_iter().map(|received| received.bearer);
    tokens.filter(|token| token.split('.').count() == 3).collect()
}

/// Runs the command with a configuration whose secrets contain the given line. Returns the check of the issuer.
fn check(impostor: &FakeEdge, line: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("wrangler.toml"), CONFIGURATION).unwrap();
    let secret = [random_id(), random_id(), random_id()].concat();
    fs::write(at(".dev.vars"), format!("CURL_SECRET='{secret}'\n{line}\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_pinlatch"))
        .args(["--json", "doctor", &impostor.origin, "--config"])
        .arg(at("wrangler.toml"))
        .env("PINLATCH_CONFIG_DIR", at("config"))
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let mut checks = report["checks"].as_array().unwrap().clone();
    checks.retain(|check| check["name"] == "issuer");
    checks.pop().unwrap_or_else(|| panic!("{report}"))
}

#[test]
fn a_token_is_shown_to_no_address_that_the_configuration_does_not_name() {
    let impostor = FakeEdge::start(|_| None);
    let other = impostor.origin.replace("127.0.0.1", "127.0.0.1.evil.example");
    for line in ["", &format!("ORIGIN='https://home.example,{other}'")] {
        let check = check(&impostor, line);
        assert_eq!(jwts(&impostor), Vec::<String>::new(), "{line}");
        assert_eq!(
            (check["code"].as_str(), check["state"].as_str()),
            (Some("address_not_named"), Some("warning"))
        );
        let detail = check["detail"].as_str().unwrap();
        assert!(detail.contains(&impostor.origin) && detail.contains("ORIGIN"), "{detail}");
        assert!(check["advice"].as_str().is_some_and(|advice| advice.contains("pinlatch login")), "{check}");
    }
    // The impostor refuses the token of a deployment that the configuration names.
    let check = check(&impostor, &format!("ORIGIN='https://home.example,{}'", impostor.origin));
    assert_eq!((jwts(&impostor).len(), check["code"].as_str()), (1, Some("edge_refuses")), "{check}");
}
