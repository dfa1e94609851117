//! Tests which callers the edge accepts and which callers the edge refuses.

use std::process::Command;

use e2e::site::{OWNER, PASSWORD};
use e2e::socket;
use e2e::{Answer, Site, program};
use serde_json::{Value, json};

#[track_caller]
fn is_refused_as_a_stranger(answer: &Answer) {
    answer.is_problem(401, "invalid_token");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{challenge}");
    assert!(answer.body.get("detail").is_none(), "the response has details: {answer:?}");
}

#[test]
fn no_token_no_answer() {
    let site = Site::shared();
    for path in
        ["/api/v1/whoami", "/api/v1/devices", "/api/v1/devices/porch", "/api/v1/events", "/api/v1/audit"]
    {
        is_refused_as_a_stranger(&site.deployment.http().get(path));
        is_refused_as_a_stranger(
            &site.deployment.http().with("authorization", "Basic b3duZXI6eA==").get(path),
        );
        is_refused_as_a_stranger(&site.deployment.http().bearer("").get(path));
    }
}

/// The Worker must refuse a token if any of its three parts is altered. The audit log of the site must contain nothing
/// about such a token.
#[test]
fn an_altered_token_is_refused_before_the_object() {
    let site = Site::shared();
    let parts: Vec<&str> = site.token.split('.').collect();
    for part in 0..3 {
        for position in [0, parts[part].len() / 2, parts[part].len() - 2] {
            let mut altered: Vec<String> = parts.iter().map(ToString::to_string).collect();
            let old = altered[part].as_bytes()[position];
            let new = if old == b'A' { "B" } else { "A" };
            altered[part].replace_range(position..=position, new);
            is_refused_as_a_stranger(
                &site.deployment.http().bearer(&altered.join(".")).get("/api/v1/whoami"),
            );
        }
    }
    let audit = site.get("/api/v1/audit").ok();
    let acts: Vec<&Value> =
        audit["entries"].as_array().expect("entries").iter().map(|entry| &entry["outcome"]).collect();
    assert!(!acts.contains(&&json!("invalid_token")), "{acts:?}");
}

#[test]
fn a_token_of_one_site_is_nothing_at_another_deployment_site() {
    let (one, other) = (Site::shared(), Site::shared());
    let whoami = one.get("/api/v1/whoami").ok();
    assert_eq!(whoami["site"], json!(one.name));
    // The signed audience (`aud`) decides for which site a token is valid. A request that names another site or another
    // subject is refused.
    let path = format!("/api/v1/events?site={}", other.name);
    let bearer = format!("Bearer {}", one.token);
    let refused = socket::open(one.deployment.origin(), &path, &[("authorization", &bearer)]);
    assert_eq!(refused.expect_err("no upgrade").status(), 409);
    one.with("pinlatch-site", &other.name).get("/api/v1/whoami").is_problem(409, "other_login");
    one.with("pinlatch-subject", "another").get("/api/v1/whoami").is_problem(409, "other_login");
    let named = one.with("pinlatch-site", &one.name).with("pinlatch-subject", OWNER);
    assert_eq!(named.get("/api/v1/whoami").ok(), whoami);
}

#[test]
fn two_tokens_in_one_request_are_one_too_many() {
    let site = Site::shared();
    let both = site.with("cookie", &site.cookie("session", &site.token));
    both.get("/api/v1/whoami").is_problem(400, "two_carriers");
}

#[test]
fn a_viewers_and_strangers_sockets_are_refused() {
    let site = Site::shared();
    let origin = site.deployment.origin();
    let path = format!("/api/v1/events?site={}", site.name);
    let refused = |headers: &[(&'static str, &str)]| {
        socket::open(origin, &path, headers).expect_err("no upgrade").status().as_u16()
    };
    assert_eq!(refused(&[]), 401);
    assert_eq!(refused(&[("authorization", "Bearer x.y.z")]), 401);
    let cookie = site.cookie("session", &site.token);
    assert_eq!(refused(&[("cookie", &cookie)]), 403, "a cookie without our own origin");
    assert_eq!(refused(&[("cookie", &cookie), ("origin", "http://evil.example")]), 403);
    let open = |path: &str| socket::open(origin, path, &[("cookie", &cookie), ("origin", origin)]);
    let unnamed = open("/api/v1/events");
    // Without a name, the cookie of the deployment's first site counts, and this site can be the first one.
    let status = unnamed.expect_err("no upgrade").status().as_u16();
    assert!(matches!(status, 400 | 401), "{status}: the site is not named");
    assert!(open(&path).is_ok());
    assert!(open(&format!("{path}&subject={OWNER}")).is_ok());
    let other = open(&format!("{path}&subject=another"));
    assert_eq!(other.expect_err("no upgrade").status(), 409);
}

#[test]
fn an_agents_socket_needs_a_proof() {
    let site = Site::shared();
    let answer = site.deployment.http().get("/api/v1/agent");
    answer.is_problem(401, "invalid_token");
    assert!(answer.header("www-authenticate").starts_with("Pinlatch challenge=\""));
    let bearer = format!("Bearer {}", site.token);
    let headers = [("authorization", bearer.as_str()), ("pinlatch-proof", "x.y.z")];
    let refused = socket::open(site.deployment.origin(), "/api/v1/agent", &headers);
    assert_eq!(refused.expect_err("no upgrade").status(), 401, "an access token is no device credential");
}

#[test]
fn a_setup_code_makes_one_owner() {
    let site = Site::shared();
    let (name, code) =
        (0..).map(|index| site.deployment.site(index)).find(|(name, _)| *name == site.name).unwrap();
    let again = json!({ "site": name, "code": code, "username": "mallory", "password": "long enough" });
    let answer = site.deployment.http().post("/api/v1/setup", &again);
    assert!(
        matches!((answer.status, answer.code()), (409, "already_set_up") | (403, "code_refused")),
        "{answer:?}"
    );
    let guess =
        json!({ "site": name, "code": format!("{code}A"), "username": "mallory", "password": "long enough" });
    site.deployment.http().post("/api/v1/setup", &guess).is_problem(403, "code_refused");
}

#[test]
fn an_enrolment_code_is_good_once_and_for_its_purpose() {
    let site = Site::shared();
    let enrolment = site.enrolment("porch");
    let enrol = || {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program("PINLATCH_AGENT_BIN"));
        command.arg("enrol").arg(&enrolment).arg("--state").arg(folder.path().join("state"));
        command.output().unwrap()
    };
    assert!(enrol().status.success());
    let second = enrol();
    assert!(!second.status.success(), "used twice");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("code_refused") || said.contains("not valid"), "{said}");
    let code = enrolment.split_once('#').unwrap().1.rsplit_once('.').unwrap().0.to_owned();
    assert!(!said.contains(&code), "no code in an error");
    let setup = json!({ "site": site.name, "code": code, "username": "mallory", "password": "long enough" });
    site.deployment.http().post("/api/v1/setup", &setup).is_problem(403, "code_refused");
}

/// The Worker's log must contain no passwords, no tokens and no codes.
#[test]
fn the_log_holds_no_secrets() {
    let site = Site::shared();
    let enrolment = site.enrolment("porch");
    let wrong =
        json!({ "grant_type": "password", "site": site.name, "username": OWNER, "password": "letmein-9281" });
    site.deployment.http().post("/api/v1/token", &wrong);
    let _ = site.deployment.http().bearer(&format!("{}x", site.token)).get("/api/v1/whoami");
    let log = site.deployment.log();
    let code = enrolment.split_once('#').unwrap().1;
    for secret in [PASSWORD, "letmein-9281", &site.token, code] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    let signature = site.token.rsplit_once('.').unwrap().1;
    assert!(!log.contains(signature));
}
