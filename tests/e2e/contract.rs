//! Tests the contract with API clients: paths, media types and problem documents.

use e2e::{Answer, Http, Site};
use serde_json::json;

#[test]
fn the_edge_tells_its_health_and_its_keys() {
    let site = Site::shared();
    let health = site.deployment.http().get("/healthz").ok();
    assert_eq!(health["status"], "ok");
    assert!(health["version"].is_string());
    let jwks = site.deployment.http().get("/.well-known/jwks.json").ok();
    let keys = jwks["keys"].as_array().expect("keys");
    // The edge publishes one key for signatures, and one key with which other programs encrypt tokens.
    for (usage, kind, curve, alg) in
        [("sig", "OKP", "Ed25519", "EdDSA"), ("enc", "EC", "P-256", "ECDH-ES+A256KW")]
    {
        let key = keys.iter().find(|key| key["use"] == usage).unwrap_or_else(|| panic!("{usage}: {keys:?}"));
        let said = (&key["kty"], &key["crv"], &key["alg"]);
        assert_eq!(said, (&json!(kind), &json!(curve), &json!(alg)));
    }
    assert!(keys.iter().all(|key| key.get("d").is_none()), "a private key is published");
}

#[test]
fn what_is_not_there_is_a_problem() {
    let site = Site::shared();
    site.get("/api/v1/nonsense").is_problem(404, "not_found");
    let answer = site.send("PUT", "/api/v1/devices", Some(("application/json", "{}"))).expect("an answer");
    answer.is_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET");
    site.get("/api/v1/devices/nobody").is_problem(404, "unknown_device");
    site.get("/api/v1/commands/never").is_problem(404, "unknown_command");
    site.get("/api/v1/events").is_problem(426, "upgrade_required");
}

#[test]
fn bodies_are_read_with_care() {
    let site = Site::shared();
    let http: &Http = &site;
    let post =
        |media, body: &str| http.send("POST", "/api/v1/enrolments", Some((media, body))).expect("an answer");
    post("text/plain", "{}").is_problem(415, "unsupported_media_type");
    post("application/json", "{").is_problem(400, "invalid_request");
    post("application/json", r#"{"device":"x","more":1}"#).is_problem(400, "invalid_request");
    post("application/json", r#"{"device":"Not A Name"}"#).is_problem(400, "invalid_request");
    post("application/json", &format!(r#"{{"device":"{}"}}"#, "x".repeat(20_000)))
        .is_problem(413, "too_large");
}

#[test]
fn an_unknown_site_never_becomes_an_object() {
    let site = Site::shared();
    let login =
        json!({ "grant_type": "password", "site": "elsewhere", "username": "owner", "password": "x" });
    site.deployment.http().post("/api/v1/token", &login).is_problem(404, "unknown_site");
}

#[test]
fn the_panel_is_served_at_every_site_with_its_policy() {
    let site = Site::shared();
    serves_the_panel(&site.deployment.http(), &site.name);
}

/// Without Cloudflare's network, the Worker must compress responses itself. All browser tests check that browsers can
/// read the compressed responses.
#[test]
fn the_worker_compresses_the_panels_files_for_who_accepts_that() {
    let site = Site::shared();
    let http = site.deployment.http();
    let (plain, whole) = http.get_bytes("/");
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "Accept-Encoding"));
    for coding in ["br", "gzip"] {
        let (answer, small) = http.with("accept-encoding", coding).get_bytes("/");
        assert_eq!(answer.header("content-encoding"), coding, "{answer:?}");
        assert!(!small.is_empty() && small.len() * 3 < whole.len() * 2, "{} of {}", small.len(), whole.len());
    }
    let (icon, _) = http.with("accept-encoding", "br").get_bytes("/icons/icon-192.png");
    assert_eq!(icon.header("content-encoding"), "", "{icon:?}");
}

/// Checks how a file server serves the panel's files. Two file servers exist: Cloudflare's file server, which `wrangler
/// dev` also uses, and the Worker's own file server for self-hosting.
pub fn serves_the_panel(http: &Http, site: &str) {
    let page = |path: &str| {
        let answer = http.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").starts_with("text/html"), "{path}: {answer:?}");
        has_its_policy(&answer, path);
        answer.header("cache-control").to_owned()
    };
    for path in ["/", &format!("/s/{site}/")] {
        assert_eq!(page(path), "public, max-age=0, must-revalidate", "{path}");
    }
    for path in ["/assets", "/assets/", "/_headers", "/no/such.file"] {
        page(path);
    }
    // The response for a missing file must not be cached, because a file with the same name may have existed before or
    // may exist later.
    let none = page("/assets/panel-0123456789abcdef.js");
    assert!(!none.contains("immutable"), "{none}");
    let index = http.text("/");
    let file = |ending: &str| {
        let end = index.find(ending).unwrap_or_else(|| panic!("{ending}: {index}")) + ending.len();
        index[..end].rsplit('"').next().expect("a path").to_owned()
    };
    for (ending, media_type) in [
        (".js", "text/javascript"),
        (".css", "text/css"),
        (".wasm", "application/wasm"),
        (".svg", "image/svg+xml"),
    ] {
        let path = file(ending);
        let (answer, _) = http.get_bytes(&path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").starts_with(media_type), "{path}: {answer:?}");
        has_its_policy(&answer, &path);
        let kept = answer.header("cache-control").contains("immutable");
        assert_eq!(kept, path.starts_with("/assets/"), "{path}: {answer:?}");
    }
    http.get("/api/v1/nothing").is_problem(404, "not_found");
}

fn has_its_policy(answer: &Answer, path: &str) {
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"), "{path}: {policy}");
    assert!(policy.contains("require-trusted-types-for 'script'"), "{path}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
}
