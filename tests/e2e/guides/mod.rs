//! Executes the pages of `docs/guides` as written. The commands in the pages write a configuration file, with which the
//! test then starts a deployment. The scripts in the pages operate a real device through this deployment.
//!
//! The second word of a code fence is the purpose of the code block. `configure` blocks run before the deployment
//! starts, and `run` blocks run after the deployment has started. If the word is a file name, the test writes the block
//! to that file. `yours` blocks list the only variables that the test may set. `deploy` blocks are not run, because
//! they need a Cloudflare account and downloads. The test of the Auth0 guide uses a simulated Auth0
//! (`tests/interop/auth0.mjs`), which implements Auth0's documented interface. Therefore the test covers Pinlatch's
//! side of the Auth0 guide, but neither the real Auth0 service nor its dashboard.

mod doctor;
mod page;
mod readings;

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use e2e::outsiders::now;
use e2e::provider::{CLIENT, Providers, RESOURCE, SECRET, parameter, set_cookies};
use e2e::site::{OWNER, PASSWORD};
use e2e::{Agent, Deployment, HostLock, Http, Site, program, soon};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::edge::config::derive;
use xtask::edge::{EdgeOptions, Secrets};
use xtask::guard::Guarded;

use self::page::Page;

/// The client secrets of the simulated Auth0: first the secret of the login application, then the secret of the robot
/// application.
const AUTH0_SECRETS: [&str; 2] = ["the-login-secret-at-a-tenant", "the-robot-secret-at-a-tenant"];

static SHARED: LazyLock<TestDeployment> = LazyLock::new(TestDeployment::start);

/// A deployment that the guides have configured, with its login providers and its agent.
struct TestDeployment {
    pages: Vec<Page>,
    deployment: Deployment,
    providers: Providers,
    auth0: String,
    _agent: Agent,
    _auth0: Guarded,
    _auth0_log: TempDir,
}

impl TestDeployment {
    /// Starts the deployment. The caller must have a [`HostLock`].
    fn start() -> Self {
        let providers = Providers::start(&["company"]);
        let auth0_log = tempfile::tempdir().expect("a folder");
        let log = auth0_log.path().join("auth0.log");
        let mut command = Command::new(program("PINLATCH_NODE"));
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/auth0.mjs")).args(AUTH0_SECRETS);
        let process = Guarded::spawn(&command, &log).expect("the stand-in");
        let said = soon("the stand-in listens", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            text.lines().find_map(|line| serde_json::from_str::<Value>(line).ok())
        });
        let auth0 = said["issuer"].as_str().expect("an issuer").to_owned();
        let company = providers.named("company").issuer().to_owned();
        let (login, robot) = (AUTH0_SECRETS[0], AUTH0_SECRETS[1]);
        let token_endpoint = format!("{company}/token");
        let mut pages = vec![
            Page::read("curl", &[]),
            Page::read("node", &[]),
            Page::read("python", &[]),
            Page::read(
                "openid",
                &[
                    ("ISSUER", &company),
                    ("CLIENT_ID", CLIENT),
                    ("CLIENT_SECRET", SECRET),
                    ("AUDIENCE", RESOURCE),
                    ("TOKEN_ENDPOINT", &token_endpoint),
                    ("ROBOT_ID", "poster"),
                    ("ROBOT_SECRET", SECRET),
                ],
            ),
            Page::read(
                "auth0",
                &[
                    ("AUTH0", &auth0),
                    ("CLIENT_ID", "LoginClient"),
                    ("CLIENT_SECRET", login),
                    ("ROBOT_ID", "RobotClient"),
                    ("ROBOT_SECRET", robot),
                ],
            ),
            Page::read("readings", &[("PORCH", "")]),
        ];
        let deployment = Deployment::start_named(vec!["home".into()], |options| configured(options, &pages));
        let folder = deployment.folder();
        for page in &mut pages {
            page.set("PINLATCH_URL", deployment.origin());
        }
        let redirect = format!("{}/api/v1/logins/sso/callback", deployment.origin());
        providers.named("company").change(&json!({ "redirect": redirect }));
        let site = Site::of(&deployment, 0);
        let login = ["login", "--url", deployment.origin(), "--username", OWNER, "--password-stdin"];
        let logged_in = page::pinlatch(&folder, &login, PASSWORD);
        assert!(logged_in.status.success(), "{logged_in:?}");
        let agent = readings::agent(&site);
        let on_porch = readings::on_device(&folder, &agent);
        for page in pages.iter_mut().filter(|page| page.name == "readings") {
            page.set("PORCH", &on_porch);
        }
        Self { pages, deployment, providers, auth0, _agent: agent, _auth0: process, _auth0_log: auth0_log }
    }

    /// Runs the `run` blocks of a guide. Returns the output of the `run` blocks with single spaces instead of line
    /// breaks.
    fn follow(&self, name: &str) -> String {
        let page = self.pages.iter().find(|page| page.name == name).expect("a guide");
        let said = page.run(&self.deployment.folder(), "run");
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Logs in as the owner, and returns an HTTP client with the owner's token.
    fn owner(&self) -> Http {
        let form = format!("grant_type=password&username={OWNER}&password={}", PASSWORD.replace(' ', "+"));
        let answer = soon("the owner logs in", || {
            let answer = self.deployment.http().post_form("/api/v1/token", &form);
            (answer.status != 429).then_some(answer)
        });
        let token = answer.ok()["access_token"].as_str().expect("a token").to_owned();
        self.deployment.http().bearer(&token)
    }

    /// Checks that the audit log contains an entry of this caller.
    #[track_caller]
    fn has_executed(&self, who: &str) {
        let log = self.owner().get("/api/v1/audit?limit=200").ok().to_string();
        assert!(log.contains(who), "{who}: {log}");
    }
}

/// Runs the `configure` blocks of the guides. Returns the options with the configuration that the `configure` blocks
/// wrote.
fn configured(options: EdgeOptions, pages: &[Page]) -> EdgeOptions {
    let Secrets::File(secrets) = &options.secrets else { panic!("the secrets are in a file") };
    let folder = secrets.parent().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::copy(root.join("wrangler.toml"), folder.join("wrangler.toml")).expect("wrangler.toml");
    // The link to `node_modules` replaces the step `npm install jsonwebtoken` of the guide.
    std::os::unix::fs::symlink(root.join("node_modules"), folder.join("node_modules")).expect("a link");
    let configuring: Vec<&Page> = pages.iter().filter(|page| page.has("configure")).collect();
    for page in &configuring {
        page.run(folder, "configure");
    }
    let text = std::fs::read_to_string(folder.join("wrangler.toml")).expect("wrangler.toml");
    let original = std::fs::read_to_string(root.join("wrangler.toml")).expect("wrangler.toml");
    assert_eq!(text.lines().next(), original.lines().next(), "the comments stay");
    let written =
        derive(&text, Path::new("/"), Path::new("/"), &Default::default()).expect("a configuration");
    let vars = &written["vars"];
    assert_eq!(vars["ISSUERS"].as_object().map(serde_json::Map::len), Some(configuring.len()), "{vars}");
    options.var("ISSUERS", vars["ISSUERS"].clone()).var("LOGINS", vars["LOGINS"].clone())
}

#[test]
fn the_guide_for_curl_works_as_written() {
    let _host_lock = HostLock::beside_others();
    let said = SHARED.follow("curl");
    assert!(
        said.contains(
            "curl: the issuer signs with the secret CURL_SECRET (HS256); the edge accepts the issuer's tokens"
        ),
        "{said}"
    );
    assert!(said.contains(r#""status":"executed""#) && said.contains(r#""level":true"#), "{said}");
    assert!(said.contains("Verdict: accepted."), "{said}");
    SHARED.has_executed("https://curl.example#nightly");
}

#[test]
fn the_guide_for_node_works_as_written() {
    let _host_lock = HostLock::beside_others();
    assert_eq!(SHARED.follow("node"), "executed");
    SHARED.has_executed("https://node.example#lamp.mjs");
}

#[test]
fn the_guide_for_python_works_as_written() {
    let _host_lock = HostLock::beside_others();
    assert_eq!(SHARED.follow("python"), "executed");
    SHARED.has_executed("https://python.example#lamp.py");
}

#[test]
fn the_guide_for_openid_providers_works_as_written() {
    let _host_lock = HostLock::beside_others();
    let said = SHARED.follow("openid");
    assert!(said.contains("bea can log in with"), "{said}");
    assert!(said.contains("the login page of the site home offers this provider"), "{said}");
    assert!(said.contains(r#""status":"executed""#), "{said}");
    let company = SHARED.providers.named("company");
    SHARED.has_executed(&format!("{}#poster", company.issuer()));
    assert_eq!(logged_in("sso", |question| company.answer(question, "bea")), "bea");
}

/// This test uses a simulated Auth0, which the documentation of this module describes.
#[test]
fn the_guide_for_auth0_works_as_written_against_a_stand_in() {
    let _host_lock = HostLock::beside_others();
    let said = SHARED.follow("auth0");
    assert!(said.contains("auth0: 2 of 2 published keys are used"), "{said}");
    assert!(said.contains(r#""status":"executed""#), "{said}");
    SHARED.has_executed(&format!("{}#RobotClient@clients", SHARED.auth0));
    let stand_in = Http::new(SHARED.auth0.trim_end_matches('/'));
    let answer = |question: &str| {
        let path = question.strip_prefix(&stand_in.origin).expect("an address of the stand-in");
        stand_in.get(path).header("location").to_owned()
    };
    assert_eq!(logged_in("auth0", answer), "kim");
}

/// Logs in with a login provider, and returns the name of the person. The function `answer` gets the login URL of the
/// provider and returns the callback URL.
fn logged_in(provider: &str, answer: impl FnOnce(&str) -> String) -> String {
    let http = SHARED.deployment.http();
    let started = http.get(&format!("/api/v1/logins/{provider}"));
    let (name, value) = set_cookies(&started).next().unwrap_or_else(|| panic!("{started:?}"));
    let question = started.header("location");
    assert!(parameter(question, "state").is_some(), "{question}");
    let back = answer(question);
    let path = back.strip_prefix(&http.origin).unwrap_or_else(|| panic!("{back}"));
    let finished = http.with("cookie", &format!("{name}={value}")).get(path);
    let mut set = set_cookies(&finished);
    let session = set
        .find_map(|(name, value)| Some((name.strip_prefix("__Host-pinlatch_session_")?.to_owned(), value)));
    let (site, token) = session.unwrap_or_else(|| panic!("{finished:?}"));
    let http = http.with("cookie", &format!("__Host-pinlatch_session_{site}={token}"));
    let whoami = http.with("pinlatch-site", &site).get("/api/v1/whoami").ok();
    assert!(whoami["exp"].as_u64() > Some(now()), "{whoami}");
    whoami["sub"].as_str().expect("a name").to_owned()
}
