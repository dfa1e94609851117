//! Tests the keys and identities of devices, signed readings, and receipts.

use pinlatch_protocol::agent::{MAX_STATEMENT, no_reading};
use pinlatch_protocol::api::{DeviceKey, SignedReading};
use pinlatch_protocol::problem::Code;

use super::*;

const RECEIPT: &str = "h.receipt.s";

fn read(principal: Principal, line: &str) -> Call {
    Call::ReadLine {
        principal,
        id: "q1".into(),
        device: name("porch"),
        line: name(line),
        nonce: Some("0123456789abcdef".into()),
    }
}

fn answer(jwt: Option<&str>, code: Option<&str>) -> FromAgent {
    FromAgent::Reading { question: "q1".into(), jwt: jwt.map(Into::into), code: code.map(Into::into) }
}

fn key_of(test_site: &TestSite, principal: Principal) -> DeviceKey {
    match test_site.call(Call::DeviceKey { principal, device: name("porch") }).0 {
        Ok(Answer::Now(Reply::DeviceKey(key))) => key,
        other => panic!("{other:?}"),
    }
}

fn confirm(principal: Principal, thumbprint: &str) -> Call {
    Call::ConfirmDevice {
        principal,
        device: name("porch"),
        thumbprint: thumbprint.into(),
        identity: "i.d.s".into(),
    }
}

fn is_confirmed(test_site: &TestSite) -> bool {
    let viewed = test_site.call(Call::Device { principal: owner(), device: name("porch") }).0;
    match viewed {
        Ok(Answer::Now(Reply::Device(view))) => view.confirmed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_identity_belongs_to_the_enrolled_key() {
    let test_site = TestSite::connected();
    let guest = || program("line:porch/door:pulse");
    assert_eq!(key_of(&test_site, guest()).identity, None);
    assert_eq!(test_site.refusal(confirm(guest(), "thumb")), "insufficient_scope");
    assert_eq!(
        test_site.refusal(confirm(program("site:devices"), "thumb")),
        "insufficient_scope",
        "without the scopes of the device"
    );
    assert_eq!(test_site.refusal(confirm(owner(), "other")), "identity_refused");
    assert!(!is_confirmed(&test_site));
    let (_, effects) = test_site.call(confirm(owner(), "thumb"));
    assert!(matches!(&effects[..], [Effect::Publish(Event { change: Change::Device { device }, .. })]
        if device.confirmed && device.key.as_deref() == Some("thumb")));
    let key = key_of(&test_site, guest());
    assert_eq!((key.thumbprint.as_str(), key.identity.as_deref()), ("thumb", Some("i.d.s")));
    assert_eq!(test_site.last_logged(), "ann device_confirmation porch done");
    // The same key keeps its identity, and another key has none.
    test_site.enrol("porch", "cert-2");
    assert!(is_confirmed(&test_site));
    test_site.store.run("UPDATE devices SET thumbprint = 'old'", &[]).unwrap();
    test_site.enrol("porch", "cert-3");
    assert!(!is_confirmed(&test_site));
    assert_eq!(key_of(&test_site, owner()).identity, None);
}

#[test]
fn a_key_of_an_earlier_release_is_learned_from_the_certificate() {
    let test_site = TestSite::new();
    test_site.store.run("UPDATE devices SET jwk = NULL", &[]).unwrap();
    assert_eq!(key_of(&test_site, owner()).jwk, None);
    test_site.connect("porch", "s1", "cert-1").0.unwrap();
    assert_eq!(key_of(&test_site, owner()).jwk, Some(json!({ "kty": "OKP" })));
    let stranger = program("line:shed/door:pulse");
    let call = Call::DeviceKey { principal: stranger, device: name("porch") };
    assert_eq!(test_site.refusal(call), "unknown_device");
}

#[test]
fn a_question_is_no_command() {
    let test_site = TestSite::connected();
    let entries = test_site.log().len();
    let (asked, effects) = test_site.call(read(program("line:porch/bell:read"), "bell"));
    assert_eq!(asked, Ok(Answer::Asked { device: name("porch"), id: "q1".into() }));
    let question = Question {
        id: "q1".into(),
        device: name("porch"),
        wanted: Wanted::Reading { line: name("bell"), nonce: Some("0123456789abcdef".into()) },
    };
    assert_eq!(effects, [Effect::Ask { session: "s1".into(), question }]);
    let reading = |result: Result<SignedReading, Problem>| Effect::Answered {
        device: name("porch"),
        id: "q1".into(),
        result: result.map(Reply::Reading),
    };
    for (message, result) in [
        (answer(Some("a.b.c"), None), Ok(SignedReading { reading: "a.b.c".into() })),
        (answer(None, Some(no_reading::LEVEL_UNKNOWN)), Err(Code::LevelUnknown)),
        (answer(None, Some(no_reading::UNKNOWN_LINE)), Err(Code::UnknownLine)),
    ] {
        let effects = test_site.handle_agent_message("porch", "s1", message);
        assert_eq!(effects, [reading(result.map_err(Problem::from))]);
    }
    let busy = test_site.handle_agent_message("porch", "s1", answer(None, Some(no_reading::BUSY)));
    assert!(
        matches!(&busy[..], [Effect::Answered { result: Err(problem), .. }] if problem.is(Code::Throttled))
    );
    assert_eq!(test_site.log().len(), entries, "neither the question nor the answer is in the audit log");
    let rows = test_site.store.run("SELECT count(*) FROM commands", &[]).unwrap();
    assert_eq!(rows[0].int(0), Ok(0));
    // Nothing else is passed on.
    let long = "x".repeat(MAX_STATEMENT + 1);
    for (jwt, code) in [(None, None), (Some("a.b"), None), (Some(long.as_str()), None), (None, Some("other"))]
    {
        assert_eq!(test_site.handle_agent_message("porch", "s1", answer(jwt, code)), []);
    }
    assert_eq!(test_site.last_logged(), "device:porch odd_message porch no_reading");
    // An old connection answers nothing.
    assert_eq!(test_site.handle_agent_message("porch", "s0", answer(Some("a.b.c"), None)), []);
}

#[test]
fn only_readable_lines_of_connected_devices_are_asked() {
    let test_site = TestSite::connected();
    for (scope, line, code) in [
        ("line:porch/door:pulse", "bell", "insufficient_scope"),
        ("line:shed/door:pulse", "bell", "unknown_device"),
        ("line:porch/*:read", "nothing", "unknown_line"),
    ] {
        assert_eq!(test_site.refusal(read(program(scope), line)), code, "{scope} {line}");
    }
    let guest = || Principal { jti: "g".into(), ..program("line:porch/bell:read") };
    let refused = (0..700).map(|_| test_site.call(read(guest(), "bell")).0).find_map(Result::err).unwrap();
    assert_eq!((refused.code.as_str(), refused.retry_after), ("throttled", Some(1)));
    test_site.pass(1_000);
    assert!(test_site.call(read(guest(), "bell")).0.is_ok());
    test_site.close("porch", "s1");
    assert_eq!(test_site.refusal(read(owner(), "bell")), "device_offline");
}

#[test]
fn a_signed_change_reaches_those_who_may_read_the_line() {
    let test_site = TestSite::connected();
    let event = |jwt: &str| FromAgent::Event {
        line: name("bell"),
        level: Some(Level::On(true)),
        at_ms: 1,
        ends_in_ms: None,
        blinking: false,
        reading: Some(jwt.into()),
    };
    let effects = test_site.handle_agent_message("porch", "s1", event("a.b.c"));
    let [Effect::Publish(_), Effect::SignedChange(reading)] = &effects[..] else { panic!("{effects:?}") };
    let see = |scope: &str| test_site.with(|site| site.reading_for(&program(scope), reading)).0;
    let (at_ms, device, line, jwt) = (START_MS, name("porch"), name("bell"), "a.b.c".to_owned());
    assert_eq!(see("line:porch/bell:read"), Some(ToPanel::Reading { at_ms, device, line, jwt }));
    assert_eq!(see("line:porch/door:read"), None);
    // The level counts, although the reading has no valid form.
    test_site.handle_agent_message("porch", "s1", event("no token"));
    assert_eq!(test_site.last_logged(), "device:porch odd_message porch no_reading");
    let signed = (0..100).filter(|_| {
        let effects = test_site.handle_agent_message("porch", "s1", event("a.b.c"));
        effects.iter().any(|effect| matches!(effect, Effect::SignedChange(_)))
    });
    assert_eq!(signed.count(), 29, "the panels get a limited number of readings");
}

/// Sends a command to the door, and returns its `jti`.
fn sent(test_site: &TestSite, id: &str) -> String {
    test_site.order(pulse(id)).1.jti
}

fn with_receipt(jti: &str, receipt: &str) -> FromAgent {
    let receipt = Some(receipt.into());
    FromAgent::Result(Outcome { receipt, ..outcome(jti, CommandStatus::Executed, None, None) })
}

#[test]
fn a_receipt_is_stored_with_the_command_and_its_entry() {
    let test_site = TestSite::connected();
    let jti = sent(&test_site, "one");
    let effects = test_site.handle_agent_message("porch", "s1", with_receipt(&jti, RECEIPT));
    let answered = effects.iter().find_map(|effect| match effect {
        Effect::Answer { result: Ok(result), .. } => result.receipt.clone(),
        _ => None,
    });
    assert_eq!(answered.as_deref(), Some(RECEIPT));
    assert_eq!(test_site.status("one").receipt.as_deref(), Some(RECEIPT));
    let entry = test_site.newest_entry();
    assert_eq!((entry.act.as_str(), entry.receipt.as_deref()), ("command", Some(RECEIPT)));
    let entries = test_site.log().len();
    test_site.handle_agent_message("porch", "s1", with_receipt(&jti, "h.another.s"));
    assert_eq!(test_site.status("one").receipt.as_deref(), Some(RECEIPT), "the first receipt stays");
    assert_eq!(test_site.log().len(), entries);
    // A wrong receipt does not make the outcome wrong.
    let jti = sent(&test_site, "two");
    test_site.handle_agent_message("porch", "s1", with_receipt(&jti, "no token"));
    assert_eq!(test_site.status("two").status, CommandStatus::Executed);
    assert_eq!(test_site.status("two").receipt, None);
}

#[test]
fn a_receipt_that_comes_after_the_outcome_has_an_entry_of_its_own() {
    let test_site = TestSite::connected();
    let jti = sent(&test_site, "one");
    test_site.close("porch", "s1");
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    let report = outcome(&jti, CommandStatus::Executed, None, None);
    test_site.hello("porch", "s2", &porch_lines(), &[report]);
    assert_eq!(
        (test_site.status("one").status, test_site.status("one").receipt),
        (CommandStatus::Executed, None)
    );
    test_site.handle_agent_message("porch", "s2", with_receipt(&jti, RECEIPT));
    assert_eq!(test_site.status("one").receipt.as_deref(), Some(RECEIPT));
    let entry = test_site.newest_entry();
    assert_eq!(test_site.last_logged(), "device:porch receipt porch/door:pulse executed");
    assert_eq!(entry.receipt.as_deref(), Some(RECEIPT));
    let entries = test_site.log().len();
    test_site.handle_agent_message("porch", "s2", with_receipt(&jti, RECEIPT));
    assert_eq!(test_site.log().len(), entries, "a repetition changes nothing");
}
