//! Tests the OpenAPI document, which the edge must serve unchanged. schemathesis generates requests from the document,
//! and every response of the edge must be documented.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use e2e::agent::LINES;
use e2e::outsiders::now;
use e2e::site::OWNER;
use e2e::{Agent, Site, eventually, program};
use pinlatch_protocol::name::Name;
use pinlatch_token::{AccessClaims, AccessGrant, Kind, random_id};
use serde_json::{Value, json};

use crate::people::join;
use crate::proofs::family_of;

/// The maximum time for a run of schemathesis. A run of schemathesis takes one minute if no other test runs, and
/// several minutes on a busy host.
const PATIENCE: Duration = Duration::from_secs(300);

/// The operations that open a WebSocket, which other tests cover.
const SOCKETS: [&str; 2] = ["events", "agent"];

/// The operations that invalidate the token that all requests use.
const LAST: [&str; 2] = ["logOutBrowser", "raiseGeneration"];

#[test]
fn the_served_document_is_the_written_one() {
    let site = Site::shared();
    let answer = site.deployment.http().get("/api/v1/openapi.json");
    assert!(answer.header("content-type").starts_with("application/openapi+json"), "{answer:?}");
    let written = fs::read_to_string(document()).expect("the document");
    let written: Value = serde_json::from_str(&written).expect("JSON");
    // The macro `assert_eq` is not used, because it would print both long documents.
    assert!(answer.ok() == written, "the Worker serves another document than edge-worker/openapi.json");
}

#[test]
fn schemathesis_gets_no_answer_that_the_document_does_not_describe() {
    let site = Site::shared();
    // The file `tests/interop/schemathesis.toml` requires a working device, a device that may be removed, and a person.
    let agent = site.device("porch");
    let _removed = Agent::enrol(&site.enrolment("shed"), LINES, &[]);
    join(&site, "ann@example.org", json!({ "role": "viewer" }));

    let token = owners_token(&site);
    let first = SOCKETS.iter().chain(&LAST).flat_map(|id| ["--exclude-operation-id", id]);
    try_all(&site, &token, first.collect());
    let kept = site.deployment.http().bearer(&token).get("/api/v1/whoami");
    assert_eq!(kept.status, 200, "the token became invalid: {kept:?}");
    assert!(!agent.levels("lamp").is_empty(), "some commands reached the device");

    let last = LAST.iter().flat_map(|id| ["--include-operation-id", id]);
    try_all(&site, &owners_token(&site), last.collect());
}

/// Returns a token of an own login of the owner, with a proof that stays new. schemathesis does not end the owner's
/// logins in the first run.
fn owners_token(site: &Site<'_>) -> String {
    let keys = site.deployment.edge_keys();
    let family = family_of(&site.log_in());
    let auth_time = Some(now() + PATIENCE.as_secs());
    let claims = AccessClaims { scope: None, generation: 1, family, auth_time, not_before: None };
    let name = Name::new(&*site.name).expect("a name");
    let (jti, now, life) = (random_id(), now(), 2 * PATIENCE.as_secs());
    AccessGrant { kind: Kind::Access, site: &name, sub: OWNER, jti, now, life, claims }
        .sign(&keys)
        .expect("a token")
}

fn try_all(site: &Site<'_>, token: &str, operations: Vec<&str>) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let output = File::create(&log).expect("a log");
    let mut command = Command::new(program("PINLATCH_PYTHON"));
    command.args(["-m", "schemathesis.cli", "--config-file"]).arg(interop("schemathesis.toml"));
    command.arg("run").arg(document()).args(["--url", site.deployment.origin(), "--no-color"]);
    if std::env::var_os("CI").is_none() {
        // Each run of schemathesis sends the same requests. Only CI sends the complete set of requests.
        command.args(["--max-examples", "3"]);
    }
    command.args(operations).current_dir(folder.path());
    command.env("SCHEMATHESIS_HOOKS", interop("schemathesis_hooks.py"));
    command.env("PINLATCH_TOKEN", token).env("PINLATCH_SITE", &site.name).env("PINLATCH_OWNER", OWNER);
    command.env("PINLATCH_ORIGIN", site.deployment.origin());
    command.stdout(output.try_clone().expect("the log")).stderr(output);
    let mut running = Running(command.spawn().expect("schemathesis"));
    let status = eventually(PATIENCE, "schemathesis has ended", || running.ended());
    let said = fs::read_to_string(log).expect("the log").replace(token, "(the token)");
    assert!(status.success(), "{said}");
}

/// A process of schemathesis that is killed when this value is dropped.
struct Running(Child);

impl Running {
    fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("its status")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../edge-worker/openapi.json")
}

fn interop(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(name)
}
