use pinlatch_protocol::line::Level;
use pinlatch_token::SigningKey;
use pinlatch_token::statement::{Moment, TimeSource};

use super::*;

const NONCE: &str = "0123456789abcdef0123456789abcdef";
const NOW_MS: u64 = 1_790_000_000_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn line(line: &str) -> Key {
    Key { device: name("porch"), line: name(line) }
}

fn key(key: &SigningKey) -> DeviceKey {
    DeviceKey { thumbprint: key.kid().into(), jwk: Some(key.public_jwk()), identity: None }
}

fn signed(key: &SigningKey, nonce: Option<&str>) -> String {
    let reading = Reading {
        line: name("heat"),
        level: Level::Number(21.5),
        measured_ms: NOW_MS - 900,
        unit: Some("°C".into()),
        moment: Moment {
            at_ms: NOW_MS,
            source: TimeSource::Edge,
            uncertainty_ms: Some(80),
            boot: "b".into(),
            n: 1,
        },
        nonce: nonce.map(Into::into),
    };
    reading.sign(key, &name("home"), &name("porch")).unwrap()
}

#[test]
fn an_answer_is_only_shown_if_it_fits_the_question() {
    let (own, other) = (SigningKey::generate(), SigningKey::generate());
    let (site, token) = (name("home"), signed(&own, Some(NONCE)));
    let found = check(&token, &key(&own), NONCE, &site, &line("heat")).unwrap();
    assert_eq!((found.level, found.unit.as_deref()), (Level::Number(21.5), Some("°C")));

    let of = |token: &str, key: &DeviceKey, site: &str, device: &str, line: &str| {
        let line = Key { device: name(device), line: name(line) };
        check(token, key, NONCE, &name(site), &line).unwrap_err()
    };
    let refused = |fault: Fault| match fault {
        Fault::Refused(refusal) => refusal.code().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(of(&token, &key(&other), "home", "porch", "heat")), "unknown_key");
    assert_eq!(refused(of(&token, &key(&own), "shed", "porch", "heat")), "wrong_issuer");
    assert_eq!(refused(of(&token, &key(&own), "home", "garage", "heat")), "wrong_issuer");
    for old in [None, Some("fedcba9876543210")] {
        let old = signed(&own, old);
        assert_eq!(refused(of(&old, &key(&own), "home", "porch", "heat")), "wrong_nonce");
    }
    assert_eq!(of(&token, &key(&own), "home", "porch", "lamp"), Fault::OtherLine(name("heat")));
    let none = DeviceKey { jwk: None, ..key(&own) };
    assert_eq!(of(&token, &none, "home", "porch", "heat"), Fault::NoKey);
    let bad = DeviceKey { jwk: Some("no key".into()), ..key(&own) };
    assert!(matches!(of(&token, &bad, "home", "porch", "heat"), Fault::Key(_)));
}

#[test]
fn a_file_is_named_after_the_line_and_the_time() {
    for (ms, text) in [
        (0, "1970-01-01T00-00-00Z"),
        (951_782_399_000, "2000-02-28T23-59-59Z"),
        (951_782_400_000, "2000-02-29T00-00-00Z"),
        (1_796_040_000_999, "2026-11-30T12-00-00Z"),
        (4_107_542_400_000, "2100-03-01T00-00-00Z"),
    ] {
        assert_eq!(file_name(&line("heat"), ms), format!("porch-heat-{text}.jwt"));
    }
    // A device can state any time.
    assert!(file_name(&line("heat"), u64::MAX).ends_with("Z.jwt"));
    assert_eq!(identity_file(&name("porch")), "porch.jwt");
}
