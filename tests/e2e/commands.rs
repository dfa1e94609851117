//! Tests the lifecycle of a command, over HTTP and over the panel socket.

use e2e::{Site, soon};
use serde_json::{Value, json};

fn act(site: &Site, line: &str, action: &str, args: Value) -> e2e::Answer {
    site.post(&format!("/api/v1/devices/porch/lines/{line}/{action}"), &args)
}

#[test]
fn the_door_pulses_and_everybody_hears_of_it() {
    let site = Site::shared();
    let agent = site.device("porch");
    let mut panel = site.panel();
    let result = act(&site, "door", "pulse", json!({ "ms": 150 })).ok();
    assert_eq!((&result["status"], &result["level"]), (&json!("executed"), &json!(true)), "{result}");
    for level in [true, false] {
        let event = panel.until("the door's level", |frame| frame["line"]["reported"] == level);
        assert_eq!(
            (&event["change"], &event["device"], &event["line"]["name"]),
            (&json!("line"), &json!("porch"), &json!("door"))
        );
    }
    soon("the line is off again", || (agent.levels("door").last() == Some(&json!(false))).then_some(()));
    let levels: Vec<Value> =
        agent.levels("door").into_iter().skip_while(|level| level == &json!(false)).collect();
    assert_eq!(levels, [json!(true), json!(false)]);
    assert_eq!(site.line("porch", "door")["reported"], false);
}

#[test]
fn each_kind_of_line_does_what_it_should() {
    let site = Site::shared();
    let agent = site.device("porch");
    for (line, action, args, level) in [
        ("lamp", "set", json!({ "value": true }), json!(true)),
        ("lamp", "toggle", json!({}), json!(false)),
        ("rose", "set", json!({ "value": "#ff8800" }), json!("#ff8800")),
    ] {
        let result = act(&site, line, action, args).ok();
        assert_eq!((&result["status"], &result["level"]), (&json!("executed"), &level), "{line} {action}");
        assert_eq!(site.line("porch", line)["reported"], level);
        assert_eq!(agent.levels(line).last(), Some(&level));
    }
    assert_eq!(site.line("porch", "lamp")["desired"], false, "the desired level is not stored");
    let mut panel = site.panel();
    agent.drive("bell", true);
    panel.until("the bell", |frame| frame["line"]["name"] == "bell" && frame["line"]["reported"] == true);
    assert_eq!(site.line("porch", "bell")["reported"], true);
}

#[test]
fn what_cannot_be_done_is_said_with_its_code() {
    let site = Site::shared();
    let _agent = site.device("porch");
    act(&site, "nothing", "set", json!({ "value": true })).is_problem(404, "unknown_line");
    act(&site, "door", "set", json!({ "value": true })).is_problem(422, "action_unsupported");
    act(&site, "bell", "pulse", json!({ "ms": 10 })).is_problem(422, "action_unsupported");
    act(&site, "door", "pulse", json!({ "ms": 0 })).is_problem(422, "invalid_arguments");
    act(&site, "lamp", "set", json!({ "value": 1 })).is_problem(422, "invalid_arguments");
    act(&site, "lamp", "set", json!({ "value": true, "x": 1 })).is_problem(422, "invalid_arguments");
    act(&site, "door", "pulse", json!({ "ms": 5001 })).is_problem(409, "refused_max_on");
    let absent = site.post("/api/v1/devices/shed/lines/door/pulse", &json!({ "ms": 10 }));
    absent.is_problem(404, "unknown_device");
}

#[test]
fn an_absent_device_is_refused_at_once_and_nothing_is_queued() {
    let site = Site::shared();
    let mut agent = site.device("porch");
    agent.stop();
    site.until_offline("porch");
    let before = agent.levels("lamp").len();
    act(&site, "lamp", "set", json!({ "value": true })).is_problem(503, "device_offline");
    agent.start();
    site.until_online("porch");
    assert_eq!(site.line("porch", "lamp")["reported"], false);
    let after: Vec<Value> = agent.levels("lamp").into_iter().skip(before).collect();
    assert!(!after.contains(&json!(true)), "{after:?}");
}

#[test]
fn an_id_is_one_command() {
    let site = Site::shared();
    let agent = site.device("porch");
    let once = site.with("idempotency-key", "ring-1");
    let path = "/api/v1/devices/porch/lines/relay/toggle";
    let first = once.post(path, &json!({})).ok();
    let again = once.post(path, &json!({})).ok();
    assert_eq!(first, again);
    assert_eq!(site.line("porch", "relay")["reported"], true, "toggled once");
    assert_eq!(agent.levels("relay").iter().filter(|level| **level == json!(true)).count(), 1);
    let other = once.post("/api/v1/devices/porch/lines/relay/set", &json!({ "value": false }));
    other.is_problem(409, "id_conflict");
    assert_eq!(site.get("/api/v1/commands/ring-1").ok()["status"], "executed");
    let odd = site.with("idempotency-key", &"x".repeat(65)).post(path, &json!({}));
    odd.is_problem(400, "invalid_request");
}

#[test]
fn a_socket_carries_commands_and_survives_nonsense() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let mut panel = site.panel();
    let devices = panel.snapshot["devices"].as_array().expect("devices").clone();
    assert_eq!(devices[0]["name"], "porch");
    assert_eq!(devices[0]["online"], true);
    let names: Vec<&Value> =
        devices[0]["lines"].as_array().unwrap().iter().map(|line| &line["name"]).collect();
    assert_eq!(names.len(), 5, "{names:?}");

    let result = panel.command("one", "porch", "relay", "set", json!({ "value": true }));
    assert_eq!((&result["type"], &result["status"]), (&json!("result"), &json!("executed")), "{result}");
    let refused = panel.command("two", "porch", "door", "pulse", json!({ "ms": 60_000 }));
    assert_eq!(
        (&refused["status"], &refused["code"]),
        (&json!("refused"), &json!("refused_max_on")),
        "{refused}"
    );
    let unknown = panel.command("three", "porch", "attic", "set", json!({ "value": true }));
    assert_eq!(unknown["problem"]["code"], "unknown_line", "{unknown}");
    for nonsense in ["", "{", "[]", "{\"type\":\"fly\"}", "{\"type\":\"command\",\"id\":7}"] {
        panel.send_text(nonsense);
        let answer = panel.until("a problem", |frame| frame["type"] == "problem");
        assert_eq!(answer["problem"]["code"], "invalid_request", "{nonsense}");
    }
    assert_eq!(panel.command("four", "porch", "relay", "toggle", json!({}))["status"], "executed");
    panel.send_text(&" ".repeat(17 * 1024));
    assert_eq!(panel.close_code(), 1009);
}

/// Every panel socket must receive every event, and the sequence numbers of the events must have no gaps.
#[test]
fn two_panels_agree() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let (mut one, mut other) = (site.panel(), site.panel());
    for number in 0..6 {
        let value = number % 2 == 0;
        let result = one.command(&format!("n{number}"), "porch", "relay", "set", json!({ "value": value }));
        assert_eq!(result["level"], value);
    }
    let collect = |panel: &mut e2e::Panel| {
        let mut seqs = vec![panel.snapshot["seq"].as_u64().expect("a number")];
        let mut levels = Vec::new();
        while levels.len() < 6 {
            let event = panel.until("an event", |frame| frame["type"] == "event");
            seqs.push(event["seq"].as_u64().expect("a number"));
            if event["line"]["name"] == "relay" {
                levels.push(event["line"]["reported"].clone());
            }
        }
        assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
        levels
    };
    assert_eq!(collect(&mut one), collect(&mut other));
}

#[test]
fn every_command_is_in_the_audit_log() {
    let site = Site::shared();
    let _agent = site.device("porch");
    act(&site, "relay", "set", json!({ "value": true })).ok();
    act(&site, "door", "pulse", json!({ "ms": 60_000 })).is_problem(409, "refused_max_on");
    let audit = site.get("/api/v1/audit").ok();
    let entries = audit["entries"].as_array().expect("entries");
    let find = |target: &str| {
        let found = entries.iter().find(|entry| entry["target"] == target);
        found.unwrap_or_else(|| panic!("{target} is not in {audit}"))
    };
    let done = find("porch/relay:set");
    assert_eq!((&done["actor"], &done["outcome"]), (&json!("owner"), &json!("executed")));
    assert!(done["jti"].is_string() && done["at_ms"].is_u64());
    assert_eq!(find("porch/door:pulse")["outcome"], "refused_max_on");
    assert!(entries.iter().any(|entry| entry["act"] == "setup"));
    assert!(entries.iter().any(|entry| entry["act"] == "enrol"));
}
