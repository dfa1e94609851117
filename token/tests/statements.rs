//! Tests the statements of devices: identities, readings and receipts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is the point"
)]

use base64ct::{Base64UrlUnpadded, Encoding};
use pinlatch_protocol::agent::is_statement;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::line::{Level, Rgb};
use pinlatch_protocol::name::Name;
use pinlatch_token::identity::{self, DeviceIdentity};
use pinlatch_token::reading::Reading;
use pinlatch_token::receipt::{Receipt, command_digest};
use pinlatch_token::statement::{Moment, TimeSource};
use pinlatch_token::{EdgeKeys, Kind, Refusal, SigningKey, device, keyset, random_id, unverified_site};
use proptest::prelude::*;

const NOW: u64 = 1_790_000_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

struct Fixture {
    root: SigningKey,
    key: SigningKey,
    identity: DeviceIdentity,
}

fn world() -> Fixture {
    let (root, key) = (SigningKey::generate(), SigningKey::generate());
    let token = identity::sign(&root, &name("home"), &name("porch"), &key.public(), NOW).unwrap();
    let identity = DeviceIdentity::verify(&token, &root.public(), &name("home"), Some(NOW)).unwrap();
    Fixture { root, key, identity }
}

fn moment() -> Moment {
    Moment {
        at_ms: NOW * 1_000 + 123,
        source: TimeSource::Edge,
        uncertainty_ms: Some(80),
        boot: "b".into(),
        n: 7,
    }
}

fn reading(level: Level, unit: Option<&str>, nonce: Option<&str>) -> Reading {
    Reading {
        line: name("heat"),
        level,
        measured_ms: NOW * 1_000 - 29_000,
        unit: unit.map(Into::into),
        moment: moment(),
        nonce: nonce.map(Into::into),
    }
}

fn receipt() -> Receipt {
    Receipt {
        command: "c1".into(),
        digest: command_digest("a.b.c"),
        line: name("door"),
        action: "pulse".into(),
        args: serde_json::json!({ "ms": 9_000 }).as_object().unwrap().clone(),
        status: CommandStatus::Refused,
        code: Some("refused_max_on".into()),
        level: Some(Level::On(false)),
        moment: moment(),
    }
}

impl Fixture {
    fn identify(&self, token: &str) -> Result<DeviceIdentity, Refusal> {
        DeviceIdentity::verify(token, &self.root.public(), &name("home"), None)
    }

    fn sign(&self, reading: Reading) -> String {
        reading.sign(&self.key, &name("home"), &name("porch")).unwrap()
    }
}

#[test]
fn only_the_root_key_confirms_a_device() {
    let w = world();
    assert_eq!((w.identity.site.as_str(), w.identity.device.as_str()), ("home", "porch"));
    assert_eq!(w.identity.key.thumbprint(), w.key.kid());
    let good = identity::sign(&w.root, &name("lab"), &name("porch"), &w.key.public(), NOW).unwrap();
    assert_eq!(unverified_site(&good), Some(name("lab")));
    assert!(matches!(w.identify(&good), Err(Refusal::WrongAudience { .. })), "another site");
    let other = SigningKey::generate();
    let forged = identity::sign(&other, &name("home"), &name("porch"), &other.public(), NOW).unwrap();
    assert!(matches!(w.identify(&forged), Err(Refusal::UnknownKey(_))));
    // What the edge can sign is of another kind and of another issuer.
    let edge = EdgeKeys::generate().unwrap();
    let cert = device::sign_cert(&edge, &name("home"), &name("porch"), &other.public(), "d", NOW).unwrap();
    assert!(matches!(w.identify(&cert), Err(Refusal::WrongKind { .. })));
    let keys = keyset::sign(&w.root, 1, edge.public(), NOW).unwrap();
    assert!(matches!(w.identify(&keys), Err(Refusal::WrongKind { .. })));
}

#[test]
fn a_reading_is_a_senml_record_of_one_line() {
    let w = world();
    let token = w.sign(reading(Level::Number(23.5), Some("°C"), None));
    let read = Reading::verify(&token, &w.identity, None).unwrap();
    assert_eq!(read, reading(Level::Number(23.5), Some("°C"), None));
    let payload: serde_json::Value = {
        let part = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
    };
    assert_eq!(
        payload["senml"],
        serde_json::json!({ "n": "urn:pinlatch:device:home/porch/heat", "u": "Cel", "t": 1_789_999_971.0, "v": 23.5 })
    );
    assert_eq!(
        (&payload["iss"], &payload["sub"]),
        (&"urn:pinlatch:device:home/porch".into(), &"porch/heat".into())
    );
    assert_eq!((&payload["time_source"], &payload["n"]), (&"edge".into(), &7.into()));
}

#[test]
fn a_measurement_is_not_later_than_its_reading() {
    let w = world();
    let at = |measured_ms| Reading { measured_ms, ..reading(Level::On(true), None, None) };
    let latest = NOW * 1_000 + 123;
    assert_eq!(Reading::verify(&w.sign(at(latest)), &w.identity, None).unwrap().measured_ms, latest);
    for wrong in [latest + 1, u64::MAX] {
        let refused = Reading::verify(&w.sign(at(wrong)), &w.identity, None);
        assert!(matches!(refused, Err(Refusal::BadClaim("senml", _))), "{wrong}");
    }
}

/// The edge stores and passes on statements up to a length, so the longest statements must be shorter.
#[test]
fn the_longest_statements_fit() {
    let w = world();
    let (site, device, line) = (name(&"s".repeat(40)), name(&"d".repeat(40)), name(&"l".repeat(40)));
    let moment = Moment {
        at_ms: u64::MAX / 2_000_000,
        source: TimeSource::System,
        uncertainty_ms: Some(u64::MAX),
        boot: random_id(),
        n: u64::MAX,
    };
    let reading = Reading {
        line: line.clone(),
        level: Level::Number(-1.234_567_890_123_456_7e-300),
        measured_ms: 1,
        unit: Some("\u{10348}".repeat(pinlatch_protocol::line::MAX_UNIT)),
        moment: moment.clone(),
        nonce: Some("n".repeat(64)),
    };
    let receipt = Receipt {
        command: "c".repeat(64),
        line,
        args: serde_json::json!({ "value": -1.234_567_890_123_456_7e-300, "ms": u32::MAX, "on_ms": u32::MAX,
            "off_ms": u32::MAX, "count": u32::MAX, "duration_ms": u32::MAX })
        .as_object()
        .unwrap()
        .clone(),
        code: Some("refused_".to_owned() + &"x".repeat(56)),
        level: Some(Level::Number(-1.234_567_890_123_456_7e-300)),
        moment,
        ..receipt()
    };
    let identity = identity::sign(&w.root, &site, &device, &w.key.public(), NOW).unwrap();
    for token in [
        identity,
        reading.sign(&w.key, &site, &device).unwrap(),
        receipt.sign(&w.key, &site, &device).unwrap(),
    ] {
        assert!(is_statement(&token), "{}", token.len());
    }
}

#[test]
fn a_question_with_a_nonce_accepts_only_its_own_answer() {
    let w = world();
    let (own, other) = (random_id(), random_id());
    let token = w.sign(reading(Level::On(true), None, Some(&own)));
    assert!(Reading::verify(&token, &w.identity, Some(&own)).is_ok());
    assert_eq!(Reading::verify(&token, &w.identity, Some(&other)), Err(Refusal::WrongNonce));
    let without = w.sign(reading(Level::On(true), None, None));
    assert_eq!(Reading::verify(&without, &w.identity, Some(&own)), Err(Refusal::WrongNonce));
    let short = reading(Level::On(true), None, Some("short")).sign(&w.key, &name("home"), &name("porch"));
    assert!(matches!(short, Err(Refusal::BadClaim("eat_nonce", _))));
}

#[test]
fn a_statement_counts_for_its_own_device_only() {
    let (w, other) = (world(), world());
    let token = w.sign(reading(Level::Number(1.0), None, None));
    assert!(matches!(Reading::verify(&token, &other.identity, None), Err(Refusal::UnknownKey(_))));
    // The same key under another name, and at another site.
    for (site, device) in [("home", "shed"), ("lab", "porch")] {
        let identity = DeviceIdentity { site: name(site), device: name(device), ..w.identity.clone() };
        assert!(matches!(Reading::verify(&token, &identity, None), Err(Refusal::WrongIssuer { .. })));
    }
    let told = receipt().sign(&w.key, &name("home"), &name("porch")).unwrap();
    assert_eq!(Receipt::verify(&told, &w.identity), Ok(receipt()));
    assert!(matches!(Reading::verify(&told, &w.identity, None), Err(Refusal::WrongKind { .. })));
    assert!(matches!(Receipt::verify(&token, &w.identity), Err(Refusal::WrongKind { .. })));
    assert_eq!(Kind::Receipt.typ(), "receipt+jwt");
}

#[test]
fn a_receipt_states_a_final_status() {
    let w = world();
    for status in [CommandStatus::Accepted, CommandStatus::Delivered, CommandStatus::Unknown] {
        let token = Receipt { status, ..receipt() }.sign(&w.key, &name("home"), &name("porch")).unwrap();
        assert!(
            matches!(Receipt::verify(&token, &w.identity), Err(Refusal::BadClaim("status", _))),
            "{status:?}"
        );
    }
}

proptest! {
    /// Every level survives signing and verifying.
    #[test]
    fn levels_survive(thousandths: i32, on: bool, colour: [u8; 3]) {
        let number = f64::from(thousandths) / 1_000.0;
        let w = world();
        let [r, g, b] = colour;
        for level in [Level::Number(number), Level::On(on), Level::Colour(Rgb(r, g, b))] {
            let token = w.sign(reading(level, Some("furlongs"), None));
            let read = Reading::verify(&token, &w.identity, None).unwrap();
            prop_assert_eq!(read.level, level);
        }
    }
}
