//! Devices: time, TLS, replacement.

use std::process::Command;

use e2e::agent::LINES;
use e2e::{Agent, Certificates, Deployment, Machine, Site, program, soon};
use serde_json::{Value, json};

/// A Pi without a clock: its agent believes that it is 1970 and still connects over TLS to an edge whose
/// certificate is "not valid yet", checks it against a private authority, and obeys.
#[test]
fn an_agent_in_1970_connects_over_tls_and_obeys() {
    let _machine = Machine::beside_others();
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::new(&["localhost"]);
    let edge = Deployment::start(1, Some(&certificates));
    let config = folder.path().join("config");
    let ca = certificates.ca();
    let cli = |arguments: &[&str], input: &str| {
        let mut command = Command::new(program("PINLATCH_BIN"));
        command
            .arg("--json")
            .args(arguments)
            .env("PINLATCH_CONFIG_DIR", &config)
            .env("PINLATCH_CA_FILE", &ca);
        let output = xtask::process::output_with_input("pinlatch", &mut command, input).expect("pinlatch");
        serde_json::from_str::<Value>(output.trim()).expect("JSON")
    };
    let (_, code) = edge.site(0);
    let url = edge.origin();
    cli(&["setup", "--url", url, "--code", code, "--username", "ann", "--password-stdin"], "long enough");
    cli(&["login", "--url", url, "--username", "ann", "--password-stdin"], "long enough");
    let enrolment = cli(&["device", "enrol", "porch"], "")["enrol"].as_str().expect("a string").to_owned();

    let ca_path = ca.display().to_string();
    let mut agent = Agent::enrol_with(
        &enrolment,
        LINES,
        &format!("ca_file = {ca_path:?}\n"),
        &["--ca", &ca_path],
        &["--assume-time", "120"],
    );
    agent.start();
    soon("the device is online", || {
        let devices = cli(&["device", "list"], "");
        (devices[0]["online"] == true).then_some(())
    });
    let result = cli(&["send", "porch/relay", "set", "on"], "");
    assert_eq!((&result["status"], &result["level"]), (&json!("executed"), &json!(true)));
    assert_eq!(agent.levels("relay").last(), Some(&json!(true)));

    // The same clock without the authority: the certificate is what is refused.
    let mut stranger = Command::new(program("PINLATCH_AGENT_BIN"));
    let enrolment = cli(&["device", "enrol", "shed"], "")["enrol"].as_str().expect("a string").to_owned();
    stranger
        .arg("enrol")
        .arg(&enrolment)
        .arg("--state")
        .arg(folder.path().join("other"))
        .args(["--assume-time", "120"]);
    let output = stranger.output().expect("pinlatch-agent");
    assert!(!output.status.success(), "an unknown authority is trusted");
}

#[test]
fn a_newer_connection_of_a_device_replaces_the_older() {
    let site = Site::shared();
    let mut agent = site.device("porch");
    let mut panel = site.panel();
    // The same credentials in a second process, as after a restored backup.
    agent.start_another();
    panel.until("the device comes again", |frame| frame["change"] == "device");
    soon("the older one is told", || agent.log().contains("replaced").then_some(()));
    let result = panel.command("one", "porch", "relay", "set", json!({ "value": true }));
    assert_eq!(result["status"], "executed", "{result}");
}

#[test]
fn a_device_enrolled_anew_shuts_the_old_one_out() {
    let site = Site::shared();
    let mut old = site.device("porch");
    let mut new = Agent::enrol(&site.enrolment("porch"), LINES, &[]);
    soon("the old one is closed", || old.log().contains("4403").then_some(()));
    new.start();
    site.until_online("porch");
    let result = site.post("/api/v1/devices/porch/lines/relay/set", &json!({ "value": true })).ok();
    assert_eq!(result["status"], "executed");
    assert_eq!(new.levels("relay").last(), Some(&json!(true)));
    assert!(!old.levels("relay").contains(&json!(true)));
    old.stop();
}

#[test]
fn a_device_that_comes_back_restores_what_is_retained() {
    let site = Site::shared();
    let mut agent = site.device("porch");
    for line in ["lamp", "relay"] {
        site.post(&format!("/api/v1/devices/porch/lines/{line}/set"), &json!({ "value": true })).ok();
    }
    agent.kill();
    site.until_offline("porch");
    agent.start();
    site.until_online("porch");
    soon("the lamp is on again", || (site.line("porch", "lamp")["reported"] == true).then_some(()));
    assert_eq!(site.line("porch", "relay")["reported"], false, "a line that is not retained stays safe");
}
