use pinlatch_protocol::line::Level;
use pinlatch_protocol::problem::{Code, Problem};
use serde_json::{Value, json};

use super::*;
use crate::words::line::presses;

const NOW: u64 = 1_000_000;

fn key(line: &str) -> Key {
    Key { device: Name::new("porch").unwrap(), line: Name::new(line).unwrap() }
}

fn frame(value: Value) -> ToPanel {
    serde_json::from_value(value).unwrap()
}

fn lamp(reported: Value) -> Value {
    json!({"name": "lamp", "kind": "switch", "actions": ["set", "toggle", "blink"], "reported": reported,
           "retain": true, "changed_ms": 1})
}

fn porch(online: bool) -> Value {
    json!({"name": "porch", "online": online, "last_seen_ms": 1, "version": "0.1.0", "lines": [
        lamp(json!(false)),
        {"name": "door", "kind": "momentary", "actions": ["pulse"], "reported": false, "changed_ms": null},
    ]})
}

fn snapshot(seq: u64) -> ToPanel {
    frame(json!({
        "type": "snapshot", "seq": seq, "now_ms": NOW + 500,
        "whoami": {"site": "home", "sub": "ann", "scope": "line:*/*:*", "jti": "j", "iss": "i",
                   "iat": NOW / 1000, "exp": NOW / 1000 + 600},
        "devices": [porch(true)],
    }))
}

fn filled() -> Model {
    let mut model = Model::default();
    assert_eq!(model.apply(snapshot(7), NOW), ModelUpdate::Snapshot(599_500));
    model
}

fn line_event(seq: u64, reported: Value) -> ToPanel {
    frame(json!({"type": "event", "seq": seq, "at_ms": NOW, "change": "line", "device": "porch",
                 "line": lamp(reported)}))
}

fn result(id: &str, status: &str, code: Option<&str>) -> ToPanel {
    frame(json!({"type": "result", "id": id, "device": "porch", "line": "lamp", "action": "set",
                 "status": status, "code": code, "level": true}))
}

fn on() -> Action {
    Action::set(Level::On(true))
}

fn ask(model: &mut Model) {
    model.ask(key("lamp"), "c1".into(), on(), NOW);
}

fn reported(model: &Model) -> Option<Level> {
    model.line(&key("lamp")).unwrap().reported
}

fn outcome(model: &Model) -> Option<CommandOutcome> {
    model.command_state(&key("lamp")).answer.map(|answer| answer.outcome)
}

#[test]
fn a_wish_is_never_shown_as_a_fact() {
    let mut model = filled();
    ask(&mut model);
    assert_eq!(model.to_send(1, NOW).len(), 1);
    assert_eq!(reported(&model), Some(Level::On(false)));
    assert_eq!(model.apply(result("c1", "executed", None), NOW), ModelUpdate::Answered(key("lamp")));
    assert_eq!(
        reported(&model),
        Some(Level::On(false)),
        "the answer ends the command; the event brings the level"
    );
    assert_eq!(model.apply(line_event(8, json!(true)), NOW), ModelUpdate::Facts);
    assert_eq!(reported(&model), Some(Level::On(true)));
}

#[test]
fn a_missing_event_is_noticed_and_an_old_one_is_not_applied() {
    let mut model = filled();
    assert_eq!(model.apply(line_event(7, json!(true)), NOW), ModelUpdate::Facts);
    assert_eq!(reported(&model), Some(Level::On(false)));
    assert_eq!(model.apply(line_event(9, json!(true)), NOW), ModelUpdate::Gap);
    assert_eq!(reported(&model), Some(Level::On(true)), "what came is a fact all the same");
    assert_eq!(model.apply(line_event(10, json!(false)), NOW), ModelUpdate::Facts);
}

#[test]
fn hidden_events_are_not_missing() {
    let mut model = filled();
    let event = |seq: u64, after: u64| {
        frame(json!({"type": "event", "seq": seq, "after": after, "at_ms": NOW, "change": "hidden"}))
    };
    assert_eq!(model.apply(event(12, 7), NOW), ModelUpdate::Facts);
    assert_eq!(model.apply(line_event(13, json!(true)), NOW), ModelUpdate::Facts);
    assert_eq!(model.apply(event(20, 14), NOW), ModelUpdate::Gap, "14 is missing");
}

#[test]
fn a_change_of_something_unknown_asks_for_a_fresh_snapshot() {
    let mut model = filled();
    let event = json!({"type": "event", "seq": 8, "at_ms": NOW, "change": "presence", "device": "shed",
                       "online": true, "last_seen_ms": NOW});
    assert_eq!(model.apply(frame(event), NOW), ModelUpdate::Gap);
}

#[test]
fn presence_and_devices_come_and_go() {
    let mut model = filled();
    let name = key("lamp").device;
    let event = |seq, rest: Value| {
        let mut event = json!({"type": "event", "seq": seq, "at_ms": NOW});
        event.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        frame(event)
    };
    let gone = json!({"change": "presence", "device": "porch", "online": false, "last_seen_ms": null});
    model.apply(event(8, gone), NOW);
    let device = model.device(&name).unwrap();
    assert_eq!((device.online, device.last_seen_ms), (false, Some(1)), "the last sign of life stays known");
    model.apply(event(9, json!({"change": "device", "device": porch(true)})), NOW);
    assert!(model.device(&name).unwrap().online);
    ask(&mut model);
    model.apply(event(10, json!({"change": "removed", "device": "porch"})), NOW);
    assert_eq!((model.names(), model.command_state(&key("lamp"))), (vec![], CommandState::default()));
}

#[test]
fn each_ending_is_told_apart() {
    for (status, code, expected) in [
        ("executed", None, CommandOutcome::Executed),
        ("refused", Some("refused_max_on"), CommandOutcome::Refused("refused_max_on".into())),
        ("refused", Some("device_offline"), CommandOutcome::Offline),
        ("expired", Some("deadline_passed"), CommandOutcome::Expired),
        ("unknown", Some("outcome_unknown"), CommandOutcome::Unknown),
    ] {
        let mut model = filled();
        ask(&mut model);
        model.apply(result("c1", status, code), NOW);
        assert_eq!(outcome(&model), Some(expected));
    }
    for (code, expected) in [
        (Code::DeviceOffline, CommandOutcome::Offline),
        (Code::OutcomeUnknown, CommandOutcome::Unknown),
        (Code::InsufficientScope, CommandOutcome::Denied(Problem::new(Code::InsufficientScope))),
    ] {
        let mut model = filled();
        ask(&mut model);
        model.apply(ToPanel::Problem { id: Some("c1".into()), problem: code.into() }, NOW);
        assert_eq!(outcome(&model), Some(expected));
    }
}

#[test]
fn a_late_report_amends_what_was_unknown() {
    let mut model = filled();
    ask(&mut model);
    model.apply(result("c1", "delivered", None), NOW);
    assert!(model.command_state(&key("lamp")).pending.is_some(), "no answer yet");
    model.apply(result("c1", "unknown", Some("outcome_unknown")), NOW);
    assert_eq!(model.apply(result("c1", "executed", None), NOW), ModelUpdate::Answered(key("lamp")));
    assert_eq!(outcome(&model), Some(CommandOutcome::Executed));
}

#[test]
fn a_lost_socket_gets_the_same_command_again_with_what_is_left_of_its_deadline() {
    let mut model = filled();
    ask(&mut model);
    let first = model.to_send(1, NOW);
    assert_eq!(model.to_send(1, NOW), [], "once per socket");
    let again = model.to_send(2, NOW + 2_000);
    assert_eq!((&again[0].id, again[0].deadline_ms), (&first[0].id, Some(3_000)));
    assert_eq!(model.to_send(3, NOW + 4_950), [], "too late to begin anything");
}

#[test]
fn a_clock_that_was_set_back_opens_no_door() {
    let mut model = filled();
    ask(&mut model);
    assert_eq!(model.to_send(1, NOW - 60_000), []);
    assert_eq!(model.give_up(NOW - 60_000), [key("lamp")]);
}

/// The times at which the result of a command in doubt is queried, in seconds after `from_ms`.
fn queried(model: &mut Model, from_ms: u64, seconds: u64) -> Vec<u64> {
    (0..seconds).filter(|s| !model.take_status_queries(from_ms + s * 1_000).is_empty()).collect()
}

#[test]
fn silence_ends_the_wait_and_the_edge_is_asked_until_it_knows() {
    let mut model = filled();
    ask(&mut model);
    model.to_send(1, NOW);
    assert_eq!(model.give_up(NOW + 6_999), []);
    assert_eq!(model.give_up(NOW + 7_000), [key("lamp")]);
    assert_eq!(outcome(&model), Some(CommandOutcome::NoAnswer));
    let silent = NOW + 7_000;
    assert_eq!(queried(&mut model, silent, 200), [0, 4, 12, 28, 60, 120, 180]);
    // The device sends something, so the edge may have the result.
    model.apply(line_event(8, json!(true)), silent + 200_000);
    assert_eq!(queried(&mut model, silent + 200_000, 60), [0]);
    model.apply(snapshot(9), silent + 260_000);
    assert_eq!(queried(&mut model, silent + 260_000, 1), [0]);
    assert_eq!(model.settle("c1", CommandOutcome::Executed), ModelUpdate::Answered(key("lamp")));
    let answer = model.command_state(&key("lamp")).answer.unwrap();
    assert!(answer.late);
    assert_eq!(crate::words::line::answer(&answer), "The device has answered now. It was done.");
    assert_eq!(queried(&mut model, silent + 300_000, 600), [0; 0], "it is known by now");
}

#[test]
fn a_doubt_ends_with_what_the_device_did() {
    for (status, code, late, text) in [
        ("expired", Some("deadline_passed"), true, "It came too late and was not done. You can try again."),
        ("refused", Some("refused_stopping"), true, "The device refused the command"),
        ("unknown", Some("outcome_unknown"), false, "The device did not answer."),
    ] {
        let mut model = filled();
        ask(&mut model);
        model.apply(result("c1", "unknown", Some("outcome_unknown")), NOW);
        model.apply(result("c1", status, code), NOW + 60_000);
        let answer = model.command_state(&key("lamp")).answer.unwrap();
        assert_eq!(answer.late, late, "{status}");
        assert!(crate::words::line::answer(&answer).starts_with(text), "{status}");
    }
}

#[test]
fn a_command_that_the_edge_does_not_know_did_not_arrive_unless_it_is_old() {
    let lost = |after_ms: u64| {
        let mut model = filled();
        ask(&mut model);
        model.to_send(1, NOW);
        model.give_up(NOW + 7_000);
        model.command_missing("c1", NOW + after_ms);
        (outcome(&model).unwrap(), queried(&mut model, NOW + after_ms, 600))
    };
    assert_eq!(lost(8_000), (CommandOutcome::NotArrived, vec![]));
    assert_eq!(lost(86_400_000), (CommandOutcome::NoAnswer, vec![]), "the edge has deleted it");
}

#[test]
fn a_command_that_never_left_was_not_done() {
    let mut model = filled();
    ask(&mut model);
    model.give_up(NOW + 7_000);
    assert_eq!(outcome(&model), Some(CommandOutcome::NotSent));
    assert_eq!(queried(&mut model, NOW, 60), [0; 0]);
}

#[test]
fn one_command_at_a_time_and_the_last_answer_goes_when_the_next_is_asked() {
    let mut model = filled();
    ask(&mut model);
    model.ask(key("lamp"), "c2".into(), on(), NOW);
    assert_eq!(model.command_state(&key("lamp")).pending.unwrap().id, "c1");
    model.apply(result("c1", "refused", Some("refused_busy")), NOW);
    model.ask(key("lamp"), "c3".into(), on(), NOW);
    assert_eq!(
        (model.command_state(&key("lamp")).pending.unwrap().id.as_str(), outcome(&model)),
        ("c3", None)
    );
}

#[test]
fn ages_are_told_in_edge_time() {
    assert_eq!(filled().edge_ms(NOW + 1_000), NOW + 1_500);
}

#[test]
fn a_guest_sees_no_device_without_lines_and_how_much_time_is_left() {
    let attic = json!({"name": "attic", "online": true, "last_seen_ms": 1, "version": "0.1.0", "lines": []});
    for (sub, names) in [("token:0123", vec!["porch"]), ("ann", vec!["attic", "porch"])] {
        let mut model = Model::default();
        assert_eq!(model.left_ms(NOW), None);
        model.apply(
            frame(json!({
                "type": "snapshot", "seq": 7, "now_ms": NOW + 500,
                "whoami": {"site": "home", "sub": sub, "scope": "line:*/*:*", "jti": "j", "iss": "i",
                           "iat": NOW / 1000, "exp": NOW / 1000 + 600},
                "devices": [attic, porch(true)],
            })),
            NOW,
        );
        assert_eq!(model.names().iter().map(Name::as_str).collect::<Vec<_>>(), names);
        assert_eq!(model.left_ms(NOW), Some(599_500));
        assert_eq!(model.left_ms(NOW + 600_000), Some(0));
    }
}

#[test]
fn a_press_is_shown_for_some_seconds_and_told_once_each() {
    let press = |line: &str, long: bool| {
        frame(json!({"type": "press", "at_ms": NOW, "device": "porch", "line": line, "long": long}))
    };
    let mut model = filled();
    assert_eq!(model.apply(press("attic", false), NOW), ModelUpdate::Facts, "it is not shown here");
    assert_eq!(model.apply(press("lamp", false), NOW), ModelUpdate::Pressed(key("lamp"), false));
    let first = model.pressed(&key("lamp"), NOW).unwrap();
    assert_eq!(model.apply(press("lamp", true), NOW + 5_000), ModelUpdate::Pressed(key("lamp"), true));
    let second = model.pressed(&key("lamp"), NOW + 10_999).unwrap();
    assert!(second.long && !first.long);
    assert_eq!((first.count, second.count), (1, 2));
    let words = [first, second, Pressed { long: false, count: 3, ..second }].map(|press| presses(&press));
    assert_eq!(words, ["Pressed", "Long press · just now", "3 presses"]);
    assert_eq!(model.pressed(&key("lamp"), NOW + 11_000), None);
    assert_eq!(model.apply(line_event(8, json!(true)), NOW), ModelUpdate::Facts, "a press takes no number");
}

fn door_event(seq: u64, reported: bool, changed_ms: u64, ends_ms: Option<u64>) -> ToPanel {
    frame(json!({"type": "event", "seq": seq, "at_ms": NOW, "change": "line", "device": "porch",
                 "line": {"name": "door", "kind": "momentary", "actions": ["pulse"], "reported": reported,
                          "max_on_ms": 5000, "changed_ms": changed_ms, "ends_ms": ends_ms}}))
}

#[test]
fn a_pulse_ends_when_the_device_says_whoever_asked_for_it() {
    let mut model = filled();
    let pulse = |model: &Model, now_ms| model.pulse(&key("door"), now_ms);
    // The clock of the edge is 500 ms ahead of the panel's clock.
    model.apply(door_event(8, true, NOW + 500, Some(NOW + 3_500)), NOW);
    assert_eq!(pulse(&model, NOW + 1_000), Some(Pulse { ms: 3_000, gone_ms: 1_000 }));
    assert_eq!(
        pulse(&model, NOW + 4_000),
        Some(Pulse { ms: 3_000, gone_ms: 3_000 }),
        "never more than all of it"
    );
    assert_eq!(pulse(&model, NOW + 5_000), None, "the device went offline before it reported the end");
    model.apply(door_event(9, false, NOW + 3_500, None), NOW);
    assert_eq!(pulse(&model, NOW + 3_000), None);
    model.ask(key("door"), "c1".into(), Action::Pulse { ms: 3_000 }, NOW);
    assert_eq!(pulse(&model, NOW), None, "a wish is no pulse");
    model.apply(door_event(10, true, NOW + 500, None), NOW);
    assert_eq!(pulse(&model, NOW + 1_000), None, "an older agent does not report the end");
}

#[test]
fn a_device_that_does_not_answer_is_neither_online_nor_offline() {
    let mut model = filled();
    let name = key("lamp").device;
    let event = |seq: u64, rest: Value| {
        let mut event = json!({"type": "event", "seq": seq, "at_ms": NOW, "change": "presence", "device": "porch",
                               "last_seen_ms": NOW});
        event.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        frame(event)
    };
    assert_eq!(model.presence(&name), Presence::Online);
    model.apply(event(8, json!({"online": true, "answering": false})), NOW);
    assert_eq!(model.presence(&name), Presence::NotAnswering);
    model.apply(event(9, json!({"online": true})), NOW);
    assert_eq!(model.presence(&name), Presence::Online, "an older edge does not report it");
    model.apply(event(10, json!({"online": false, "answering": false})), NOW);
    assert_eq!(model.presence(&name), Presence::Offline);
}

#[test]
fn what_a_sensor_measures_is_followed_while_it_is_there() {
    let heat = |reported: Value| {
        json!({"name": "heat", "kind": "sensor", "actions": [], "reported": reported, "unit": "°C",
               "changed_ms": NOW})
    };
    let device = |lines: Value| {
        json!({"change": "device", "device": {"name": "cellar", "online": true, "last_seen_ms": NOW,
               "version": null, "lines": lines}})
    };
    let event = |seq, rest: Value| {
        let mut event = json!({"type": "event", "seq": seq, "at_ms": NOW});
        event.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        frame(event)
    };
    let own = Key { device: Name::new("cellar").unwrap(), line: Name::new("heat").unwrap() };
    let mut model = filled();
    model.apply(event(8, device(json!([heat(json!(20.0))]))), NOW);
    assert_eq!(model.trace(&own).unwrap().range(), None);
    let change = json!({"change": "line", "device": "cellar", "line": heat(json!(21.5))});
    model.apply(event(9, change), NOW + 1_000);
    assert_eq!(model.trace(&own).unwrap().range(), Some((20.0, 21.5)));
    assert_eq!(model.trace(&key("lamp")), None);
    model.apply(event(10, device(json!([]))), NOW + 2_000);
    assert_eq!(model.trace(&own), None);
}

#[test]
fn what_was_tapped_without_a_link_does_not_happen_later() {
    let mut model = filled();
    ask(&mut model);
    assert_eq!(model.give_up(NOW + 999), []);
    assert_eq!(model.to_send(2, NOW + 1_000), [], "a link that comes back brings nothing to pass");
    assert_eq!(model.give_up(NOW + 1_000), [key("lamp")]);
    assert_eq!(outcome(&model), Some(CommandOutcome::NotSent));
    ask(&mut model);
    assert_eq!(model.to_send(2, NOW + 999).len(), 1, "but a renewed socket does not lose it");
}

#[test]
fn a_device_is_timed_by_its_own_answers() {
    let mut model = filled();
    let porch = Name::new("porch").unwrap();
    let answered = |model: &mut Model, status: &str, code: Option<&str>| {
        ask(model);
        model.to_send(1, NOW);
        model.apply(result("c1", status, code), NOW + 40);
        model.answered_in(&porch)
    };
    for (status, code) in [("refused", Some("device_offline")), ("expired", None), ("unknown", None)] {
        assert_eq!(answered(&mut model, status, code), None, "{status}: not the device's answer");
    }
    assert_eq!(answered(&mut model, "refused", Some("refused_busy")), Some(40));
    model.apply(
        frame(json!({"type": "event", "seq": 8, "at_ms": NOW, "change": "removed", "device": "porch"})),
        NOW,
    );
    assert_eq!(model.answered_in(&porch), None);
}

#[test]
fn the_shape_changes_with_devices_and_not_with_levels() {
    let mut model = filled();
    let shape = model.shape();
    model.apply(line_event(8, json!(true)), NOW);
    assert_eq!(model.shape(), shape);
    model.apply(
        frame(json!({"type": "event", "seq": 9, "at_ms": NOW, "change": "removed", "device": "porch"})),
        NOW,
    );
    assert_ne!(model.shape(), shape);
}

#[test]
fn the_number_of_uses_follows_the_edge_and_each_snapshot() {
    let mut model = filled();
    assert_eq!(model.uses_left(), None);
    model.apply(frame(json!({ "type": "uses", "left": 1 })), NOW);
    assert_eq!(model.uses_left(), Some(1));
    // While the panel was not connected, another browser has used the link.
    let mut again = serde_json::to_value(snapshot(8)).unwrap();
    again["whoami"]["uses_left"] = json!(0);
    model.apply(frame(again), NOW);
    assert_eq!(model.uses_left(), Some(0));
}
