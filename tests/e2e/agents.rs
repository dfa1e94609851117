//! Tests agents with wrong clocks, with TLS, with replaced connections, and with renewed certificates.

use std::process::Command;

use base64ct::{Base64UrlUnpadded, Encoding};
use e2e::agent::LINES;
use e2e::{Agent, Certificates, Deployment, HostLock, Site, program, soon, stream};
use pinlatch_protocol::name::Name;
use pinlatch_token::PublicKey;
use pinlatch_token::device::sign_cert;
use serde_json::{Value, json};

/// Simulates a Raspberry Pi without a real-time clock. The agent's clock says 1970, so the TLS certificate of the edge
/// appears to be "not valid yet". The agent must still connect over TLS, check the certificate against a private
/// authority, and execute commands.
#[test]
fn an_agent_in_1970_connects_over_tls_and_obeys() {
    let _host_lock = HostLock::beside_others();
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
    let lines = format!("{code}\nlong enough");
    cli(&["setup", "--url", url, "--code", "-", "--username", "ann", "--password-stdin"], &lines);
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

    // If the agent does not trust the private authority, the agent must refuse the TLS certificate.
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

/// Two agents with the same identity run at the same time. The newer agent must get the connection and retain it. The
/// older agent must retry without replacing the connection of the newer agent. After the newer agent has ended, the
/// older agent must connect again.
#[test]
fn a_newer_connection_of_a_device_replaces_the_older_for_good() {
    let site = Site::shared();
    let older = site.device("porch");
    let mut newer = older.twin();
    newer.start();
    soon("the older one is told", || older.log().contains("code=\"replaced\"").then_some(()));
    site.until_online("porch");
    let set = |on: bool| {
        let body = json!({ "value": on });
        site.post("/api/v1/devices/porch/lines/relay/set", &body).ok();
    };
    set(true);
    assert_eq!(newer.levels("relay").last(), Some(&json!(true)));
    // SIGHUP makes the older agent retry at once. Without SIGHUP, the retries would happen only after minutes.
    for attempt in 1..=3 {
        older.hang_up();
        soon("the older one is refused", || {
            let refused = older.log().matches("code=\"device_connected\" retry_ms").count();
            (refused >= attempt).then_some(())
        });
    }
    set(false);
    assert_eq!(newer.levels("relay").last(), Some(&json!(false)));
    assert_eq!((older.connections(), newer.connections()), (1, 1), "an agent connected again");
    assert!(!newer.log().contains("replaced"));

    newer.kill();
    site.until_offline("porch");
    older.hang_up();
    site.until_online("porch");
    assert_eq!(older.connections(), 2);
    set(true);
    assert_eq!(older.levels("relay").last(), Some(&json!(true)));
}

/// In the last third of a certificate's lifetime, the device must renew the certificate over its connection. The
/// previous certificate must stay valid, so that the device can still connect if it loses the new certificate.
#[test]
fn a_certificate_is_renewed_before_it_expires() {
    let site = Site::shared();
    let mut agent = site.device("porch");
    agent.stop();
    site.until_offline("porch");
    let before = agent.credentials();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let claims = |credentials: &Value| {
        let jwt = text(&credentials["devcert"]);
        let payload =
            Base64UrlUnpadded::decode_vec(jwt.split('.').nth(1).expect("a payload")).expect("Base64url");
        serde_json::from_slice::<Value>(&payload).expect("claims")
    };
    // The aged certificate is a copy of the device's certificate that appears to have been issued 250 days ago.
    let (of_device, issued) = (claims(&before), stream::unix_ms() / 1_000 - 250 * 86_400);
    let name = |text: &str| Name::new(text).expect("a name");
    let key = PublicKey::from_jwk(&of_device["cnf"]["jwk"]).expect("a key");
    let keys = site.deployment.edge_keys();
    let aged = sign_cert(&keys, &name(&site.name), &name("porch"), &key, &text(&of_device["jti"]), issued);
    let mut old = before.clone();
    old["devcert"] = json!(aged.expect("a certificate"));
    agent.set_credentials(&old);
    agent.start();
    soon("it is renewed", || agent.log().contains("certificate was renewed").then_some(()));
    let renewed = agent.credentials();
    let (then, now) = (claims(&old), claims(&renewed));
    assert!(now["iat"].as_u64() > then["iat"].as_u64() && now["exp"].as_u64() > then["exp"].as_u64());
    assert_ne!(now["jti"], then["jti"]);
    assert_eq!((&now["sub"], &now["cnf"]), (&then["sub"], &then["cnf"]));
    assert_eq!(renewed["key"], before["key"]);
    let log = site.get("/api/v1/audit?act=renewal").ok();
    assert_eq!(
        (&log["entries"][0]["actor"], &log["entries"][0]["jti"]),
        (&json!("device:porch"), &now["jti"])
    );

    // The device must be able to connect with the new and with the old certificate. A device needs the old certificate
    // if a power failure destroyed the new certificate.
    for credentials in [&renewed, &old] {
        agent.kill();
        agent.set_credentials(credentials);
        let connections = agent.connections();
        agent.start();
        soon("it is connected", || (agent.connections() > connections).then_some(()));
        let result = soon("it obeys", || {
            let answer = site.post("/api/v1/devices/porch/lines/relay/toggle", &json!({}));
            (answer.status == 200).then_some(answer.body)
        });
        assert_eq!(result["status"], "executed");
    }
    // The edge renews a certificate only once within a period, so that repeated requests cannot fill the audit log.
    assert_eq!(site.get("/api/v1/audit?act=renewal").ok()["entries"].as_array().map(Vec::len), Some(1));
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
