//! Tests deployments behind a real reverse proxy that ends TLS. All clients use an IP address that is not a loopback
//! address, so nothing is accepted only because it comes from this machine.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::agent::LINES;
use e2e::certificates::Certificates;
use e2e::front_proxy::{FrontKind, FrontProxy, free_port, missing, outer_address};
use e2e::outsiders::now;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Agent, Browser, Deployment, HostLock, Http, Site, eventually, program};
use serde_json::{Value, json};
use xtask::edge::EdgeOptions;

use crate::panel::in_browser;

/// A deployment behind a proxy.
pub struct Fronted {
    pub deployment: Deployment,
    certificates: Certificates,
    origin: String,
    upstream: u16,
    _proxy: FrontProxy,
    _host_lock: HostLock,
}

impl Fronted {
    fn start(kind: FrontKind) -> Self {
        Self::with_origin(kind, None)
    }

    /// Starts a deployment whose variable `ORIGIN` differs from the proxy's origin, if `other` is given.
    fn with_origin(kind: FrontKind, other: Option<&str>) -> Self {
        Self::with(kind, |options, origin| options.var("ORIGIN", other.unwrap_or(origin)))
    }

    /// Starts a deployment with changed options. `alter` also gets the proxy's origin.
    pub fn with(kind: FrontKind, alter: impl FnOnce(EdgeOptions, &str) -> EdgeOptions) -> Self {
        let host_lock = HostLock::beside_others();
        let (ip, port) = (outer_address(), free_port());
        let certificates = Certificates::new(&[&ip.to_string()]);
        let scheme = if kind == FrontKind::PlainNginx { "http" } else { "https" };
        let origin = format!("{scheme}://{ip}:{port}");
        let deployment = Deployment::start_with(1, |options| alter(options, &origin));
        let upstream =
            deployment.origin().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
        let proxy = FrontProxy::start(kind, (ip, port), upstream, &certificates);
        let deployment = deployment.reached_at(&origin, certificates.authority());
        Self { deployment, certificates, origin, upstream, _proxy: proxy, _host_lock: host_lock }
    }
}

fn everything_works_behind(kind: FrontKind) {
    if missing().is_some() {
        return;
    }
    let fronted = Fronted::start(kind);
    let origin = fronted.origin.as_str();
    // The setup and the login with a password succeed only over a connection that counts as encrypted.
    let site = Site::of(&fronted.deployment, 0);

    let link = json!({ "kind": "guest", "name": "bell", "scope": "line:porch/lamp:set", "expires_at": now() + 3_600 });
    let link = site.post("/api/v1/tokens", &link).ok();
    let link = link["link"].as_str().expect("a guest link");
    assert!(link.starts_with(&format!("{origin}/s/{}/#guest=", site.name)), "{link}");

    // A browser's login needs the origin of the page that the browser shows.
    let login = json!({ "site": site.name, "username": OWNER, "password": PASSWORD });
    let from = |page: &str| fronted.deployment.http().with("origin", page).post("/api/v1/session", &login);
    let answer = eventually(Duration::from_secs(30), "the gate is free", || {
        let answer = from(origin);
        (answer.status != 429).then_some(answer)
    });
    assert_eq!(answer.ok()["username"], OWNER);
    for foreign in [origin.replace("https://", "http://").as_str(), "https://evil.example", "null"] {
        from(foreign).is_problem(403, "wrong_origin");
    }

    // The agent refuses an enrolment string for plain HTTP, and its WebSocket passes through the proxy.
    let enrolment = site.enrolment("porch");
    assert!(enrolment.starts_with(&format!("{origin}/#")), "the string is for another origin");
    let ca = fronted.certificates.ca().display().to_string();
    let config = format!("ca_file = \"{ca}\"\n");
    let mut agent = Agent::enrol_with(&enrolment, LINES, &config, &["--ca", &ca], &[]);
    agent.start();
    site.until_online("porch");
    let set = site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": true })).ok();
    assert_eq!(set["status"], "executed");
    assert_eq!(agent.levels("lamp").last(), Some(&json!(true)));
    assert_eq!(site.panel().snapshot["devices"][0]["name"], "porch");

    in_browser(async {
        let browser = Browser::trusting(1280, 800, &fronted.certificates).await;
        browser.log_in(origin, &site.name, OWNER, PASSWORD).await;
        browser.until("link", "data-state", "connected").await;
        browser.until("line-porch-lamp", "data-level", "on").await;
        browser.click("action-porch-lamp-set").await;
        browser.until("line-porch-lamp", "data-level", "off").await;
    });
}

#[test]
fn everything_works_behind_nginx() {
    everything_works_behind(FrontKind::Nginx);
}

#[test]
fn everything_works_behind_caddy() {
    everything_works_behind(FrontKind::Caddy);
}

/// Passwords and one-time codes are not accepted from a client that uses plain HTTP, although the proxy itself is on
/// the machine of the edge.
#[test]
fn no_secret_is_accepted_over_a_proxy_without_tls() {
    if missing().is_some() {
        return;
    }
    let fronted = Fronted::start(FrontKind::PlainNginx);
    let http = fronted.deployment.http();
    let (site, code) = fronted.deployment.site(0);
    let setup = json!({ "site": site, "code": code, "username": OWNER, "password": PASSWORD });
    http.post("/api/v1/setup", &setup).is_problem(403, "plaintext_refused");
    let login = json!({ "grant_type": "password", "site": site, "username": OWNER, "password": PASSWORD });
    http.post("/api/v1/token", &login).is_problem(403, "plaintext_refused");
    let accept = json!({ "code": "x", "password": PASSWORD });
    http.post("/api/v1/users/accept", &accept).is_problem(403, "plaintext_refused");
    let enrol = json!({ "code": "x", "jwk": {}, "nonce": "x" });
    http.post("/api/v1/enrol", &enrol).is_problem(403, "plaintext_refused");
    // A client that claims to use TLS is not believed, because the proxy replaces the header.
    http.with("x-forwarded-proto", "https")
        .post("/api/v1/token", &login)
        .is_problem(403, "plaintext_refused");
}

/// `pinlatch doctor` must find each fault of a proxy by trying.
#[test]
fn doctor_names_the_fault_of_a_proxy() {
    if missing().is_some() {
        return;
    }
    for (kind, origin, expected) in [
        (FrontKind::Nginx, None, None),
        (FrontKind::WithoutScheme, None, Some("proxy_scheme")),
        (FrontKind::WithoutUpgrade, None, Some("proxy_upgrade")),
        (FrontKind::Nginx, Some("https://other.example"), Some("proxy_origin")),
        (FrontKind::Impatient, None, Some("proxy_idle")),
    ] {
        let fronted = Fronted::with_origin(kind, origin);
        let folder = tempfile::tempdir().expect("a folder");
        let pinlatch = |arguments: &[&str]| {
            let mut command = Command::new(program("PINLATCH_BIN"));
            command
                .env("PINLATCH_CONFIG_DIR", folder.path())
                .env("PINLATCH_CA_FILE", fronted.certificates.ca());
            command.args(arguments);
            command
        };
        // Only the check of an idle WebSocket needs a login, and takes the time between two pings.
        if expected.is_none() || kind == FrontKind::Impatient {
            let site = Site::of(&fronted.deployment, 0);
            let mut login = pinlatch(&[
                "login",
                "--url",
                &fronted.origin,
                "--site",
                &site.name,
                "--username",
                OWNER,
                "--password-stdin",
            ]);
            login.stdin(Stdio::piped()).stdout(Stdio::null());
            let mut running = login.spawn().expect("pinlatch login");
            writeln!(running.stdin.take().expect("stdin"), "{PASSWORD}").expect("the password");
            assert!(running.wait().expect("pinlatch login").success());
        }
        let output = pinlatch(&["--json", "doctor", &fronted.origin]).output().expect("pinlatch doctor");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        let checks = report["checks"].as_array().expect("checks").iter();
        let codes: Vec<&str> = checks
            .filter(|check| check["name"] == "proxy")
            .filter_map(|check| check["code"].as_str())
            .collect();
        assert_eq!(codes, Vec::from_iter(expected), "{kind:?}: {report}");
    }
}

/// A client cannot evade the limit of failed logins with headers that it writes itself.
#[test]
fn a_client_behind_a_proxy_does_not_choose_its_address() {
    if missing().is_some() {
        return;
    }
    let fronted = Fronted::start(FrontKind::Nginx);
    let site = Site::of(&fronted.deployment, 0);
    let wrong =
        json!({ "grant_type": "password", "site": site.name, "username": OWNER, "password": "wrong" });
    let mut refused = 0;
    for number in 1..=12 {
        let address = format!("203.0.113.{number}");
        let http =
            fronted.deployment.http().with("x-forwarded-for", &address).with("cf-connecting-ip", &address);
        let answer = http.post("/api/v1/token", &wrong);
        refused += usize::from(
            answer.status == 429 && answer.body["detail"].to_string().contains("wrong passwords"),
        );
    }
    assert!(refused > 0, "twelve wrong passwords from one client were not limited");
    // A client with another address is not locked out.
    assert!(!site.log_in_at(&Http::new(&format!("http://127.0.0.1:{}", fronted.upstream))).is_empty());
}
