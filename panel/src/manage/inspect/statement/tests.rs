use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::receipt::command_digest;
use pinlatch_token::statement::{Moment, TimeSource};
use pinlatch_token::{SigningKey, identity};

use super::*;
use crate::manage::inspect::reasons;
use crate::manage::words::statement::facts;

const NOW: u64 = 1_790_000_000;
const NONCE: &str = "0123456789abcdef";

struct Fixture {
    root: SigningKey,
    device: SigningKey,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

impl Fixture {
    fn new() -> Self {
        Self { root: SigningKey::generate(), device: SigningKey::generate() }
    }

    fn identity(&self) -> String {
        identity::sign(&self.root, &name("home"), &name("porch"), &self.device.public(), NOW).unwrap()
    }

    fn reading(&self) -> String {
        let reading = Reading {
            line: name("heat"),
            level: Level::Number(21.5),
            measured_ms: NOW * 1_000 - 29_000,
            unit: Some("°C".into()),
            moment: moment(),
            nonce: Some(NONCE.into()),
        };
        reading.sign(&self.device, &name("home"), &name("porch")).unwrap()
    }

    fn receipt(&self) -> String {
        let receipt = Receipt {
            command: "c1".into(),
            digest: command_digest("a.b.c"),
            line: name("door"),
            action: "pulse".into(),
            args: serde_json::json!({ "ms": 9_000 }).as_object().unwrap().clone(),
            status: CommandStatus::Refused,
            code: Some("refused_max_on".into()),
            level: Some(Level::On(false)),
            moment: moment(),
        };
        receipt.sign(&self.device, &name("home"), &name("porch")).unwrap()
    }

    fn trust(&self) -> Trust {
        Trust::read(&self.root.public_jwk().to_string(), &format!(" {}\n", self.identity()), NOW)
    }
}

fn moment() -> Moment {
    Moment {
        at_ms: NOW * 1_000,
        source: TimeSource::Edge,
        uncertainty_ms: Some(80),
        boot: "run".into(),
        n: 7,
    }
}

fn found(token: &str, trust: &Trust) -> Finding {
    check(token, kind(token).unwrap(), trust, None, NOW)
}

/// Returns the contents of a verified statement by their names.
fn told(finding: &Finding) -> Vec<(&'static str, String)> {
    assert_eq!((finding.verdict, reasons(&finding.explanation)), (Verdict::Proven, vec![]));
    facts(finding.contents.as_ref().unwrap(), |ms| ms.to_string())
}

#[test]
fn statements_are_verified_with_the_root_key_and_the_identity() {
    let fixture = Fixture::new();
    let trust = fixture.trust();
    let reading = told(&found(&fixture.reading(), &trust));
    let has = |facts: &[(&str, String)], name: &str, value: &str| {
        assert!(facts.iter().any(|(own, text)| *own == name && text == value), "{name}: {facts:?}");
    };
    for (name, value) in [
        ("Device", "porch"),
        ("Line", "heat"),
        ("Level", "21.5\u{a0}°C"),
        ("Measured", "1789999971000"),
        ("Signed", "1790000000000"),
        ("Start of the agent (boot)", "run"),
        ("Number since this start (n)", "7"),
        ("Nonce of the question", NONCE),
    ] {
        has(&reading, name, value);
    }
    let receipt = told(&found(&fixture.receipt(), &trust));
    has(&receipt, "Outcome", "refused (refused_max_on)");
    has(&receipt, "Command", "pulse {\"ms\":9000}");
    let root_only = Trust::read(&format!("ROOT_KEY='{}'", fixture.root.public_jwk()), "", NOW);
    let identity = told(&found(&fixture.identity(), &root_only));
    has(&identity, "Thumbprint of the device's key", fixture.device.kid());
    let kinds = [fixture.identity(), fixture.reading(), fixture.receipt()].map(|token| kind(&token));
    assert_eq!(kinds, [Some(Kind::Device), Some(Kind::Reading), Some(Kind::Receipt)]);
}

#[test]
fn a_statement_of_a_stranger_or_for_another_question_is_refused() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let code = |finding: &Finding| {
        assert_eq!((finding.verdict, finding.contents.is_none()), (Verdict::Refused, true));
        let checks = finding.explanation.checks.iter();
        let codes: Vec<_> = checks
            .filter_map(|check| match check.outcome {
                CheckResult::Refused { code, .. } => Some(code),
                _ => None,
            })
            .collect();
        assert_eq!(codes.len(), reasons(&finding.explanation).len());
        codes
    };
    // The identity of another device, which the same root key has confirmed.
    let stranger = Fixture { root: fixture.root.clone(), device: other.device.clone() };
    assert_eq!(code(&found(&stranger.reading(), &fixture.trust())), ["unknown_key"]);
    assert_eq!(code(&found(&other.identity(), &fixture.trust())), ["unknown_key"]);
    let old = check(&fixture.reading(), Kind::Reading, &fixture.trust(), Some("fedcba9876543210"), NOW);
    assert_eq!(code(&old), ["wrong_nonce"]);
    // The root key has not confirmed the device.
    let root = fixture.root.public_jwk().to_string();
    for (identity, wanted) in [(other.identity(), "unknown_key"), (fixture.reading(), "wrong_kind")] {
        let trust = Trust::read(&root, &identity, NOW);
        let finding = found(&fixture.reading(), &trust);
        assert_eq!(code(&finding), [wanted]);
        assert!(reasons(&finding.explanation).concat().contains(text::IDENTITY_REFUSED));
    }
    // The clock of the owner's computer can be a minute ahead.
    let found_at = |now| check(&fixture.identity(), Kind::Device, &fixture.trust(), None, now).verdict;
    assert_eq!((found_at(NOW - 60), found_at(NOW - 61)), (Verdict::Proven, Verdict::Refused));
}

#[test]
fn a_statement_without_all_input_stays_open() {
    let fixture = Fixture::new();
    let root = fixture.root.public_jwk().to_string();
    let read = |root: &str, identity: &str| Trust::read(root, identity, NOW);
    for (trust, missing) in [
        (read("", &fixture.identity()), Missing::Root),
        (read("{}", &fixture.identity()), Missing::RootUnusable),
        (read("no key", ""), Missing::RootUnusable),
        (read(&root, " \n"), Missing::Identity),
    ] {
        let finding = found(&fixture.reading(), &trust);
        assert_eq!(finding.verdict, Verdict::Needs(missing));
        assert!(finding.contents.is_none());
        let open = finding.explanation.checks.iter().filter_map(|check| match check.outcome {
            CheckResult::NotChecked { why } => Some((check.name, why)),
            _ => None,
        });
        let why = text::not_checked(missing);
        assert_eq!(open.collect::<Vec<_>>(), ["key", "signature", "content"].map(|name| (name, why)));
    }
    // A damaged statement is refused without keys.
    let damaged = fixture.reading().replace('.', ".A");
    assert!(kind(&damaged).is_none_or(|_| found(&damaged, &read("", "")).verdict == Verdict::Refused));
}

#[test]
fn a_private_key_is_recognised_in_every_form() {
    let key = SigningKey::generate();
    let private = key.to_private_jwk();
    for text in [
        private.expose().to_owned(),
        format!(" {}\n", private.expose()),
        format!("EDGE_KEYS='{{\"keys\":[{}]}}'", private.expose()),
        format!("{{\"keys\":[{}]}}", private.expose()),
        "-----BEGIN PRIVATE KEY-----\nAAAA".into(),
    ] {
        assert!(is_private(&text), "{text:.40}");
    }
    for text in [key.public_jwk().to_string(), format!("ROOT_KEY='{}'", key.public_jwk()), String::new()] {
        assert!(!is_private(&text), "{text}");
    }
    // Even if the page kept it, a private key is not used.
    let trust = Trust::read(private.expose(), "", NOW);
    assert!(matches!(trust.root, Given::Wrong(KeyError::Private)));
    assert!(!matches!(trust.identity, Given::Valid(_)));
}
