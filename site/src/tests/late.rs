//! Tests of late reports, reports of an earlier connection, invalid reports, and desired levels.

use super::*;

const ON: Option<Level> = Some(Level::On(true));
const OFF: Option<Level> = Some(Level::On(false));

#[test]
fn a_late_report_amends_the_record_and_answers_nobody() {
    let bench = TestSite::connected();
    let order = the_order(&bench.panel("p1", &owner(), lamp("one", true)));
    bench.pass(6_000);
    bench.tick();
    let effects = bench.report(&order.jti, CommandStatus::Executed, None, ON);
    assert!(answers(&effects).is_empty() && frames(&effects).is_empty());
    assert!(
        matches!(&changes(&effects)[..], [Change::Line { line, .. }] if line.reported == ON && line.desired == ON)
    );
    assert_eq!(bench.status("one").status, CommandStatus::Executed);
    assert_eq!(bench.last_logged(), "ann command porch/lamp:set amended_executed");
    assert!(bench.report(&order.jti, CommandStatus::Refused, None, None).is_empty(), "amended once");
}

#[test]
fn a_report_between_deadline_and_timer_is_the_answer() {
    let bench = TestSite::connected();
    let (ticket, order) = bench.order(pulse("one"));
    bench.pass(7_000);
    let effects = bench.report(&order.jti, CommandStatus::Executed, None, None);
    assert_eq!(answers(&effects)[0].0, ticket);
    assert!(bench.tick().is_empty());
}

#[test]
fn the_next_hello_tells_what_became_of_a_command() {
    let bench = TestSite::connected();
    let (ticket, order) = bench.order(lamp("one", true));
    assert!(answers(&bench.close("porch", "s1")).is_empty(), "the outcome may still be reported");
    bench.connect("porch", "s2", "cert-1").0.unwrap();
    let mut lines = porch_lines();
    lines[1].level = ON;
    let effects =
        bench.hello("porch", "s2", &lines, &[outcome(&order.jti, CommandStatus::Executed, None, OFF)]);
    assert!(matches!(&answers(&effects)[..], [(own, Ok(_))] if *own == ticket));
    assert!(orders(&effects).is_empty(), "the line has its desired level");
    let view = bench.line("lamp");
    assert_eq!((view.reported, view.desired), (ON, ON), "the hello's level is newer than the report's");
}

#[test]
fn what_the_next_hello_amends_is_desired_unless_something_came_after() {
    for after in [false, true] {
        let bench = TestSite::connected();
        let (_, on) = bench.order(lamp("on", true));
        bench.pass(6_000);
        bench.tick();
        if after {
            let (_, off) = bench.order(lamp("off", false));
            bench.report(&off.jti, CommandStatus::Executed, None, OFF);
        }
        bench.connect("porch", "s2", "cert-1").0.unwrap();
        let told = outcome(&on.jti, CommandStatus::Executed, None, ON);
        let effects = bench.hello("porch", "s2", &porch_lines(), &[told]);
        assert_eq!(bench.status("on").status, CommandStatus::Executed);
        assert_eq!(bench.line("lamp").desired, if after { OFF } else { ON });
        assert_eq!(orders(&effects).len(), if after { 0 } else { 1 }, "the lamp is off");
    }
}

#[test]
fn only_set_and_toggle_of_a_retained_line_are_desired() {
    let bench = TestSite::connected();
    let (_, order) = bench.order(request("a", "lamp", "toggle", json!({})));
    bench.report(&order.jti, CommandStatus::Executed, None, ON);
    assert_eq!(bench.line("lamp").desired, ON);
    let (_, order) = bench.order(request("b", "lamp", "blink", json!({"period_ms": 100, "count": 2})));
    bench.report(&order.jti, CommandStatus::Executed, None, OFF);
    assert_eq!((bench.line("lamp").desired, bench.line("lamp").reported), (ON, OFF));
    let (_, order) = bench.order(lamp("c", false));
    bench.report(&order.jti, CommandStatus::Refused, Some("refused_interlock"), OFF);
    assert_eq!(bench.line("lamp").desired, ON, "a refused command does not change the desired level");
    let (_, order) = bench.order(pulse("d"));
    bench.report(&order.jti, CommandStatus::Executed, None, ON);
    assert_eq!(bench.line("door").desired, None);
}

#[test]
fn a_line_that_is_not_as_desired_is_put_right_once_per_connection() {
    let bench = TestSite::connected();
    let (_, order) = bench.order(lamp("one", true));
    bench.report(&order.jti, CommandStatus::Executed, None, ON);
    bench.close("porch", "s1");
    bench.connect("porch", "s2", "cert-1").0.unwrap();
    let effects = bench.hello("porch", "s2", &porch_lines(), &[]);
    let order = the_order(&effects);
    assert_eq!((order.sub.as_str(), order.action.as_str()), ("site:reconcile", "set"));
    assert_eq!(json!(order.args), json!({"value": true}));
    assert!(orders(&bench.hello("porch", "s2", &porch_lines(), &[])).is_empty(), "a hello again");
    let effects =
        bench.hear("porch", "s2", FromAgent::Result(outcome(&order.jti, CommandStatus::Executed, None, ON)));
    assert!(answers(&effects).is_empty() && frames(&effects).is_empty(), "no caller waits");
    assert_eq!(bench.line("lamp").reported, ON);
    assert_eq!(bench.last_logged(), "site:reconcile command porch/lamp:set executed");
}

#[test]
fn an_odd_report_changes_nothing_and_is_noted_once() {
    let bench = TestSite::connected();
    bench.enrol("shed", "cert-2");
    bench.connect("shed", "t1", "cert-2").0.unwrap();
    bench.hello("shed", "t1", &porch_lines(), &[]);
    let (_, order) = bench.order(pulse("one"));
    let known = bench.log().len();
    for _ in 0..3 {
        for jti in ["", "c", "c0", "c-1", "c99", "x1", "c99999999999999999999999"] {
            assert!(bench.report(jti, CommandStatus::Executed, None, None).is_empty());
        }
        let report = |status| FromAgent::Result(outcome(&order.jti, status, None, None));
        assert!(
            bench.hear("shed", "t1", report(CommandStatus::Executed)).is_empty(),
            "another device's command"
        );
        assert!(bench.hear("porch", "s0", report(CommandStatus::Executed)).is_empty(), "another connection");
        assert!(bench.hear("porch", "s1", report(CommandStatus::Unknown)).is_empty(), "no outcome");
    }
    assert_eq!(bench.log().len() - known, 3);
    assert_eq!(bench.status("one").status, CommandStatus::Delivered);
    let effects = bench.report(&order.jti, CommandStatus::Executed, None, Some(Level::Number(0.5)));
    assert_eq!(answers(&effects).len(), 1, "a level of another kind does not lose the report");
    assert_eq!(bench.line("door").reported, OFF);
}
