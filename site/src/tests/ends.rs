//! Tests the scheduled ends of levels, which agents report.

use super::*;

const ON: Option<Level> = Some(Level::On(true));

fn event(line: &str, level: Option<Level>, ends_in_ms: Option<u32>, blinking: bool, at_ms: u64) -> FromAgent {
    FromAgent::Event { line: name(line), level, at_ms, ends_in_ms, blinking, reading: None }
}

fn report(jti: &str, level: Option<Level>, ends_in_ms: Option<u32>) -> FromAgent {
    FromAgent::Result(Outcome { ends_in_ms, ..outcome(jti, CommandStatus::Executed, None, level) })
}

fn with_end(line: &str, kind: LineKind, ends_in_ms: Option<u32>) -> LineInfo {
    LineInfo { ends_in_ms, ..info(line, kind, ON, false) }
}

#[test]
fn the_end_of_a_pulse_comes_with_its_level_and_goes_with_it() {
    let test_site = TestSite::connected();
    let (_, order) = test_site.order(pulse("one"));
    test_site.handle_agent_message("porch", "s1", report(&order.jti, ON, Some(500)));
    assert_eq!(test_site.line("door").ends_ms, Some(START_MS + 500));
    test_site.pass(20);
    let again =
        test_site.handle_agent_message("porch", "s1", event("door", ON, Some(500), false, START_MS + 10));
    assert_eq!(again, vec![], "the event of the same pulse changes nothing");
    test_site.pass(480);
    let off = event("door", Some(Level::On(false)), None, false, START_MS + 500);
    test_site.handle_agent_message("porch", "s1", off);
    assert_eq!(test_site.line("door").ends_ms, None);
}

#[test]
fn a_pulse_writes_no_row_more_than_its_command_and_its_end() {
    let test_site = TestSite::connected();
    let before = test_site.store.0.rows_written();
    let (_, order) = test_site.order(pulse("one"));
    test_site.handle_agent_message("porch", "s1", report(&order.jti, ON, Some(500)));
    test_site.handle_agent_message("porch", "s1", event("door", ON, Some(500), false, START_MS));
    assert_eq!(test_site.store.0.rows_written() - before, 4);
}

#[test]
fn an_end_survives_a_new_connection() {
    let test_site = TestSite::connected();
    test_site.handle_agent_message("porch", "s1", event("door", ON, Some(3_000), false, START_MS));
    test_site.close("porch", "s1");
    test_site.pass(1_000);
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    let mut lines = porch_lines();
    lines[0] = with_end("door", LineKind::Momentary, Some(1_900));
    test_site.hello("porch", "s2", &lines, &[]);
    let door = test_site.line("door");
    assert_eq!(door.ends_ms, Some(START_MS + 3_000), "the remaining time is 100 ms old");
    lines[0] = with_end("door", LineKind::Momentary, Some(9_000));
    test_site.hello("porch", "s2", &lines, &[]);
    assert_eq!(test_site.line("door").ends_ms, Some(START_MS + 10_000), "another pulse");
    lines[0] = with_end("door", LineKind::Momentary, None);
    test_site.hello("porch", "s2", &lines, &[]);
    assert_eq!(test_site.line("door").ends_ms, None, "an older agent");
}

#[test]
fn a_repeated_outcome_does_not_remove_the_end() {
    let test_site = TestSite::connected();
    let (_, order) = test_site.order(pulse("one"));
    test_site.handle_agent_message("porch", "s1", event("door", ON, Some(3_000), false, START_MS));
    test_site.handle_agent_message("porch", "s1", report(&order.jti, ON, None));
    assert_eq!(test_site.line("door").ends_ms, Some(START_MS + 3_000));
}

#[test]
fn a_line_blinks_until_the_device_says_otherwise() {
    let test_site = TestSite::connected();
    let (_, order) = test_site.order(request("one", "lamp", "blink", json!({"period_ms": 400, "count": 5})));
    let blinks = Outcome {
        blinking: true,
        ends_in_ms: Some(1_800),
        ..outcome(&order.jti, CommandStatus::Executed, None, ON)
    };
    test_site.handle_agent_message("porch", "s1", FromAgent::Result(blinks));
    let lamp = test_site.line("lamp");
    assert_eq!((lamp.blinking, lamp.ends_ms, lamp.reported), (true, Some(START_MS + 1_800), ON));
    test_site.pass(200);
    let off = event("lamp", Some(Level::On(false)), Some(1_600), true, START_MS + 200);
    test_site.handle_agent_message("porch", "s1", off);
    assert!(test_site.line("lamp").blinking);
    let steady = event("lamp", Some(Level::On(false)), None, false, START_MS + 200);
    let effects = test_site.handle_agent_message("porch", "s1", steady);
    assert_eq!(changes(&effects).len(), 1, "the level is the same, but the line no longer blinks");
    let lamp = test_site.line("lamp");
    assert_eq!((lamp.blinking, lamp.ends_ms), (false, None));
}

#[test]
fn a_button_is_a_contact_with_presses() {
    let test_site = TestSite::connected();
    let mut lines = porch_lines();
    lines[1].presses = true;
    lines[2].presses = true;
    test_site.hello("porch", "s1", &lines, &[]);
    assert!(test_site.line("bell").presses);
    assert!(!test_site.line("lamp").presses, "a switch has no presses");
    lines[2].presses = false;
    test_site.hello("porch", "s1", &lines, &[]);
    assert!(!test_site.line("bell").presses);
}

#[test]
fn the_start_of_the_agent_is_known() {
    let test_site = TestSite::connected();
    let Ok(Answer::Now(Reply::Device(porch))) =
        test_site.call(Call::Device { principal: owner(), device: name("porch") }).0
    else {
        panic!()
    };
    assert_eq!(porch.agent_started_ms, Some(START_MS - 60_000));
}
