//! Tests the last command of each line, and who can see its sender.

use pinlatch_protocol::admin::IssueRequest;
use pinlatch_protocol::command::{LastCommand, SenderKind};
use pinlatch_protocol::panel::LineView;

use super::fixtures::*;
use super::*;

const ON: Option<Level> = Some(Level::On(true));

fn execute(test_site: &TestSite, by: &Principal, request: CommandRequest) -> Vec<Effect> {
    let order = the_order(&test_site.commands(by, request).unwrap());
    test_site.report(&order.jti, CommandStatus::Executed, None, ON)
}

fn line_for(test_site: &TestSite, by: &Principal, line: &str) -> LineView {
    let call = Call::Line { principal: by.clone(), device: name("porch"), line: name(line) };
    match test_site.call(call).0 {
        Ok(Answer::Now(Reply::Line(line))) => line,
        other => panic!("{other:?}"),
    }
}

fn who(last: &Option<Box<LastCommand>>) -> Option<(SenderKind, &str)> {
    last.as_ref().map(|last| (last.by.kind, last.by.name.as_str()))
}

#[test]
fn every_sender_has_a_name() {
    let test_site = TestSite::connected();
    let courier = IssueRequest { name: "Courier on Friday".into(), ..guest("line:porch/door:pulse") };
    let courier = test_site.issue(&owner(), courier, "courier").unwrap();
    let cron = test_site.issue(&owner(), api("line:porch/door:pulse"), "cron").unwrap();
    let senders = [
        (owner(), SenderKind::Person, "ann"),
        (courier, SenderKind::Guest, "Courier on Friday"),
        (cron, SenderKind::Api, "a script"),
        (program("line:porch/door:pulse"), SenderKind::External, "https://issuer.test#robot"),
    ];
    for (number, (by, kind, named)) in senders.into_iter().enumerate() {
        test_site.pass(1_000);
        execute(&test_site, &by, pulse(&format!("c{number}")));
        let last = test_site.line("door").last;
        assert_eq!(who(&last), Some((kind, named)));
        let last = last.unwrap();
        assert_eq!((last.action.as_str(), json!(last.args)), ("pulse", json!({"ms": 500})));
        assert_eq!(last.at_ms, test_site.now_ms.get());
    }
}

#[test]
fn guests_and_programs_do_not_see_who_sends_commands() {
    let test_site = TestSite::connected();
    let viewer = test_site.join("vic", role(Role::Viewer));
    let everything = "line:porch/*:*";
    let courier = test_site.issue(&owner(), guest(everything), "courier").unwrap();
    let cron = test_site.issue(&owner(), api(everything), "cron").unwrap();
    let auditor = test_site.issue(&owner(), api("line:porch/*:read site:audit"), "auditor").unwrap();
    execute(&test_site, &owner(), pulse("one"));
    for sees in [&owner(), &viewer, &auditor] {
        assert_eq!(
            who(&line_for(&test_site, sees, "door").last),
            Some((SenderKind::Person, "ann")),
            "{}",
            sees.sub
        );
    }
    for blind in [&courier, &cron, &program(everything)] {
        assert_eq!(line_for(&test_site, blind, "door").last, None, "{}", blind.sub);
        let (snapshot, _) = test_site.with(|site| site.panel_connected(blind));
        let Ok(ToPanel::Snapshot { devices, .. }) = snapshot else { panic!("{snapshot:?}") };
        assert!(devices[0].lines.iter().all(|line| line.last.is_none()));
    }
}

#[test]
fn a_command_that_changes_no_level_is_hidden_from_those_who_do_not_see_its_sender() {
    let test_site = TestSite::connected();
    let courier = test_site.issue(&owner(), guest("line:porch/*:*"), "courier").unwrap();
    execute(&test_site, &owner(), lamp("one", true));
    test_site.pass(1_000);
    let effects = execute(&test_site, &owner(), lamp("two", true));
    let event = effects.iter().find_map(|effect| match effect {
        Effect::Publish(event) => Some(event.clone()),
        _ => None,
    });
    let event = event.expect("the time of the last command has changed");
    let see =
        |principal: &Principal| test_site.with(|site| site.view_for(&principal.jti, principal, &event)).0;
    assert_eq!(see(&courier), PanelView::Later);
    let PanelView::Now(ToPanel::Event { change: Change::Line { line, .. }, .. }) = see(&owner()) else {
        panic!()
    };
    assert_eq!(who(&line.last), Some((SenderKind::Person, "ann")));
    assert_eq!(line.last.unwrap().at_ms, START_MS + 1_000);
}

#[test]
fn only_executed_commands_count() {
    let test_site = TestSite::connected();
    execute(&test_site, &owner(), lamp("one", true));
    let refused = the_order(&test_site.commands(&program("line:*/*:*"), lamp("two", false)).unwrap());
    test_site.report(&refused.jti, CommandStatus::Refused, Some("refused_busy"), None);
    assert_eq!(who(&test_site.line("lamp").last), Some((SenderKind::Person, "ann")));
    // After the restart of the agent, the site restores the desired level.
    test_site.close("porch", "s1");
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    let restored = the_order(&test_site.hello("porch", "s2", &porch_lines(), &[]));
    assert_eq!(restored.sub, "site:reconcile");
    let last = test_site.line("lamp").last;
    assert_eq!(who(&last), Some((SenderKind::Person, "ann")), "a new connection keeps the last command");
    let report = FromAgent::Result(outcome(&restored.jti, CommandStatus::Executed, None, ON));
    test_site.handle_agent_message("porch", "s2", report);
    let last = test_site.line("lamp").last;
    assert_eq!(who(&last), Some((SenderKind::Site, "site:reconcile")));
}

#[test]
fn a_late_report_replaces_no_later_command_and_has_the_time_of_its_command() {
    let test_site = TestSite::connected();
    let (_, late) = test_site.order(lamp("late", true));
    test_site.pass(6_000);
    test_site.tick();
    test_site.report(&late.jti, CommandStatus::Executed, None, ON);
    assert_eq!(test_site.line("lamp").last.unwrap().at_ms, START_MS, "not the time of the report");
    let (_, late) = test_site.order(lamp("later", true));
    test_site.pass(6_000);
    test_site.tick();
    execute(&test_site, &program("line:*/*:*"), lamp("newer", false));
    test_site.report(&late.jti, CommandStatus::Executed, None, ON);
    let newer = Some((SenderKind::External, "https://issuer.test#robot"));
    assert_eq!(who(&test_site.line("lamp").last), newer);
}

#[test]
fn the_sender_is_forgotten_with_the_audit_entry() {
    let test_site = TestSite::connected();
    execute(&test_site, &owner(), pulse("one"));
    test_site.pass(3 * HOUR_S * 1_000);
    test_site.alive("s1");
    execute(&test_site, &owner(), lamp("two", true));
    let stored = || {
        let rows =
            test_site.store.run("SELECT name FROM lines WHERE last IS NOT NULL ORDER BY name", &[]).unwrap();
        rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect::<Vec<_>>()
    };
    test_site.pass((90 * DAY_S - 3 * HOUR_S) * 1_000 - 1);
    test_site.tick();
    assert_eq!(stored(), ["door", "lamp"]);
    test_site.pass(HOUR_S * 1_000 + 1);
    test_site.tick();
    assert_eq!(stored(), ["lamp"]);
}
