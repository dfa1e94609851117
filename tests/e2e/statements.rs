//! Tests readings, receipts and device identities from a real device through the edge to a verifier that has only the
//! owner's root key.

use std::time::{Duration, Instant};

use e2e::forge::{Role, Signer, Subject};
use e2e::outsiders::now;
use e2e::{Agent, Site, soon};
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::identity::{self, DeviceIdentity};
use pinlatch_token::reading::Reading;
use pinlatch_token::receipt::Receipt;
use pinlatch_token::{PublicKey, SigningKey, random_id};
use serde_json::{Value, json};
use xtask::simulated_lines;

const LINES: &str = simulated_lines! {
    "heat": "sensor", "unit = \"°C\"", "signed = true";
    "door": "momentary", "max_on_ms = 5000", "receipts = true";
    "lamp": "switch";
};

const READING: &str = "/api/v1/devices/porch/lines/heat/reading";

/// A site with a device whose sensor has a value.
struct Fixture {
    site: Site<'static>,
    agent: Agent,
    root: SigningKey,
}

impl Fixture {
    fn start() -> Self {
        let site = Site::shared();
        let mut agent = Agent::enrol(&site.enrolment("porch"), LINES, &[]);
        agent.start();
        site.until_online("porch");
        agent.drive_to("heat", &json!(23.5));
        soon("the site knows the value", || (site.line("porch", "heat")["reported"] == 23.5).then_some(()));
        let root = std::fs::read_to_string(site.deployment.folder().join("root.jwk")).expect("the root key");
        Self { root: SigningKey::from_jwk(&root).expect("a key"), site, agent }
    }

    fn name(&self) -> Name {
        Name::new(&self.site.name).expect("a name")
    }

    fn key(&self) -> Value {
        self.site.get("/api/v1/devices/porch/key").ok()
    }

    /// Signs an identity of a device, as `pinlatch device confirm` does.
    fn sign(&self, root: &SigningKey, site: &Name, device: &str, key: &PublicKey) -> String {
        identity::sign(root, site, &Name::new(device).expect("a name"), key, now()).expect("an identity")
    }

    /// Returns the identity of the device, after its key was compared with the device.
    fn identity(&self) -> String {
        let own = SigningKey::from_jwk(&self.agent.credentials()["key"].to_string()).expect("a key");
        let key = PublicKey::from_jwk(&self.key()["jwk"]).expect("a key");
        assert_eq!(key.thumbprint(), own.kid(), "the edge names the key of the device");
        self.sign(&self.root, &self.name(), "porch", &key)
    }

    fn verified(&self, identity: &str) -> DeviceIdentity {
        DeviceIdentity::verify(identity, &self.root.public(), &self.name(), Some(now())).expect("an identity")
    }

    fn confirm(&self, identity: &str) -> e2e::Answer {
        self.site.send_json("PUT", "/api/v1/devices/porch/key", &json!({ "identity": identity }))
    }

    fn pulse(&self) -> Value {
        self.site.post("/api/v1/devices/porch/lines/door/pulse", &json!({ "ms": 20 })).ok()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[test]
fn the_edge_passes_on_only_identities_of_the_owner() {
    let fixture = Fixture::start();
    let viewed = || fixture.site.get("/api/v1/devices/porch").ok();
    assert_eq!((&viewed()["key"], &viewed()["confirmed"]), (&fixture.key()["thumbprint"], &Value::Null));
    let key = PublicKey::from_jwk(&fixture.key()["jwk"]).expect("a key");
    let (other, lab) = (SigningKey::generate(), Name::new("elsewhere").expect("a name"));
    let site = fixture.name();
    for wrong in [
        fixture.sign(&other, &site, "porch", &key),
        fixture.sign(&fixture.root, &lab, "porch", &key),
        fixture.sign(&fixture.root, &site, "shed", &key),
        fixture.sign(&fixture.root, &site, "porch", &other.public()),
        "a.b.c".into(),
        String::new(),
    ] {
        fixture.confirm(&wrong).is_problem(422, "identity_refused");
    }
    let identity = fixture.identity();
    assert_eq!(fixture.confirm(&identity).status, 204);
    assert_eq!((&fixture.key()["identity"], &viewed()["confirmed"]), (&json!(identity), &json!(true)));
    let logged = fixture.site.get("/api/v1/audit?act=device_confirmation").ok();
    assert_eq!(logged["entries"][0]["target"], "porch");
    // A device with a new key needs a new identity.
    let mut replaced = Agent::enrol(&fixture.site.enrolment("porch"), LINES, &[]);
    replaced.start();
    soon("the key is another one", || (fixture.key()["thumbprint"] != key.thumbprint()).then_some(()));
    assert_eq!((&fixture.key()["identity"], &viewed()["confirmed"]), (&Value::Null, &Value::Null));
    fixture.confirm(&identity).is_problem(422, "identity_refused");
}

#[test]
fn a_reading_answers_its_question() {
    let fixture = Fixture::start();
    let device = fixture.verified(&fixture.identity());
    let nonce = random_id();
    let asked_ms = now() * 1_000;
    let answer = fixture.site.get(&format!("{READING}?nonce={nonce}")).ok();
    let reading = Reading::verify(text(&answer["reading"]), &device, Some(&nonce)).expect("a reading");
    assert_eq!((reading.level, reading.unit.as_deref()), (Level::Number(23.5), Some("°C")));
    assert!(reading.moment.at_ms.abs_diff(asked_ms) < 10_000, "{reading:?}");
    let again = fixture.site.get(READING).ok();
    let again = Reading::verify(text(&again["reading"]), &device, None).expect("a reading");
    assert_eq!((again.nonce, &again.moment.boot), (None, &reading.moment.boot));
    assert!(again.moment.n > reading.moment.n, "the numbers continue");
    for (path, status, code) in [
        ("heat/reading?nonce=short", 400, "invalid_request"),
        ("heat/reading?nonce=0123456789abcde%20", 400, "invalid_request"),
        ("nothing/reading", 404, "unknown_line"),
    ] {
        fixture.site.get(&format!("/api/v1/devices/porch/lines/{path}")).is_problem(status, code);
    }
    fixture.site.get("/api/v1/devices/shed/lines/heat/reading").is_problem(404, "unknown_device");
    // A sensor that cannot be read has no level.
    fixture.agent.drive_to("heat", &Value::Null);
    soon("the level is unknown", || (fixture.site.line("porch", "heat")["reported"].is_null()).then_some(()));
    fixture.site.get(READING).is_problem(409, "level_unknown");
}

#[test]
fn a_question_ends_within_its_limit() {
    let mut fixture = Fixture::start();
    fixture.agent.pause();
    let asked = Instant::now();
    fixture.site.get(READING).is_problem(504, "device_silent");
    let took = asked.elapsed();
    assert!((Duration::from_millis(1_900)..Duration::from_secs(6)).contains(&took), "{took:?}");
    fixture.agent.resume();
    // The late answer to the old question answers no other question.
    let (device, nonce) = (fixture.verified(&fixture.identity()), random_id());
    let answer = soon("the device answers", || {
        let answer = fixture.site.get(&format!("{READING}?nonce={nonce}"));
        (answer.status == 200).then_some(answer.body)
    });
    assert!(Reading::verify(text(&answer["reading"]), &device, Some(&nonce)).is_ok());
    fixture.agent.stop();
    fixture.site.until_offline("porch");
    fixture.site.get(READING).is_problem(503, "device_offline");
}

#[test]
fn a_signed_line_reports_signed_changes_to_its_readers() {
    let fixture = Fixture::start();
    let device = fixture.verified(&fixture.identity());
    let request = json!({ "kind": "api", "name": "lamp only", "scope": "line:porch/lamp:read", "expires_at": now() + 600 });
    let issued = fixture.site.post("/api/v1/tokens", &request).ok();
    let mut stranger = e2e::Panel::open(fixture.site.deployment.origin(), text(&issued["access_token"]));
    let mut panel = fixture.site.panel();
    fixture.agent.drive_to("heat", &json!(24.5));
    let frame = panel.until("a signed reading", |frame| frame["type"] == "reading");
    assert_eq!((&frame["device"], &frame["line"]), (&json!("porch"), &json!("heat")));
    let reading = Reading::verify(text(&frame["jwt"]), &device, None).expect("a reading");
    assert_eq!(reading.level, Level::Number(24.5));
    // The stranger gets the next event of the lamp, and no reading before it.
    fixture.site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": true })).ok();
    let frame = stranger
        .until("an event or a reading", |frame| frame["type"] == "reading" || frame["change"] == "line");
    assert_eq!(frame["line"]["name"], "lamp", "{frame}");
}

#[test]
fn a_receipt_states_what_the_device_did() {
    let mut fixture = Fixture::start();
    let device = fixture.verified(&fixture.identity());
    let verify = |value: &Value| Receipt::verify(text(value), &device).expect("a receipt");
    let result = fixture.pulse();
    let receipt = verify(&result["receipt"]);
    assert_eq!((receipt.line.as_str(), receipt.action.as_str()), ("door", "pulse"));
    assert_eq!((receipt.status.as_str(), receipt.level), ("executed", Some(Level::On(true))));
    assert_eq!((&json!(receipt.args), receipt.moment.n), (&json!({ "ms": 20 }), 1));
    let status = fixture.site.get(&format!("/api/v1/commands/{}", text(&result["id"]))).ok();
    assert_eq!(status["receipt"], result["receipt"]);
    // A refusal has a receipt too.
    let refused = fixture.site.with("idempotency-key", "too-long");
    refused
        .post("/api/v1/devices/porch/lines/door/pulse", &json!({ "ms": 60_000 }))
        .is_problem(409, "refused_max_on");
    let refused = verify(&fixture.site.get("/api/v1/commands/too-long").ok()["receipt"]);
    assert_eq!((refused.code.as_deref(), refused.moment.n), (Some("refused_max_on"), 2));
    // A line without the setting has none.
    let lamp = fixture.site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": true })).ok();
    assert_eq!(lamp["receipt"], Value::Null);
    // The numbers of the next run start again, under another id.
    fixture.agent.stop();
    fixture.site.until_offline("porch");
    fixture.agent.start();
    fixture.site.until_online("porch");
    let next = verify(&fixture.pulse()["receipt"]);
    assert_eq!(next.moment.n, 1);
    assert_ne!(next.moment.boot, receipt.moment.boot);
    let exported = fixture.site.with("accept", "application/jsonl").text("/api/v1/audit?act=command");
    let receipts = exported.lines().filter(|line| line.contains("\"receipt\"")).count();
    assert_eq!(receipts, 3, "{exported}");
}

/// A hostile edge has its own keys, every statement that it has passed on, and the certificate of the device. It makes
/// no identity, reading or receipt that a verifier with the root key accepts.
#[test]
fn a_hostile_edge_makes_no_statement() {
    let fixture = Fixture::start();
    let genuine = fixture.identity();
    let device = fixture.verified(&genuine);
    let reading = text(&fixture.site.get(READING).ok()["reading"]).to_owned();
    let receipt = text(&fixture.pulse()["receipt"]).to_owned();
    let vars = std::fs::read_to_string(fixture.site.deployment.folder().join(".dev.vars")).expect("secrets");
    let keys = vars.lines().find_map(|line| line.strip_prefix("EDGE_KEYS=")).expect("EDGE_KEYS");
    let keys: Value = serde_json::from_str(keys.trim_matches('\'')).expect("a JWK Set");
    let own: Vec<Signer> = keys["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .filter(|key| key["crv"] == "Ed25519")
        .map(Signer::of_private_jwk)
        .collect();
    assert!(!own.is_empty());
    for (role, token) in [(Role::Identity, &genuine), (Role::Reading, &reading), (Role::Receipt, &receipt)] {
        let refused = |token: &str| {
            let verified = match role {
                Role::Identity => {
                    DeviceIdentity::verify(token, &fixture.root.public(), &fixture.name(), None).map(drop)
                }
                Role::Reading => Reading::verify(token, &device, None).map(drop),
                _ => Receipt::verify(token, &device).map(drop),
            };
            verified.is_err()
        };
        assert!(!refused(token), "{role:?}: the genuine one");
        for signer in &own {
            let subject = Subject::of(role, signer, token, now());
            let mut kid = subject.clone();
            let jwk = signer.public_jwk().expect("an Ed25519 key");
            kid.header.insert("kid".into(), PublicKey::from_jwk(&jwk).expect("a key").thumbprint().into());
            for forged in [subject.honest(), kid.honest(), kid.claim("iss", "urn:pinlatch:edge")] {
                assert!(refused(&forged), "{role:?}");
            }
        }
    }
    // The identity that the edge could sign, for a key of its own.
    let thief = SigningKey::generate();
    let cert = fixture.agent.credentials()["devcert"].as_str().expect("a certificate").to_owned();
    assert!(DeviceIdentity::verify(&cert, &fixture.root.public(), &fixture.name(), None).is_err());
    let forged = fixture.sign(&thief, &fixture.name(), "porch", &thief.public());
    assert!(DeviceIdentity::verify(&forged, &fixture.root.public(), &fixture.name(), None).is_err());
}
