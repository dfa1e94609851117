//! Tests the reports about rules, desired levels of rules, and the descriptions of rules.

use pinlatch_protocol::command::SenderKind;
use pinlatch_protocol::rule::{MAX_RULES, RuleInfo, RuleRun, Trigger};
use serde_json::Map;

use super::*;

const ON: Option<Level> = Some(Level::On(true));
const OFF: Option<Level> = Some(Level::On(false));

/// Returns the report that the rule `dusk` has switched the lamp on.
fn ran(boot: &str, n: u64) -> RuleRun {
    RuleRun {
        boot: boot.into(),
        n,
        rule: name("dusk"),
        line: name("lamp"),
        action: "set".into(),
        args: json!({ "value": true }).as_object().unwrap().clone(),
        code: None,
        level: None,
        ends_in_ms: None,
        blinking: false,
        desired: ON,
        at_ms: Some(START_MS - 60_000),
    }
}

fn report(test_site: &TestSite, run: RuleRun) -> Vec<Effect> {
    test_site.handle_agent_message("porch", "s1", FromAgent::RuleRun(run))
}

fn log(test_site: &TestSite) -> Vec<AuditEntry> {
    let filter = Default::default();
    match test_site.call(Call::Audit { principal: owner(), filter, limit: 500 }).0 {
        Ok(Answer::Now(Reply::Audit(page))) => page.entries.into_iter().rev().collect(),
        other => panic!("{other:?}"),
    }
}

/// Returns the recorded reports as (boot, n), and the numbers of missing reports.
fn recorded(test_site: &TestSite) -> Vec<String> {
    let entry = |entry: AuditEntry| match entry.act.as_str() {
        "rule" => Some(format!("{}{}", entry.boot.unwrap(), entry.n.unwrap())),
        "rules_dropped" => Some(format!("{} missing", entry.outcome)),
        _ => None,
    };
    log(test_site).into_iter().filter_map(entry).collect()
}

fn rules_of(test_site: &TestSite, principal: Principal) -> Result<Vec<RuleInfo>, String> {
    match test_site.call(Call::DeviceRules { principal, device: name("porch") }).0 {
        Ok(Answer::Now(Reply::DeviceRules(rules))) => Ok(rules.rules),
        Ok(other) => panic!("{other:?}"),
        Err(problem) => Err(problem.code),
    }
}

fn described(numbers: std::ops::Range<usize>) -> Vec<RuleInfo> {
    let rule = |number| RuleInfo {
        name: name(&format!("rule-{number}")),
        when: Trigger::Press { line: name("bell"), long: false },
        line: name("lamp"),
        action: "toggle".into(),
        args: Map::new(),
        after_ms: 0,
    };
    numbers.map(rule).collect()
}

#[test]
fn a_report_is_in_the_audit_log_and_is_the_last_action_of_its_line() {
    let test_site = TestSite::connected();
    report(&test_site, ran("a", 1));
    let entry = log(&test_site).pop().unwrap();
    assert_eq!(test_site.last_logged(), "rule:dusk rule porch/lamp:set executed");
    assert_eq!(
        (entry.boot.as_deref(), entry.n, entry.happened_ms),
        (Some("a"), Some(1), Some(START_MS - 60_000))
    );
    assert_eq!(
        (entry.line_kind.as_deref(), entry.args.as_deref()),
        (Some("switch"), Some("{\"value\":true}"))
    );
    assert_eq!((entry.at_ms, entry.jti), (START_MS, None));
    let last = test_site.line("lamp").last.unwrap();
    assert_eq!(
        (last.by.kind, last.by.name.as_str(), last.at_ms),
        (SenderKind::Rule, "dusk", START_MS - 60_000)
    );
    let refused = RuleRun { code: Some("refused_interlock".into()), ..ran("a", 2) };
    report(&test_site, refused);
    assert_eq!(test_site.last_logged(), "rule:dusk rule porch/lamp:set refused_interlock");
    let future = RuleRun { at_ms: Some(u64::MAX), line: name("gone"), ..ran("a", 3) };
    report(&test_site, future);
    let entry = log(&test_site).pop().unwrap();
    assert_eq!((entry.happened_ms, entry.line_kind, entry.args), (Some(START_MS), None, None));
    report(&test_site, RuleRun { at_ms: None, ..ran("a", 4) });
    assert_eq!(log(&test_site).pop().unwrap().happened_ms, None);
}

#[test]
fn a_live_report_brings_the_level_and_its_end() {
    let test_site = TestSite::connected();
    let effects = report(&test_site, RuleRun { level: ON, ends_in_ms: Some(3_000), ..ran("a", 1) });
    let [Change::Line { line, .. }] = &changes(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((line.reported, line.ends_ms, line.desired), (ON, Some(START_MS + 3_000), ON));
    assert_eq!(line.last.as_ref().unwrap().at_ms, START_MS, "the time of the event");
    // The agent also sends the change of the level as an event, which changes nothing.
    let event = FromAgent::Event {
        line: name("lamp"),
        level: ON,
        at_ms: START_MS,
        ends_in_ms: Some(3_000),
        blinking: false,
        reading: None,
    };
    assert_eq!(changes(&test_site.handle_agent_message("porch", "s1", event)), []);
    report(&test_site, RuleRun { level: Some(Level::Number(0.5)), ..ran("a", 2) });
    assert_eq!(test_site.line("lamp").reported, ON, "a level of another kind");
}

#[test]
fn a_report_is_recorded_exactly_once() {
    let test_site = TestSite::connected();
    for (boot, n) in [("a", 1), ("a", 1), ("a", 2), ("a", 1)] {
        report(&test_site, ran(boot, n));
    }
    assert_eq!(recorded(&test_site), ["a1", "a2"]);
    // The power was cut, so the journal of the first run comes again, before the reports of the next run.
    for (boot, n) in [("a", 2), ("a", 3), ("b", 1), ("b", 1), ("a", 3), ("b", 2)] {
        report(&test_site, ran(boot, n));
    }
    assert_eq!(recorded(&test_site), ["a1", "a2", "a3", "b1", "b2"]);
}

#[test]
fn missing_reports_are_counted() {
    let test_site = TestSite::connected();
    for (boot, n) in [("a", 3), ("a", 4), ("a", 10), ("b", 1)] {
        report(&test_site, ran(boot, n));
    }
    assert_eq!(recorded(&test_site), ["2 missing", "a3", "a4", "5 missing", "a10", "b1"]);
}

#[test]
fn reports_are_limited_and_the_next_one_counts_the_others() {
    let test_site = TestSite::connected();
    for n in 1..=1_300 {
        report(&test_site, ran("a", n));
    }
    assert_eq!(recorded(&test_site).len(), 500, "a page");
    let rows = test_site.store.run("SELECT count(*) FROM audit WHERE act = 'rule'", &[]).unwrap();
    assert_eq!(rows[0].int(0).unwrap(), 1_200);
    test_site.pass(1_000);
    report(&test_site, ran("a", 1_301));
    assert_eq!(recorded(&test_site)[498..], ["100 missing", "a1301"]);
}

#[test]
fn a_number_out_of_range_is_not_recorded() {
    let test_site = TestSite::connected();
    for (boot, n) in [("", 1), ("a b", 1), (&"x".repeat(65), 1), ("a", 0), ("a", u64::MAX)] {
        report(&test_site, ran(boot, n));
    }
    assert_eq!(recorded(&test_site), [""; 0]);
    assert_eq!(test_site.last_logged(), "device:porch odd_message porch rule_run_number");
}

#[test]
fn a_level_of_a_rule_is_desired() {
    let test_site = TestSite::connected();
    report(&test_site, ran("a", 1));
    assert_eq!(test_site.line("lamp").desired, ON);
    for (n, odd) in [
        RuleRun { desired: Some(Level::Number(0.5)), ..ran("a", 2) },
        RuleRun { line: name("door"), ..ran("a", 3) },
    ]
    .into_iter()
    .enumerate()
    {
        report(&test_site, odd);
        assert_eq!((test_site.line("lamp").desired, test_site.line("door").desired), (ON, None), "{n}");
    }
    // A report that comes again has no desired level, since a command can have changed the line.
    test_site.order(lamp("off", false));
    report(&test_site, RuleRun { desired: None, ..ran("a", 4) });
    assert_eq!(test_site.line("lamp").desired, ON);
}

#[test]
fn the_hello_brings_the_level_of_a_rule_before_the_site_restores_levels() {
    let test_site = TestSite::connected();
    let order = test_site.order(lamp("off", false)).1;
    test_site.report(&order.jti, CommandStatus::Executed, None, OFF);
    assert_eq!(test_site.line("lamp").desired, OFF);
    test_site.close("porch", "s1");
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    let mut lines = porch_lines();
    lines[1] = LineInfo { desired: ON, ..info("lamp", LineKind::Switch, ON, true) };
    // Without `retain`, the site desires no level.
    lines[0].desired = ON;
    let effects = test_site.hello("porch", "s2", &lines, &[]);
    assert_eq!(orders(&effects), [], "nothing is restored");
    assert_eq!((test_site.line("lamp").desired, test_site.line("door").desired), (ON, None));
    test_site.close("porch", "s2");
    test_site.connect("porch", "s3", "cert-1").0.unwrap();
    lines[1].level = OFF;
    let order = the_order(&test_site.hello("porch", "s3", &lines, &[]));
    assert_eq!((order.sub.as_str(), json!(order.args)), ("site:reconcile", json!({ "value": true })));
}

#[test]
fn a_level_of_a_rule_must_fit_its_line() {
    let test_site = TestSite::connected();
    let mut lines = porch_lines();
    lines[1].desired = Some(Level::Number(0.5));
    let effects = test_site.hello("porch", "s1", &lines, &[]);
    assert_eq!(closed(&effects)[0].2, "hello_level_of_another_kind");
}

#[test]
fn a_late_report_replaces_no_later_command() {
    let test_site = TestSite::connected();
    let order = test_site.order(lamp("off", false)).1;
    test_site.report(&order.jti, CommandStatus::Executed, None, OFF);
    report(&test_site, ran("a", 1));
    assert_eq!(test_site.line("lamp").last.unwrap().by.kind, SenderKind::Person);
}

#[test]
fn the_rules_of_a_device_follow_its_hello() {
    let test_site = TestSite::connected();
    assert_eq!(rules_of(&test_site, owner()), Ok(vec![]));
    let send = |first, rules: Vec<RuleInfo>| {
        test_site.handle_agent_message("porch", "s1", FromAgent::Rules { first, rules })
    };
    let hello = |rules| {
        let (version, lines) = ("0.1.0".into(), porch_lines());
        let hello =
            FromAgent::Hello { version, lines, outcomes: vec![], machine: MACHINE, warnings: vec![], rules };
        test_site.handle_agent_message("porch", "s1", hello)
    };
    hello(64);
    send(0, described(0..32));
    send(32, described(32..64));
    assert_eq!(rules_of(&test_site, owner()), Ok(described(0..MAX_RULES)));
    hello(2);
    send(0, described(1..3));
    assert_eq!(rules_of(&test_site, owner()), Ok(described(1..3)), "the other rules are gone");
    for (first, rules) in [(3, described(0..1)), (2, described(0..63)), (u32::MAX, described(0..1))] {
        send(first, rules);
        assert_eq!(test_site.last_logged(), "device:porch odd_message porch too_many_rules");
    }
    hello(2);
    assert_eq!(rules_of(&test_site, owner()), Ok(described(1..3)));
    hello(0);
    assert_eq!(rules_of(&test_site, owner()), Ok(vec![]));
}

#[test]
fn only_readers_of_all_lines_see_the_rules() {
    let test_site = TestSite::connected();
    test_site.handle_agent_message("porch", "s1", FromAgent::Rules { first: 0, rules: described(0..1) });
    let seen = |scope| rules_of(&test_site, program(scope)).map(|rules| rules.len());
    assert_eq!(seen("line:porch/*:read"), Ok(1));
    assert_eq!(seen("line:porch/door:pulse site:devices"), Ok(1));
    assert_eq!(seen("line:porch/door:pulse"), Err("insufficient_scope".into()));
    assert_eq!(seen("line:shed/*:read"), Err("unknown_device".into()));
}
