//! Tests how the site accepts commands and returns the results of commands.

use pinlatch_protocol::problem::Code;

use super::*;

fn command(principal: Principal, request: CommandRequest) -> Call {
    Call::Command { principal, request }
}

#[test]
fn a_command_goes_to_the_device_and_its_report_is_the_answer() {
    let test_site = TestSite::connected();
    let (answer, effects) = test_site.call(command(owner(), pulse("one")));
    let Ok(Answer::Pending { ticket }) = answer else { panic!("{answer:?}") };
    let Effect::Command { device, session, order } = &effects[0] else { panic!("{effects:?}") };
    assert_eq!((device.as_str(), session.as_str()), ("porch", "s1"));
    assert_eq!(order.jti, format!("c{ticket}"));
    assert_eq!((order.sub.as_str(), order.line.as_str(), order.action.as_str()), ("ann", "door", "pulse"));
    assert_eq!(order.deadline_ms, START_MS + 5_000);
    assert_eq!(json!(order.args), json!({"ms": 500}));
    assert_eq!(test_site.status("one").status, CommandStatus::Delivered);

    let effects = test_site.report(&order.jti, CommandStatus::Executed, None, Some(Level::On(true)));
    let answers = answers(&effects);
    let (answered, Ok(result)) = &answers[0] else { panic!("{answers:?}") };
    assert_eq!((*answered, result.id.as_str(), result.status), (ticket, "one", CommandStatus::Executed));
    assert_eq!(result.level, Some(Level::On(true)));
    assert!(
        matches!(&changes(&effects)[..], [Change::Line { line, .. }] if line.reported == Some(Level::On(true)))
    );
    assert_eq!(test_site.last_logged(), "ann command porch/door:pulse executed");
    assert!(test_site.report(&order.jti, CommandStatus::Refused, None, None).is_empty(), "a repetition");
}

#[test]
fn a_refusal_and_a_missed_deadline_are_problems() {
    let test_site = TestSite::connected();
    for (id, status, code, problem, http) in [
        ("a", CommandStatus::Refused, Some("refused_max_on"), "refused_max_on", 409),
        ("b", CommandStatus::Refused, Some("<b>"), "refused", 409),
        ("c", CommandStatus::Expired, None, "deadline_passed", 504),
    ] {
        let (ticket, order) = test_site.order(pulse(id));
        let effects = test_site.report(&order.jti, status, code, None);
        let Effect::Answer { ticket: answered, result: Err(answer) } = &effects[0] else {
            panic!("{effects:?}")
        };
        assert_eq!((*answered, answer.code.as_str(), answer.status), (ticket, problem, http));
        assert_eq!(answer.id.as_deref(), Some(id));
        assert_eq!(test_site.status(id).code.as_deref(), Some(problem));
    }
    assert_eq!(test_site.log().len(), 3 + 3);
}

#[test]
fn the_same_id_is_the_same_command() {
    let test_site = TestSite::connected();
    let (ticket, order) = test_site.order(pulse("one"));
    let (again, effects) = test_site.call(command(owner(), pulse("one")));
    assert_eq!(
        (again, effects),
        (Ok(Answer::Pending { ticket }), vec![]),
        "the command is in flight: the same ticket, and no second order"
    );
    test_site.report(&order.jti, CommandStatus::Executed, None, None);
    let (again, effects) = test_site.call(command(owner(), pulse("one")));
    assert!(matches!(again, Ok(Answer::Now(Reply::Command(r))) if r.status == CommandStatus::Executed));
    assert_eq!(effects, vec![]);

    let mut other_patience = pulse("one");
    other_patience.deadline_ms = Some(9_000);
    assert!(test_site.call(command(owner(), other_patience)).0.is_ok(), "the deadline is not compared");
    for other in [
        request("one", "door", "pulse", json!({"ms": 501})),
        lamp("one", true),
        request("one", "door", "set", json!({"ms": 500})),
    ] {
        let problem = test_site.call(command(owner(), other)).0.unwrap_err();
        assert_eq!((problem.code.as_str(), problem.id.as_deref()), ("id_conflict", Some("one")));
    }
    let (robots, _) = test_site.call(command(program("line:*/*:*"), pulse("one")));
    assert!(matches!(robots, Ok(Answer::Pending { .. })), "each caller has separate ids");
}

#[test]
fn an_id_is_free_again_after_a_day() {
    let test_site = TestSite::connected();
    let (first, order) = test_site.order(pulse("one"));
    test_site.report(&order.jti, CommandStatus::Executed, None, None);
    test_site.pass(KEEP_COMMANDS_MS - 1);
    test_site.alive("s1");
    assert!(matches!(test_site.call(command(owner(), pulse("one"))).0, Ok(Answer::Now(_))));
    test_site.pass(1);
    assert_eq!(
        test_site.refusal(Call::CommandStatus { principal: owner(), id: "one".into() }),
        "unknown_command"
    );
    let (second, order) = test_site.order(pulse("one"));
    assert!(second > first);
    assert_eq!(order.jti, format!("c{second}"));
}

#[test]
fn what_is_no_command_uses_up_no_id() {
    let test_site = TestSite::connected();
    let args = json!({"ms": 500});
    let mut hasty = pulse("one");
    hasty.deadline_ms = Some(99);
    let mut patient = pulse("one");
    patient.deadline_ms = Some(60_001);
    let mut elsewhere = pulse("one");
    elsewhere.device = name("shed");
    for (request, code) in [
        (request("one", "door", "set", args.clone()), Code::ActionUnsupported),
        (request("one", "door", "read", args.clone()), Code::ActionUnsupported),
        (request("one", "bell", "pulse", args.clone()), Code::ActionUnsupported),
        (request("one", "door", "pulse", json!({"ms": "500"})), Code::InvalidArguments),
        (request("one", "gate", "pulse", args.clone()), Code::UnknownLine),
        (elsewhere, Code::UnknownDevice),
        (hasty, Code::InvalidArguments),
        (patient, Code::InvalidArguments),
        (pulse(""), Code::InvalidRequest),
        (pulse("a b"), Code::InvalidRequest),
        (pulse(&"x".repeat(65)), Code::InvalidRequest),
    ] {
        let (answer, effects) = test_site.call(command(owner(), request.clone()));
        let problem = answer.unwrap_err();
        assert!(problem.is(code), "{request:?}: {problem}");
        assert!(effects.is_empty());
    }
    test_site.close("porch", "s1");
    let (answer, _) = test_site.call(command(owner(), pulse("one")));
    assert!(answer.unwrap_err().is(Code::DeviceOffline));
    assert_eq!(test_site.last_logged(), "ann command porch/door:pulse device_offline");
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    test_site.hello("porch", "s2", &porch_lines(), &[]);
    test_site.order(pulse("one"));
}

#[test]
fn silence_is_unknown_a_second_after_the_deadline() {
    let test_site = TestSite::connected();
    let (ticket, _) = test_site.order(pulse("one"));
    let wake = test_site.with(|site| site.next_wake(false, None)).0.unwrap();
    assert_eq!(wake, Some(START_MS + 5_000 + GRACE_MS));
    test_site.pass(5_999);
    assert!(test_site.tick().is_empty());
    test_site.pass(1);
    assert_eq!(answers(&test_site.tick()), vec![(ticket, Err("outcome_unknown".into()))]);
    assert!(test_site.tick().is_empty(), "once");
    assert_eq!(test_site.last_logged(), "ann command porch/door:pulse unknown");
    let problem = test_site.call(command(owner(), pulse("one"))).0.unwrap_err();
    assert_eq!((problem.code.as_str(), problem.status), ("outcome_unknown", 504));
}

#[test]
fn a_panel_gets_results_and_problems_on_its_socket() {
    let test_site = TestSite::connected();
    let order = the_order(&test_site.panel("p1", &owner(), pulse("one")));
    assert!(test_site.panel("p1", &owner(), pulse("one")).is_empty(), "sent twice, answered once");
    assert!(
        test_site.panel("p2", &owner(), pulse("one")).is_empty(),
        "a new socket of the same caller waits too"
    );
    let effects = test_site.report(&order.jti, CommandStatus::Refused, Some("refused_interlock"), None);
    let frames_sent = frames(&effects);
    assert_eq!(frames_sent.iter().map(|(panel, _)| panel.as_str()).collect::<Vec<_>>(), ["p1", "p2"]);
    for (_, frame) in &frames_sent {
        let ToPanel::Result { result } = frame else { panic!("{frame:?}") };
        assert_eq!(
            (result.status, result.code.as_deref()),
            (CommandStatus::Refused, Some("refused_interlock"))
        );
    }
    let again = frames(&test_site.panel("p1", &owner(), pulse("one")));
    assert!(matches!(&again[..], [(_, ToPanel::Result { .. })]), "{again:?}");
    let conflict = frames(&test_site.panel("p1", &owner(), lamp("one", true)));
    let [(_, ToPanel::Problem { id: Some(id), problem })] = &conflict[..] else { panic!("{conflict:?}") };
    assert_eq!((id.as_str(), problem.code.as_str()), ("one", "id_conflict"));
}

#[test]
fn the_number_of_sockets_that_wait_is_bounded() {
    let test_site = TestSite::connected();
    test_site.order(pulse("one"));
    for n in 0..8 {
        assert!(test_site.panel(&format!("p{n}"), &owner(), pulse("one")).is_empty());
    }
    let ninth = frames(&test_site.panel("p8", &owner(), pulse("one")));
    assert!(matches!(&ninth[..], [(_, ToPanel::Problem { problem, .. })] if problem.is(Code::Throttled)));
}

#[test]
fn a_command_writes_four_rows() {
    let test_site = TestSite::connected();
    let before = test_site.store.0.rows_written();
    let (_, order) = test_site.order(lamp("one", true));
    test_site.report(&order.jti, CommandStatus::Executed, None, Some(Level::On(true)));
    assert_eq!(test_site.store.0.rows_written() - before, 4);
    assert_eq!(test_site.line("lamp").desired, Some(Level::On(true)));
}
