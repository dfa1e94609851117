//! Follows the guide for readings. Afterwards, the scripts of the guide and an independent Rust library verify genuine
//! statements and refuse statements that a hostile edge can make.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use e2e::forge::{Role, Signer, Subject};
use e2e::outsiders::now;
use e2e::{Agent, HostLock, Site, soon};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use xtask::simulated_lines;

use super::{SHARED, page};

/// The lines of the device in all guides.
const LINES: &str = simulated_lines! {
    "lamp": "switch", "retain = true";
    "door": "momentary", "max_on_ms = 5000", "receipts = true";
    "heat": "sensor", "unit = \"°C\"", "signed = true";
};

const SITE: &str = "urn:pinlatch:site:home";

/// Enrols and starts the device of the guides.
pub fn agent(site: &Site<'_>) -> Agent {
    let socket = "status_socket = \"agent.sock\"\n";
    let mut agent = Agent::enrol_with(&site.enrolment("porch"), LINES, socket, &[], &[]);
    agent.start();
    site.until_online("porch");
    agent.drive_to("heat", &json!(21.5));
    soon("the site knows the value", || (site.line("porch", "heat")["reported"] == 21.5).then_some(()));
    agent
}

/// Returns the command that runs a command on the device, in place of `ssh porch sudo`. The owner's root key is in the
/// owner's configuration folder, as `pinlatch init` writes it there.
pub fn on_device(folder: &Path, agent: &Agent) -> String {
    std::fs::create_dir_all(folder.join("owner")).expect("a folder");
    std::fs::copy(folder.join("root.jwk"), folder.join("owner/root.jwk")).expect("the root key");
    let script = folder.join("on-porch");
    let config = agent.config_file();
    std::fs::write(&script, format!("#!/bin/sh\nexec \"$@\" --config '{}'\n", config.display()))
        .expect("a script");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("an executable file");
    script.display().to_string()
}

/// Runs a verifier in the folder of the guides. Returns its output, or `None` if it refuses the token.
fn verifier(command: &[&str], input: &str) -> Option<String> {
    let folder = SHARED.deployment.folder();
    let output = page::program(&folder, command, input);
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Verifies a statement with the Rust library `jsonwebtoken`, as the guide describes.
fn by_rust(token: &str, jwk: &Value, typ: &str, issuer: &str) -> Option<Value> {
    let x = jwk["x"].as_str()?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[SITE]);
    let is_of_kind = decode_header(token).ok()?.typ.as_deref() == Some(typ);
    let key = DecodingKey::from_ed_components(x).ok()?;
    decode::<Value>(token, &key, &validation).ok().filter(|_| is_of_kind).map(|decoded| decoded.claims)
}

fn read(name: &str) -> String {
    let text = std::fs::read_to_string(SHARED.deployment.folder().join(name)).expect(name);
    text.trim().to_owned()
}

#[test]
fn the_guide_for_readings_works_as_written() {
    let _host_lock = HostLock::beside_others();
    let said = SHARED.follow("readings");
    assert_eq!(said.matches("verified: 21.5 °C").count(), 2, "both scripts: {said}");
    assert!(said.contains("The hash chain is valid."), "{said}");
    SHARED.has_executed("porch/door:pulse");

    let root: Value = serde_json::from_str(&read("root-public.jwk")).expect("a JWK");
    assert_eq!(root.get("d"), None, "the key is public");
    let (identity, reading) = (read("porch.jwt"), read("asked.jwt"));
    let known = by_rust(&identity, &root, "device+jwt", "urn:pinlatch:root").expect("an identity");
    let device = "urn:pinlatch:device:home/porch";
    let by_library = |token: &str| by_rust(token, &known["cnf"]["jwk"], "reading+jwt", device);
    assert_eq!(by_library(&reading).expect("a reading")["senml"]["v"], 21.5);
    // The nonce of another question.
    for script in [["python3", "check.py"], ["node", "check.mjs"]] {
        let [program, file] = script;
        assert_eq!(verifier(&[program, file, "porch/heat", "asked.jwt", "another-nonce-000"], ""), None);
        assert_eq!(verifier(&[program, file, "porch/door", "asked.jwt"], ""), None, "another line");
    }

    // A hostile edge has `EDGE_KEYS` and everything that it has passed on.
    let vars = read(".dev.vars");
    let keys = vars.lines().find_map(|line| line.strip_prefix("EDGE_KEYS=")).expect("EDGE_KEYS");
    let keys: Value = serde_json::from_str(keys.trim_matches('\'')).expect("a JWK Set");
    let edge_key = keys["keys"].as_array().expect("keys").iter().find(|key| key["crv"] == "Ed25519");
    let signer = Signer::of_private_jwk(edge_key.expect("an edge key"));
    let write = |name: &str, text: &str| {
        std::fs::write(SHARED.deployment.folder().join(name), text).expect("a file");
    };
    let verify = ["pinlatch", "token", "verify", "--root", "root-public.jwk"];
    let with_device = |device: &'static str| [&verify[..], &["--device", device, "-"]].concat();
    let forged = Subject::of(Role::Reading, &signer, &reading, now());
    for (index, token) in [forged.honest(), forged.without_header("kid")].iter().enumerate() {
        write("forged.jwt", token);
        assert_eq!(verifier(&["python3", "check.py", "porch/heat", "forged.jwt"], ""), None, "{index}");
        assert_eq!(verifier(&["node", "check.mjs", "porch/heat", "forged.jwt"], ""), None, "{index}");
        assert_eq!(verifier(&with_device("porch.jwt"), token), None, "{index}");
        assert_eq!(by_library(token), None, "{index}");
    }
    // An identity of the edge's own making, and a reading that belongs to it.
    let jwk = signer.public_jwk().expect("an Ed25519 key");
    let of_edge = Subject::of(Role::Identity, &signer, &identity, now()).claim("cnf", json!({ "jwk": jwk }));
    write("genuine.jwt", &identity);
    write("porch.jwt", &of_edge);
    write("forged.jwt", &forged.honest());
    assert_eq!(verifier(&["python3", "check.py", "porch/heat", "forged.jwt"], ""), None);
    assert_eq!(verifier(&["node", "check.mjs", "porch/heat", "forged.jwt"], ""), None);
    assert_eq!(verifier(&with_device("porch.jwt"), &forged.honest()), None);
    assert_eq!(by_rust(&of_edge, &root, "device+jwt", "urn:pinlatch:root"), None);
    write("porch.jwt", &identity);
    assert!(verifier(&["node", "check.mjs", "porch/heat", "asked.jwt"], "").is_some(), "the genuine one");
}
