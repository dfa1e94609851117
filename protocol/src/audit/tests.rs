use std::collections::BTreeSet;

use proptest::prelude::*;

use super::outcomes::{Tone, choices, selects, words};
use super::words::Sentence;
use super::*;
use crate::problem::DEVICE_REFUSALS;

fn entry(actor: &str, act: &str, target: &str, outcome: &str) -> AuditEntry {
    AuditEntry {
        seq: 1,
        at_ms: 1,
        actor: actor.into(),
        act: act.into(),
        target: target.into(),
        outcome: outcome.into(),
        ..AuditEntry::default()
    }
}

fn command(kind: &str, target: &str, args: &str, outcome: &str) -> AuditEntry {
    AuditEntry {
        version: Some(AUDIT_VERSION),
        line_kind: Some(kind.into()),
        args: Some(args.into()),
        ..entry("owner", "command", target, outcome)
    }
}

fn by_link(entry: AuditEntry) -> AuditEntry {
    AuditEntry {
        actor: "token:NdS_XrBjabc".into(),
        actor_name: Some("Courier on Friday".into()),
        actor_kind: Some("guest".into()),
        ..entry
    }
}

fn told(entry: &AuditEntry) -> String {
    let sentence = Sentence::of(entry);
    format!("{} | {}", sentence.line(), sentence.outcome)
}

#[test]
fn commands_are_told_with_their_values_and_names() {
    let ms = r#"{"ms":3000}"#;
    for (entry, text) in [
        (
            command("switch", "porch/lamp:set", r#"{"value":true}"#, "executed"),
            "owner switched Lamp (Porch) on | done",
        ),
        (
            command("dimmer", "shed/desk:set", r#"{"value":0.25}"#, "executed"),
            "owner set Desk (Shed) to 25 % | done",
        ),
        (
            command("momentary", "porch/door:pulse", ms, "executed"),
            "owner opened Door (Porch) for 3 s | done",
        ),
        (
            by_link(command("momentary", "porch/door:pulse", ms, "executed")),
            "Courier on Friday (guest link) opened Door (Porch) for 3 s | done",
        ),
        (
            command("momentary", "porch/door:pulse", ms, "refused_busy"),
            "owner tried to open Door (Porch) for 3 s | refused: busy with a pulse",
        ),
        (
            command("momentary", "porch/door:pulse", ms, "amended_expired"),
            "owner tried to open Door (Porch) for 3 s | later: too late, not done",
        ),
        (
            command("switch", "porch/lamp:set", r#"{"value":false}"#, "amended_executed"),
            "owner switched Lamp (Porch) off | later: done",
        ),
        (
            AuditEntry {
                max_uses: Some(2),
                ..by_link(command("momentary", "porch/door:pulse", ms, "used_up"))
            },
            "Courier on Friday (guest link) tried to open Door (Porch) for 3 s | refused: it was good for 2 uses",
        ),
        (
            AuditEntry {
                actor: "site:reconcile".into(),
                ..command("switch", "porch/lamp:set", r#"{"value":true}"#, "executed")
            },
            "Pinlatch switched Lamp (Porch) on again | done",
        ),
        // The entries of the first version have no values and no names.
        (entry("owner", "command", "porch/lamp:set", "executed"), "owner set Lamp (Porch) | done"),
        (
            entry("owner", "command", "porch/front-door:pulse", "unknown"),
            "owner tried to open Front door (Porch) | no answer, possibly done",
        ),
        (
            entry("token:NdS_XrBjabc", "command", "porch/door:pulse", "executed"),
            "Token NdS_XrBj… opened Door (Porch) | done",
        ),
        // A value that a newer kind of line may have.
        (
            command("blind", "porch/blind:tilt", r#"{"value":1}"#, "executed"),
            "owner sent tilt to Blind (Porch) | done",
        ),
        (command("switch", "odd", "{", "executed"), "owner sent odd | done"),
    ] {
        assert_eq!(told(&entry), text);
    }
}

#[test]
fn actions_of_rules_have_the_words_of_commands() {
    let rule = |entry: AuditEntry| AuditEntry { actor: "rule:exit".into(), act: "rule".into(), ..entry };
    let ms = r#"{"ms":3000}"#;
    for (entry, text) in [
        (
            rule(command("momentary", "porch/door:pulse", ms, "executed")),
            "Exit (rule) opened Door (Porch) for 3 s | done",
        ),
        (
            rule(command("momentary", "porch/door:pulse", ms, "refused_interlock")),
            "Exit (rule) tried to open Door (Porch) for 3 s | refused: an interlocked line was on",
        ),
        (
            rule(command("switch", "porch/lamp:set", r#"{"value":true}"#, "refused_rule_rate")),
            "Exit (rule) tried to switch Lamp (Porch) on | refused: the rule ran too often",
        ),
        (
            rule(entry("x", "command", "porch/lamp:toggle", "executed")),
            "Exit (rule) toggled Lamp (Porch) | done",
        ),
        (
            entry("device:porch", "rules_dropped", "porch", "12"),
            "Reports about rules of Porch are missing | 12 missing",
        ),
    ] {
        assert_eq!(told(&entry), text);
    }
}

#[test]
fn the_time_of_an_event_is_named_if_the_entry_is_later() {
    let happened = |happened_ms| {
        Sentence::of(&AuditEntry {
            at_ms: 10_000,
            happened_ms,
            ..entry("rule:exit", "rule", "porch", "executed")
        })
        .happened_ms
    };
    assert_eq!([None, Some(10_000), Some(8_000), Some(12_000)].map(happened), [None; 4]);
    assert_eq!([Some(7_999), Some(12_001)].map(happened), [Some(7_999), Some(12_001)]);
}

#[test]
fn administration_is_told_in_sentences() {
    let token = |entry| AuditEntry {
        target_name: Some("Cleaner".into()),
        target_kind: Some("guest".into()),
        ..entry
    };
    for (entry, text) in [
        (token(entry("owner", "mint", "t1", "guest")), "owner made the guest link Cleaner | done"),
        (token(entry("owner", "revoke", "t1", "done")), "owner revoked the guest link Cleaner | done"),
        (entry("owner", "mint", "abcdefghijkl", "api"), "owner made the API token abcdefgh… | done"),
        (
            entry("bob", "mint", "tokens", "insufficient_scope"),
            "bob tried to make a token or link | refused: not allowed",
        ),
        (entry("owner", "rights", "bob", "operator"), "owner made bob an operator | done"),
        (entry("owner", "rights", "bob", "custom"), "owner gave bob chosen rights | done"),
        (entry("site:gate", "login_failed", "owner", "5"), "5 failed logins for owner | wrong password"),
        (entry("site:gate", "login_failed", "owner", "1"), "1 failed login for owner | wrong password"),
        (
            entry("site:gate", "login_failed", "unknown names", "7"),
            "7 failed logins for unknown user names | wrong password",
        ),
        (entry("ann", "password", "ann", "done"), "ann changed their password | done"),
        (entry("device:porch", "enrol", "porch", "done"), "Porch (device) was enrolled | done"),
        (
            entry("device:porch", "odd_message", "porch", "event_on_unknown_line"),
            "Porch (device) sent an unexpected message | event on unknown line",
        ),
        (
            entry("device:porch", "events_dropped", "porch", "12"),
            "Porch (device) sent too many events | 12 dropped",
        ),
        (entry("ann", "retention", "audit", "30_days"), "ann set the log to be kept for 30 days | done"),
        (
            entry("ann", "refresh_reuse", "ann", "family_ended"),
            "ann used a refresh token again | the login was ended",
        ),
        (entry("ann", "something_new", "x", "done"), "ann did: something new x | done"),
    ] {
        assert_eq!(told(&entry), text);
    }
}

/// The manual of the agent lists the codes with which a device refuses commands.
#[test]
fn every_refusal_of_a_device_has_words_and_can_be_chosen() {
    let manual = include_str!("../../../docs/config.md");
    let listed: BTreeSet<String> = manual
        .lines()
        .filter_map(|line| Some(format!("refused_{}", line.strip_prefix("| `refused_")?.split('`').next()?)))
        .collect();
    assert_eq!(listed, DEVICE_REFUSALS.map(str::to_owned).into());
    let choices = choices();
    for code in DEVICE_REFUSALS.into_iter().chain(["executed", "amended_expired", "used_up", "not_admitted"])
    {
        let found = choices.iter().filter(|(_, value)| selects(value, code)).count();
        assert_eq!(found, 1, "{code}");
        let invented = code.trim_start_matches("refused_").replace('_', " ");
        assert_ne!(words(code).1, format!("refused: {invented}"), "{code}");
    }
    assert_eq!(words("refused_by_the_cat"), (Tone::Bad, "refused: by the cat".into()));
    let texts: BTreeSet<&String> = choices.iter().map(|(text, _)| text).collect();
    assert_eq!(texts.len(), choices.len(), "no words twice");
}

#[test]
fn the_first_version_hashes_what_it_always_did() {
    let old = AuditEntry { jti: Some("j".into()), ..entry("ann", "setup", "ann", "done") };
    assert_eq!(old.hashed_text("ff").unwrap(), r#"["ff",1,1,"ann","j","setup","ann","done"]"#);
    let new = by_link(command("switch", "porch/lamp:set", r#"{"value":0.30000000000000004}"#, "executed"));
    let second = AuditEntry { version: Some(2), ..new.clone() };
    assert_eq!(
        second.hashed_text("ff").unwrap(),
        r#"["pinlatch audit entry 2","ff",1,1,"token:NdS_XrBjabc",null,"command","porch/lamp:set","executed","Courier on Friday","guest","switch","{\"value\":0.30000000000000004}",null,null,null]"#
    );
    let receipt = Some("a.b.c".to_owned());
    let third = AuditEntry { version: Some(3), receipt: receipt.clone(), ..new.clone() };
    assert_eq!(
        third.hashed_text("ff").unwrap(),
        r#"["pinlatch audit entry 3","ff",1,1,"token:NdS_XrBjabc",null,"command","porch/lamp:set","executed","Courier on Friday","guest","switch","{\"value\":0.30000000000000004}",null,null,null,"a.b.c"]"#
    );
    let happened = |entry: &AuditEntry| AuditEntry {
        happened_ms: Some(7),
        boot: Some("b".into()),
        n: Some(9),
        ..entry.clone()
    };
    let fourth = happened(&AuditEntry { version: Some(4), ..third.clone() }).hashed_text("ff").unwrap();
    let third_text = third.hashed_text("ff").unwrap().replace("entry 3", "entry 4");
    assert_eq!(fourth, format!(r#"{},7,"b",9]"#, third_text.trim_end_matches(']')));
    assert!(new.hashed_text("ff").unwrap().ends_with(",null,null,null,null,null,null,null]"));
    assert_eq!(happened(&third).hashed_text("ff"), None);
    for old in [&second, &old] {
        assert_eq!(AuditEntry { receipt: receipt.clone(), ..old.clone() }.hashed_text("ff"), None);
    }
    assert_eq!(
        AuditEntry { version: None, ..new.clone() }.hashed_text("ff"),
        None,
        "new fields of an old entry"
    );
    for version in [0, 1, 5] {
        assert_eq!(AuditEntry { version: Some(version), ..old.clone() }.hashed_text("ff"), None, "{version}");
    }
    let json = serde_json::to_string(&new).unwrap();
    assert_eq!(serde_json::from_str::<AuditEntry>(&json).unwrap(), new);
    assert!(!serde_json::to_string(&old).unwrap().contains("version"));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c\",\\]]{0,3}", Just("null".to_owned()), Just("pinlatch audit entry 2".to_owned())]
}

prop_compose! {
    fn any_entry()(
        number in (0u64..3, 0u64..3, prop::option::of(0u32..3)),
        rule in (prop::option::of(0u64..3), prop::option::of(any_text()), prop::option::of(0u64..3)),
        texts in (any_text(), any_text(), any_text(), any_text()),
        optional in prop::array::uniform8(prop::option::of(any_text())),
        version in prop::option::of(2u32..=AUDIT_VERSION),
    ) -> AuditEntry {
        let [jti, actor_name, actor_kind, line_kind, args, target_name, target_kind, receipt] = optional;
        let old = AuditEntry {
            seq: number.0,
            at_ms: number.1,
            actor: texts.0,
            jti,
            act: texts.1,
            target: texts.2,
            outcome: texts.3,
            ..AuditEntry::default()
        };
        if version.is_none() {
            return old;
        }
        let has_rule = version == Some(AUDIT_VERSION);
        AuditEntry {
            version,
            receipt: receipt.filter(|_| version >= Some(3)),
            happened_ms: rule.0.filter(|_| has_rule),
            boot: rule.1.filter(|_| has_rule),
            n: rule.2.filter(|_| has_rule),
            actor_name,
            actor_kind,
            line_kind,
            args,
            target_name,
            target_kind,
            max_uses: number.2,
            ..old
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The hashed text contains every field and the version, so two different entries never have the same text.
    #[test]
    fn different_entries_have_different_texts(one in any_entry(), other in any_entry(), before in any_text()) {
        let (text, other_text) = (one.hashed_text(&before), other.hashed_text(&before));
        prop_assert!(text.is_some());
        prop_assert_eq!(one == other, text == other_text);
    }
}
