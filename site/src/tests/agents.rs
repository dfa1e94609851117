//! Tests the connections, `hello` messages and events of devices.

use pinlatch_protocol::SILENCE_LIMIT_MS;
use pinlatch_protocol::agent::MAX_LINES;

use super::*;

#[test]
fn a_device_is_there_after_its_hello() {
    let test_site = TestSite::new();
    let (outcome, effects) = test_site.connect("porch", "s1", "cert-1");
    outcome.unwrap();
    assert!(effects.is_empty());
    assert!(!test_site.online("porch"));
    let call = Call::Command { principal: owner(), request: pulse("one") };
    assert_eq!(test_site.refusal(call), "unknown_line");
    let effects = test_site.hello("porch", "s1", &porch_lines(), &[]);
    let [Change::Device { device }] = &changes(&effects)[..] else { panic!("{effects:?}") };
    assert!(device.online);
    assert_eq!(device.version.as_deref(), Some("0.1.0"));
    assert_eq!(device.booted_ms, Some(START_MS - 3_600_000));
    assert_eq!(device.clock_ahead_ms, MACHINE.clock_ahead_ms);
    assert_eq!(device.certificate_exp, Some(credential("cert-1").expires_at));
    let names: Vec<&str> = device.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["door", "lamp", "bell", "dim"], "in the device's order");
    assert!(test_site.online("porch"));
}

#[test]
fn an_agents_warnings_are_shown_until_its_next_hello() {
    let test_site = TestSite::connected();
    let hello = |warnings: &[&str]| {
        let warnings = warnings.iter().map(ToString::to_string).collect();
        let (version, outcomes) = ("0.1.0".into(), Vec::new());
        let hello = FromAgent::Hello {
            version,
            lines: porch_lines(),
            outcomes,
            machine: MACHINE,
            warnings,
            rules: 0,
        };
        let effects = test_site.handle_agent_message("porch", "s1", hello);
        let [Change::Device { device }] = &changes(&effects)[..] else { panic!("{effects:?}") };
        device.warnings.clone()
    };
    assert_eq!(hello(&["state_not_stored", "newer"]), ["state_not_stored", "newer"]);
    let odd = ["", "two words", "<b>", &"x".repeat(41), "good"];
    assert_eq!(hello(&odd), ["good"], "only codes are stored");
    assert_eq!(hello(&["many"; 20]).len(), 8);
    assert_eq!(hello(&[]), Vec::<String>::new());
}

#[test]
fn a_connection_needs_the_devices_current_certificate_and_a_fresh_nonce() {
    let test_site = TestSite::new();
    let refused = |device: &str, session: &str, cert: &str| {
        test_site.connect(device, session, cert).0.unwrap_err().code
    };
    assert_eq!(refused("shed", "s1", "cert-1"), "invalid_token");
    assert_eq!(refused("porch", "s1", "cert-0"), "invalid_token");
    assert_eq!(refused("porch", "", "cert-1"), "invalid_request");
    assert_eq!(refused("porch", "a b", "cert-1"), "invalid_request");
    test_site.connect("porch", "s1", "cert-1").0.unwrap();
    assert_eq!(refused("porch", "s1", "cert-1"), "invalid_token", "a replayed proof");
    test_site.close("porch", "s1");
    assert_eq!(refused("porch", "s1", "cert-1"), "invalid_token", "a replayed proof");
    test_site.pass(366 * 86_400_000);
    assert_eq!(refused("porch", "s2", "cert-1"), "invalid_token", "expired");
}

#[test]
fn a_newer_connection_replaces_the_older() {
    let test_site = TestSite::connected();
    let (ticket, order) = test_site.order(pulse("one"));
    let (outcome, effects) = test_site.connect("porch", "s2", "cert-1");
    outcome.unwrap();
    assert_eq!(closed(&effects), vec![("s1".into(), 4409, "replaced")]);
    assert!(matches!(&changes(&effects)[..], [Change::Presence { online: false, .. }]));
    assert!(
        test_site.close("porch", "s1").is_empty(),
        "closing the old connection does not affect the new one"
    );
    assert!(
        test_site.report(&order.jti, CommandStatus::Executed, None, None).is_empty(),
        "frames of the old connection are ignored"
    );
    test_site.hello("porch", "s2", &porch_lines(), &[]);
    assert!(test_site.online("porch"));
    test_site.pass(6_000);
    test_site.alive("s2");
    assert_eq!(answers(&test_site.tick()), vec![(ticket, Err("outcome_unknown".into()))]);
}

#[test]
fn presence_takes_a_recent_sign_of_life() {
    let test_site = TestSite::connected();
    test_site.pass(SILENCE_LIMIT_MS);
    assert!(test_site.tick().is_empty());
    assert!(test_site.online("porch"));
    test_site.pass(1);
    assert!(!test_site.online("porch"), "before any timer");
    assert_eq!(
        test_site.refusal(Call::Command { principal: owner(), request: pulse("one") }),
        "device_offline"
    );
    let effects = test_site.tick();
    assert_eq!(closed(&effects), vec![("s1".into(), 4408, "silent")]);
    let [Change::Presence { online: false, last_seen_ms, .. }] = changes(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(last_seen_ms, Some(START_MS));
    assert!(test_site.tick().is_empty(), "published once");
}

#[test]
fn after_a_restart_nobody_is_there_until_they_reconnect() {
    let test_site = TestSite::connected();
    test_site.links.agents.borrow_mut().clear();
    assert!(!test_site.online("porch"));
    let effects = test_site.tick();
    assert!(matches!(&changes(&effects)[..], [Change::Presence { online: false, .. }]));
    assert!(closed(&effects).is_empty(), "there is no socket");
    assert!(test_site.tick().is_empty());
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    test_site.hello("porch", "s2", &porch_lines(), &[]);
    assert!(test_site.online("porch"));
}

#[test]
fn a_bad_hello_closes_the_connection() {
    let many = (0..=MAX_LINES).map(|n| info(&format!("n{n}"), LineKind::Switch, None, false)).collect();
    let twice = vec![info("a", LineKind::Switch, None, false), info("a", LineKind::Dimmer, None, false)];
    let wrong = vec![info("a", LineKind::Switch, Some(Level::Number(1.0)), false)];
    let nan = vec![info("a", LineKind::Sensor, Some(Level::Number(f64::NAN)), false)];
    for (lines, reason) in [
        (many, "hello_too_many_lines"),
        (twice, "hello_duplicate_line"),
        (wrong, "hello_level_of_another_kind"),
        (nan, "hello_level_of_another_kind"),
    ] {
        let test_site = TestSite::connected();
        let effects = test_site.hello("porch", "s1", &lines, &[]);
        assert_eq!(closed(&effects), vec![("s1".into(), 4400, reason)]);
        assert!(!test_site.online("porch"));
        assert_eq!(test_site.last_logged(), format!("device:porch odd_message porch {reason}"));
        assert_eq!(test_site.line("lamp").kind, LineKind::Switch, "the previous lines stay");
    }
}

#[test]
fn lines_come_and_go_with_each_hello() {
    let test_site = TestSite::connected();
    let (_, order) = test_site.order(lamp("one", true));
    test_site.report(&order.jti, CommandStatus::Executed, None, Some(Level::On(true)));
    let lamp_line = info("lamp", LineKind::Switch, Some(Level::On(true)), true);
    let rose = info("rose", LineKind::Rgb, None, true);
    test_site.hello("porch", "s1", &[rose.clone(), lamp_line.clone()], &[]);
    assert_eq!(
        test_site.line("lamp").desired,
        Some(Level::On(true)),
        "the desired level stays with the line"
    );
    assert_eq!(test_site.line("rose").kind, LineKind::Rgb);
    let gone = Call::Line { principal: owner(), device: name("porch"), line: name("door") };
    assert_eq!(test_site.refusal(gone), "unknown_line");

    let other_kind = info("lamp", LineKind::Dimmer, None, true);
    test_site.hello("porch", "s1", &[rose.clone(), other_kind], &[]);
    assert_eq!(test_site.line("lamp").desired, None, "the desired level is lost when the kind changes");

    test_site.hello("porch", "s1", &[rose, lamp_line], &[]);
    let not_retained = info("lamp", LineKind::Switch, Some(Level::On(true)), false);
    test_site.hello("porch", "s1", &[not_retained], &[]);
    assert_eq!(test_site.line("lamp").desired, None);
}

#[test]
fn a_hello_with_nothing_new_writes_one_row() {
    let test_site = TestSite::connected();
    let before = test_site.store.0.rows_written();
    test_site.hello("porch", "s1", &porch_lines(), &[]);
    assert_eq!(test_site.store.0.rows_written() - before, 1);
}

#[test]
fn an_event_is_published_if_it_is_news() {
    let test_site = TestSite::connected();
    test_site.pass(1_000);
    let event = |level, at_ms| {
        test_site.handle_agent_message(
            "porch",
            "s1",
            FromAgent::Event {
                line: name("bell"),
                level: Some(Level::On(level)),
                at_ms,
                ends_in_ms: None,
                blinking: false,
                reading: None,
            },
        )
    };
    let effects = event(true, START_MS + 900);
    let [Change::Line { line, .. }] = &changes(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((line.reported, line.changed_ms), (Some(Level::On(true)), Some(START_MS + 900)));
    assert!(event(true, START_MS + 950).is_empty());
    assert_eq!(test_site.line("bell").changed_ms, Some(START_MS + 900));
    event(false, u64::MAX);
    assert_eq!(test_site.line("bell").changed_ms, Some(START_MS + 1_000), "nothing changes in the future");
}

#[test]
fn odd_events_are_ignored_and_noted_once() {
    let test_site = TestSite::new();
    test_site.connect("porch", "s1", "cert-1").0.unwrap();
    let event = |line: &str, level| {
        test_site.handle_agent_message(
            "porch",
            "s1",
            FromAgent::Event {
                line: name(line),
                level: Some(level),
                at_ms: 0,
                ends_in_ms: None,
                blinking: false,
                reading: None,
            },
        )
    };
    event("bell", Level::On(true));
    assert_eq!(test_site.last_logged(), "device:porch odd_message porch message_before_hello");
    test_site.hello("porch", "s1", &porch_lines(), &[]);
    for n in 0..20 {
        assert!(event(&format!("none{n}"), Level::On(true)).is_empty());
        assert!(event("bell", Level::Number(f64::from(n))).is_empty());
    }
    let odd: Vec<String> = test_site.log().into_iter().filter(|line| line.contains("odd_message")).collect();
    assert_eq!(odd.len(), 3, "{odd:?}");
}

#[test]
fn a_level_that_the_device_no_longer_knows_is_no_fact() {
    let test_site = TestSite::connected();
    test_site.handle_agent_message(
        "porch",
        "s1",
        FromAgent::Event {
            line: name("bell"),
            level: Some(Level::On(true)),
            at_ms: 0,
            ends_in_ms: None,
            blinking: false,
            reading: None,
        },
    );
    let effects = test_site.handle_agent_message(
        "porch",
        "s1",
        FromAgent::Event {
            line: name("bell"),
            level: None,
            at_ms: 0,
            ends_in_ms: None,
            blinking: false,
            reading: None,
        },
    );
    let [Change::Line { line, .. }] = &changes(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((line.reported, test_site.line("bell").reported), (None, None));
}

#[test]
fn a_press_is_told_to_those_who_may_see_it_and_written_nowhere() {
    let test_site = TestSite::connected();
    let before = test_site.store.0.rows_written();
    let press = |line: &str, long| {
        test_site.handle_agent_message(
            "porch",
            "s1",
            FromAgent::Press { line: name(line), long, at_ms: u64::MAX },
        )
    };
    let effects = press("bell", true);
    let [Effect::Press(pressed)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((pressed.line.as_str(), pressed.long, pressed.at_ms), ("bell", true, START_MS));
    let see = |principal: &Principal| test_site.with(|site| site.press_for(principal, pressed)).0;
    assert!(matches!(see(&owner()), Some(ToPanel::Press { long: true, .. })));
    assert_eq!(see(&program("line:porch/lamp:read")), None);
    assert_eq!(see(&Principal { exp: 0, ..owner() }), None, "an invalid token sees nothing");
    assert_eq!(test_site.store.0.rows_written(), before);
    assert!(press("lamp", false).is_empty() && press("none", false).is_empty());
    assert_eq!(test_site.last_logged(), "device:porch odd_message porch press_on_unknown_line");
}

#[test]
fn units_are_kept_and_checked() {
    let test_site = TestSite::new();
    test_site.connect("porch", "s1", "cert-1").0.unwrap();
    let mut heat = info("heat", LineKind::Sensor, Some(Level::Number(21.4)), false);
    (heat.unit, heat.precision) = (Some("°C".into()), Some(1));
    test_site.hello("porch", "s1", std::slice::from_ref(&heat), &[]);
    assert_eq!(
        (test_site.line("heat").unit.as_deref(), test_site.line("heat").precision),
        (Some("°C"), Some(1))
    );
    for (number, (unit, stored)) in
        [("\u{200e}°C\u{202c}", Some("°C")), ("\u{2066}\u{2069}", None), ("°C", Some("°C"))]
            .into_iter()
            .enumerate()
    {
        let session = format!("u{number}");
        test_site.connect("porch", &session, "cert-1").0.unwrap();
        let marked = LineInfo { unit: Some(unit.into()), ..heat.clone() };
        let lamp = info("lamp", LineKind::Switch, Some(Level::On(true)), false);
        let effects = test_site.hello("porch", &session, &[marked, lamp], &[]);
        let closed = |effect: &Effect| matches!(effect, Effect::CloseAgent { .. });
        assert!(!effects.iter().any(closed), "{unit:?} disconnects the device: {effects:?}");
        assert_eq!(test_site.line("heat").unit.as_deref(), stored, "{unit:?}");
        assert_eq!(test_site.line("lamp").reported, Some(Level::On(true)), "{unit:?}");
    }
    for (number, (unit, precision)) in
        [("\u{1b}[2J", 1), ("seventeen letters", 1), ("", 1), ("V", 7)].into_iter().enumerate()
    {
        let session = format!("t{number}");
        test_site.connect("porch", &session, "cert-1").0.unwrap();
        let wrong = LineInfo { unit: Some(unit.into()), precision: Some(precision), ..heat.clone() };
        let effects = test_site.hello("porch", &session, &[wrong], &[]);
        let refused = |effect: &Effect| matches!(effect, Effect::CloseAgent { reason: "hello_unit", .. });
        assert!(effects.iter().any(refused), "{unit:?}: {effects:?}");
    }
}
