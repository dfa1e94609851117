//! Tests late reports, reports from an earlier connection, invalid reports, and desired levels.

use super::*;

const ON: Option<Level> = Some(Level::On(true));
const OFF: Option<Level> = Some(Level::On(false));

#[test]
fn a_late_report_amends_the_record_and_answers_nobody() {
    let test_site = TestSite::connected();
    let order = the_order(&test_site.panel("p1", &owner(), lamp("one", true)));
    test_site.pass(6_000);
    test_site.tick();
    let effects = test_site.report(&order.jti, CommandStatus::Executed, None, ON);
    assert!(answers(&effects).is_empty() && frames(&effects).is_empty());
    assert!(
        matches!(&changes(&effects)[..], [Change::Presence { answering: true, .. }, Change::Line { line, .. }] if line.reported == ON && line.desired == ON)
    );
    assert_eq!(test_site.status("one").status, CommandStatus::Executed);
    assert_eq!(test_site.last_logged(), "ann command porch/lamp:set amended_executed");
    assert!(test_site.report(&order.jti, CommandStatus::Refused, None, None).is_empty(), "amended once");
}

#[test]
fn a_report_between_deadline_and_timer_is_the_answer() {
    let test_site = TestSite::connected();
    let (ticket, order) = test_site.order(pulse("one"));
    test_site.pass(7_000);
    let effects = test_site.report(&order.jti, CommandStatus::Executed, None, None);
    assert_eq!(answers(&effects)[0].0, ticket);
    assert!(test_site.tick().is_empty());
}

#[test]
fn the_next_hello_tells_what_became_of_a_command() {
    let test_site = TestSite::connected();
    let (ticket, order) = test_site.order(lamp("one", true));
    assert!(answers(&test_site.close("porch", "s1")).is_empty(), "the outcome may still be reported");
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    let mut lines = porch_lines();
    lines[1].level = ON;
    let effects =
        test_site.hello("porch", "s2", &lines, &[outcome(&order.jti, CommandStatus::Executed, None, OFF)]);
    assert!(matches!(&answers(&effects)[..], [(own, Ok(_))] if *own == ticket));
    assert!(orders(&effects).is_empty(), "the line has its desired level");
    let view = test_site.line("lamp");
    assert_eq!((view.reported, view.desired), (ON, ON), "the hello's level is newer than the report's");
}

#[test]
fn what_the_next_hello_amends_is_desired_unless_something_came_after() {
    for after in [false, true] {
        let test_site = TestSite::connected();
        let (_, on) = test_site.order(lamp("on", true));
        test_site.pass(6_000);
        test_site.tick();
        if after {
            let (_, off) = test_site.order(lamp("off", false));
            test_site.report(&off.jti, CommandStatus::Executed, None, OFF);
        }
        test_site.connect("porch", "s2", "cert-1").0.unwrap();
        let reported = outcome(&on.jti, CommandStatus::Executed, None, ON);
        let effects = test_site.hello("porch", "s2", &porch_lines(), &[reported]);
        assert_eq!(test_site.status("on").status, CommandStatus::Executed);
        assert_eq!(test_site.line("lamp").desired, if after { OFF } else { ON });
        assert_eq!(orders(&effects).len(), if after { 0 } else { 1 }, "the lamp is off");
    }
}

#[test]
fn only_set_and_toggle_of_a_retained_line_are_desired() {
    let test_site = TestSite::connected();
    let (_, order) = test_site.order(request("a", "lamp", "toggle", json!({})));
    test_site.report(&order.jti, CommandStatus::Executed, None, ON);
    assert_eq!(test_site.line("lamp").desired, ON);
    let (_, order) = test_site.order(request("b", "lamp", "blink", json!({"period_ms": 100, "count": 2})));
    test_site.report(&order.jti, CommandStatus::Executed, None, OFF);
    assert_eq!((test_site.line("lamp").desired, test_site.line("lamp").reported), (ON, OFF));
    let (_, order) = test_site.order(lamp("c", false));
    test_site.report(&order.jti, CommandStatus::Refused, Some("refused_interlock"), OFF);
    assert_eq!(test_site.line("lamp").desired, ON, "a refused command does not change the desired level");
    let (_, order) = test_site.order(pulse("d"));
    test_site.report(&order.jti, CommandStatus::Executed, None, ON);
    assert_eq!(test_site.line("door").desired, None);
}

#[test]
fn a_line_that_is_not_as_desired_is_put_right_once_per_connection() {
    let test_site = TestSite::connected();
    let (_, order) = test_site.order(lamp("one", true));
    test_site.report(&order.jti, CommandStatus::Executed, None, ON);
    test_site.close("porch", "s1");
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    let effects = test_site.hello("porch", "s2", &porch_lines(), &[]);
    let order = the_order(&effects);
    assert_eq!((order.sub.as_str(), order.action.as_str()), ("site:reconcile", "set"));
    assert_eq!(json!(order.args), json!({"value": true}));
    assert!(orders(&test_site.hello("porch", "s2", &porch_lines(), &[])).is_empty(), "a hello again");
    let effects = test_site.handle_agent_message(
        "porch",
        "s2",
        FromAgent::Result(outcome(&order.jti, CommandStatus::Executed, None, ON)),
    );
    assert!(answers(&effects).is_empty() && frames(&effects).is_empty(), "no caller waits");
    assert_eq!(test_site.line("lamp").reported, ON);
    assert_eq!(test_site.last_logged(), "site:reconcile command porch/lamp:set executed");
}

#[test]
fn an_odd_report_changes_nothing_and_is_noted_once() {
    let test_site = TestSite::connected();
    test_site.enrol("shed", "cert-2");
    test_site.connect("shed", "t1", "cert-2").0.unwrap();
    test_site.hello("shed", "t1", &porch_lines(), &[]);
    let (_, order) = test_site.order(pulse("one"));
    let known = test_site.log().len();
    for _ in 0..3 {
        for jti in ["", "c", "c0", "c-1", "c99", "x1", "c99999999999999999999999"] {
            assert!(test_site.report(jti, CommandStatus::Executed, None, None).is_empty());
        }
        let report = |status| FromAgent::Result(outcome(&order.jti, status, None, None));
        assert!(
            test_site.handle_agent_message("shed", "t1", report(CommandStatus::Executed)).is_empty(),
            "another device's command"
        );
        assert!(
            test_site.handle_agent_message("porch", "s0", report(CommandStatus::Executed)).is_empty(),
            "another connection"
        );
        assert!(
            test_site.handle_agent_message("porch", "s1", report(CommandStatus::Unknown)).is_empty(),
            "no outcome"
        );
    }
    assert_eq!(test_site.log().len() - known, 3);
    assert_eq!(test_site.status("one").status, CommandStatus::Delivered);
    let effects = test_site.report(&order.jti, CommandStatus::Executed, None, Some(Level::Number(0.5)));
    assert_eq!(answers(&effects).len(), 1, "a level of another kind does not lose the report");
    assert_eq!(test_site.line("door").reported, OFF);
}
