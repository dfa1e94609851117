use pinlatch_protocol::audit::AUDIT_VERSION;
use pinlatch_protocol::line::Level;
use pinlatch_token::identity::{self, DeviceIdentity};
use pinlatch_token::statement::Moment;
use pinlatch_token::{EdgeKeys, SigningKey};
use serde_json::json;

use super::report::DeviceReport;
use super::*;

const NOON: u64 = 1_782_907_200_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A device, and the owner's confirmation of its key.
struct Device {
    name: Name,
    key: SigningKey,
    identity: DeviceIdentity,
}

impl Device {
    fn confirmed_at(name: &str, root: &SigningKey, iat: u64) -> Self {
        let (key, name) = (SigningKey::generate(), self::name(name));
        let signed = identity::sign(root, &self::name("home"), &name, &key.public(), iat).unwrap();
        let identity = DeviceIdentity::verify(&signed, &root.public(), &self::name("home"), None).unwrap();
        Self { name, key, identity }
    }

    fn new(name: &str) -> Self {
        Self::confirmed_at(name, &SigningKey::generate(), 1_000)
    }

    fn known(&self) -> Known {
        Known::new(vec![self.identity.clone()])
    }

    fn sign(&self, receipt: Receipt) -> String {
        receipt.sign(&self.key, &name("home"), &self.name).unwrap()
    }

    /// Returns the entry of an executed command at a time, with the device's receipt.
    fn entry(&self, seq: u64, n: u64) -> AuditEntry {
        AuditEntry { receipt: Some(self.sign(receipt(n))), ..entry(seq) }
    }
}

fn receipt(n: u64) -> Receipt {
    Receipt {
        command: format!("c{n}"),
        digest: "digest".into(),
        line: name("door"),
        action: "pulse".into(),
        args: json!({ "ms": 3000 }).as_object().unwrap().clone(),
        status: CommandStatus::Executed,
        code: None,
        level: Some(Level::On(true)),
        moment: Moment {
            at_ms: NOON,
            source: TimeSource::Edge,
            uncertainty_ms: Some(40),
            boot: "run-1".into(),
            n,
        },
    }
}

fn entry(seq: u64) -> AuditEntry {
    AuditEntry {
        seq,
        at_ms: NOON,
        version: Some(AUDIT_VERSION),
        actor: "ann".into(),
        act: "command".into(),
        target: "porch/door:pulse".into(),
        outcome: "executed".into(),
        args: Some(r#"{"ms":3000}"#.into()),
        ..AuditEntry::default()
    }
}

fn codes(report: &Report) -> Vec<(u64, &'static str)> {
    report.faults.iter().map(|fault| (fault.seq, fault.code)).collect()
}

fn unproven(report: &Report) -> Vec<(&str, u64)> {
    report.unproven.iter().map(|(line, count)| (line.as_str(), *count)).collect()
}

#[test]
fn valid_receipts_are_counted_and_other_outcomes_rest_on_the_edges_word() {
    let porch = Device::new("porch");
    let lamp = |seq, outcome: &str| AuditEntry {
        target: "porch/lamp:set".into(),
        outcome: outcome.into(),
        ..entry(seq)
    };
    let log = [
        porch.entry(1, 1),
        porch.entry(2, 2),
        lamp(3, "executed"),
        lamp(4, "amended_refused_interlock"),
        lamp(5, "expired"),
        // The device has no part in these outcomes.
        lamp(6, "unknown"),
        lamp(7, "device_offline"),
        AuditEntry { act: "login".into(), target: "ann".into(), outcome: "done".into(), ..entry(8) },
    ];
    let report = check(&log, &porch.known());
    assert_eq!(codes(&report), []);
    assert_eq!(report.devices[&porch.name], DeviceReport { valid: 2, runs: 1, gaps: vec![] });
    assert_eq!(unproven(&report), [("porch/lamp", 3)]);
    assert!(report.text().contains("Receipts of porch: 2 valid, from 1 run of the agent."));
}

#[test]
fn a_receipt_of_anyone_but_the_device_is_a_fault() {
    let (porch, barn) = (Device::new("porch"), Device::new("barn"));
    let known = Known::new(vec![porch.identity.clone(), barn.identity.clone()]);
    let edge: serde_json::Value =
        serde_json::from_str(EdgeKeys::generate().unwrap().to_private_jwks().expose()).unwrap();
    let own = edge["keys"].as_array().unwrap().iter().find(|key| key["crv"] == "Ed25519").unwrap();
    let edge = SigningKey::from_jwk(&own.to_string()).unwrap();
    let of = |receipt: String| AuditEntry { receipt: Some(receipt), ..entry(1) };
    let home = name("home");
    for (receipt, code) in [
        (receipt(1).sign(&edge, &home, &porch.name).unwrap(), "unknown_key"),
        (barn.sign(receipt(1)), "other_device"),
        (receipt(1).sign(&porch.key, &name("shop"), &porch.name).unwrap(), "wrong_issuer"),
        (receipt(1).sign(&porch.key, &home, &barn.name).unwrap(), "wrong_issuer"),
        ("a.b.c".into(), "malformed"),
    ] {
        let report = check(&[of(receipt)], &known);
        assert_eq!(codes(&report), [(1, code)]);
        assert_eq!(unproven(&report), [("porch/door", 1)], "{code}");
    }
}

#[test]
fn a_receipt_that_contradicts_its_entry_is_a_fault() {
    let porch = Device::new("porch");
    let base = porch.entry(1, 1);
    let changed = |change: fn(&mut AuditEntry)| {
        let mut entry = base.clone();
        change(&mut entry);
        codes(&check(&[entry], &porch.known()))
    };
    assert_eq!(changed(|_| ()), []);
    assert_eq!(changed(|entry| entry.outcome = "amended_executed".into()), []);
    assert_eq!(changed(|entry| entry.outcome = "expired".into()), [(1, "other_outcome")]);
    assert_eq!(changed(|entry| entry.outcome = "unknown".into()), [(1, "other_outcome")]);
    assert_eq!(changed(|entry| entry.target = "porch/lamp:pulse".into()), [(1, "other_line")]);
    assert_eq!(changed(|entry| entry.target = "porch/door:toggle".into()), [(1, "other_action")]);
    assert_eq!(changed(|entry| entry.target = "porch".into()), [(1, "wrong_entry")]);
    assert_eq!(changed(|entry| entry.act = "login".into()), [(1, "wrong_entry")]);
    for args in [Some(r#"{"ms":60000}"#), Some("{}"), Some("no JSON"), None] {
        let entry = AuditEntry { args: args.map(Into::into), ..base.clone() };
        assert_eq!(codes(&check(&[entry], &porch.known())), [(1, "other_arguments")], "{args:?}");
    }
    let same = AuditEntry { args: Some(r#"{"ms": 3000.0}"#.into()), ..base.clone() };
    assert_eq!(codes(&check(&[same], &porch.known())), []);
}

#[test]
fn a_refusal_has_the_code_of_the_receipt() {
    let porch = Device::new("porch");
    let refused = |code: Option<&str>| Receipt {
        status: CommandStatus::Refused,
        code: code.map(Into::into),
        ..receipt(1)
    };
    for (code, outcome, right) in [
        (Some("refused_max_on"), "refused_max_on", true),
        (Some("refused_max_on"), "refused_busy", false),
        (Some("odd text"), "refused", true),
        (None, "refused", true),
        (None, "executed", false),
    ] {
        let entry =
            AuditEntry { receipt: Some(porch.sign(refused(code))), outcome: outcome.into(), ..entry(1) };
        assert_eq!(check(&[entry], &porch.known()).faults.is_empty(), right, "{code:?} {outcome}");
    }
}

#[test]
fn a_receipt_is_not_newer_than_its_entry_and_an_old_one_is_reported() {
    let porch = Device::new("porch");
    let at = |source, at_ms| {
        let moment = Moment { at_ms, source, ..receipt(1).moment };
        let receipt = Some(porch.sign(Receipt { moment, ..receipt(1) }));
        check(&[AuditEntry { receipt, ..entry(1) }], &porch.known())
    };
    for (source, at_ms, code) in [
        (TimeSource::Edge, NOON + TOLERANCE_MS + 40, None),
        (TimeSource::Edge, NOON + TOLERANCE_MS + 41, Some("later_than_entry")),
        (TimeSource::System, NOON + 3_600_000, Some("later_than_entry")),
        (TimeSource::None, NOON + 3_600_000, None),
    ] {
        assert_eq!(at(source, at_ms).faults.first().map(|fault| fault.code), code, "{source:?} {at_ms}");
    }
    assert!(at(TimeSource::Edge, NOON - LATE_MS).late.is_empty());
    let report = at(TimeSource::Edge, NOON - 7_200_000);
    assert_eq!(report.late, [Late { seq: 1, late_ms: 7_200_000 }]);
    assert!(report.text().contains("  entry 1: 2h"), "{}", report.text());
    assert!(at(TimeSource::None, 0).late.is_empty());
}

#[test]
fn a_receipt_counts_once() {
    let porch = Device::new("porch");
    let twice = AuditEntry { seq: 2, ..porch.entry(1, 1) };
    let report = check(&[porch.entry(1, 1), twice], &porch.known());
    assert_eq!(codes(&report), [(2, "repeated_receipt")]);
    // The device has signed two receipts for one command.
    let again = Receipt { command: "c1".into(), ..receipt(2) };
    let entry = AuditEntry { receipt: Some(porch.sign(again)), ..entry(2) };
    assert_eq!(codes(&check(&[porch.entry(1, 1), entry], &porch.known())), [(2, "repeated_command")]);
}

#[test]
fn a_late_receipt_belongs_to_an_earlier_command() {
    let porch = Device::new("porch");
    let late = |seq, n| AuditEntry { act: "receipt".into(), args: None, ..porch.entry(seq, n) };
    let report = check(&[entry(1), entry(2), late(3, 1)], &porch.known());
    assert_eq!((codes(&report), unproven(&report)), (vec![], vec![("porch/door", 1)]));
    let report = check(&[entry(1), late(2, 1), late(3, 2)], &porch.known());
    assert_eq!((codes(&report), unproven(&report)), (vec![(3, "no_command")], vec![]));
    // The command has another outcome or other arguments, or is newer than the receipt.
    for wrong in [
        AuditEntry { outcome: "expired".into(), ..entry(1) },
        AuditEntry { args: Some(r#"{"ms":1}"#.into()), ..entry(1) },
        AuditEntry { at_ms: NOON - 60_000, ..entry(1) },
        AuditEntry { outcome: "unknown".into(), ..entry(1) },
    ] {
        assert_eq!(codes(&check(&[wrong, late(2, 1)], &porch.known())), [(2, "no_command")]);
    }
    // A command that already has its receipt needs no other.
    assert_eq!(codes(&check(&[porch.entry(1, 1), late(2, 2)], &porch.known())), [(2, "no_command")]);
    // The entry of the command can be older than the export.
    assert_eq!(codes(&check(&[late(2, 1)], &porch.known())), []);
    let without = AuditEntry { receipt: None, ..late(2, 1) };
    assert_eq!(codes(&check(&[entry(1), without], &porch.known())), [(2, "no_receipt")]);
}

#[test]
fn missing_numbers_are_found_in_each_run() {
    let porch = Device::new("porch");
    let run = |seq, boot: &str, n| {
        let moment = Moment { boot: boot.into(), ..receipt(n).moment };
        let receipt = Receipt { command: format!("c{seq}"), moment, ..receipt(n) };
        AuditEntry { receipt: Some(porch.sign(receipt)), ..entry(seq) }
    };
    let log = [run(1, "a", 2), run(2, "a", 5), run(3, "b", 3), run(4, "a", 6), run(5, "c", 1)];
    let gap = |boot: &str, from, to| Gap { boot: boot.into(), from, to };
    let report = check(&log, &porch.known());
    assert_eq!(codes(&report), [], "a gap is a finding");
    let found = &report.devices[&porch.name];
    assert_eq!((found.valid, found.runs), (5, 3));
    assert_eq!(found.gaps, [gap("a", 1, 1), gap("a", 3, 4), gap("b", 1, 2)]);
    let text = report.text();
    assert!(text.contains("porch: receipts 3 to 4 of the run a"), "{text}");
    assert!(text.contains("porch: receipt 1 of the run a"), "{text}");
    // The beginning of the first run can be older than the export.
    let part: Vec<AuditEntry> =
        log.iter().map(|entry| AuditEntry { seq: entry.seq + 7, ..entry.clone() }).collect();
    assert_eq!(check(&part, &porch.known()).devices[&porch.name].gaps, [gap("a", 3, 4), gap("b", 1, 2)]);
}

#[test]
fn receipts_without_an_identity_are_not_checked() {
    let (porch, barn) = (Device::new("porch"), Device::new("barn"));
    let log = [barn.entry(1, 1), barn.entry(2, 2)]
        .map(|entry| AuditEntry { target: "barn/door:pulse".into(), ..entry });
    let report = check(&log, &porch.known());
    assert_eq!((codes(&report), unproven(&report)), (vec![], vec![("barn/door", 2)]));
    assert_eq!(report.not_checked[&barn.name], 2);
    let text = report.text();
    assert!(text.contains("2 receipts of barn not checked"), "{text}");
    assert!(text.contains("`pinlatch device confirm barn`"), "{text}");
    let none = Known::without("there is no root key".into());
    let text = check(&log, &none).text();
    assert!(text.contains("2 receipts not checked: there is no root key."), "{text}");
}

#[test]
fn a_replaced_key_counts_until_it_was_replaced() {
    let root = SigningKey::generate();
    let confirmed_s = NOON / 1_000;
    let old = Device::confirmed_at("porch", &root, 1_000);
    let new = Device::confirmed_at("porch", &root, confirmed_s);
    let known = Known::new(vec![new.identity.clone(), old.identity.clone()]);
    let at = |device: &Device, at_ms| {
        let moment = Moment { at_ms, ..receipt(1).moment };
        let receipt = Some(device.sign(Receipt { moment, ..receipt(1) }));
        codes(&check(&[AuditEntry { at_ms, receipt, ..entry(1) }], &known))
    };
    assert_eq!(at(&old, NOON - 86_400_000), []);
    assert_eq!(at(&old, NOON + 60_000), []);
    assert_eq!(at(&old, NOON + 3_600_000), [(1, "replaced_key")]);
    assert_eq!(at(&new, NOON + 3_600_000), []);
}

#[test]
fn a_text_lists_a_bounded_number_of_rows() {
    let porch = Device::new("porch");
    let log: Vec<AuditEntry> =
        (1..=50).map(|seq| AuditEntry { receipt: Some("\u{1b}[2J".into()), ..entry(seq) }).collect();
    let report = check(&log, &porch.known());
    assert_eq!(report.faults.len(), 50);
    let text = report.text();
    assert!(text.contains("and 30 more, which --json prints"), "{text}");
}

#[test]
fn the_documentation_explains_the_codes_and_the_limits() {
    let page = include_str!("../../../../../docs/edge.md");
    for code in [
        "other_device",
        "other_line",
        "other_action",
        "other_arguments",
        "other_outcome",
        "later_than_entry",
        "replaced_key",
        "repeated_receipt",
        "repeated_command",
        "no_command",
        "no_receipt",
        "wrong_entry",
    ] {
        let is_row = |line: &&str| line.starts_with("| `") && line.contains(&format!("`{code}`"));
        assert_eq!(page.lines().filter(is_row).count(), 1, "{code}");
    }
    assert!(page.contains(&format!("uncertainty and {} seconds", TOLERANCE_MS / 1_000)));
    assert!(page.contains(&format!("more than {} minutes older than its entry", LATE_MS / 60_000)));
    assert!(page.contains(&format!("more than {} minutes newer", known::REPLACED_S / 60)));
}
