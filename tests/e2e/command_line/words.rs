//! Tests that commands accept values as people write them, and that errors say what is possible.

use e2e::agent::Agent;
use e2e::site::OWNER;
use e2e::{Site, soon};
use serde_json::{Value, json};
use xtask::simulated_lines;

use super::shell::Shell;

const SHED: &str = simulated_lines! {
    "desk": "dimmer";
    "flap": "servo", "safe = 0";
    "heat": "sensor", "unit = \"°C\"", "precision = 1";
};

#[test]
fn values_are_taken_as_people_write_them() {
    let site = Site::shared();
    let (porch, mut shed) = (site.device("porch"), Agent::enrol(&site.enrolment("shed"), SHED, &[]));
    shed.start();
    site.until_online("shed");
    let owner = Shell::new();
    owner.log_in(&site, OWNER);
    let send = |words: &[&str]| owner.says(&[&["send"], words].concat(), "")["level"].clone();
    assert_eq!(send(&["shed/desk", "set", "50%"]), json!(0.5));
    assert_eq!(send(&["shed/desk", "set", "25", "%"]), json!(0.25));
    assert_eq!(send(&["shed/desk", "off"]), json!(0.0));
    assert_eq!(send(&["Shed/Flap", "set", "45°"]), json!(45.0));
    assert_eq!(send(&["porch/rose", "set", "red"]), json!("#ff2010"));
    assert_eq!(send(&["porch/rose", "warm", "white"]), json!("#ffc47a"));
    assert_eq!(send(&["porch/rose", "set", "#f80"]), json!("#ff8800"));
    assert_eq!(send(&["porch/lamp", "on"]), json!(true));
    assert_eq!(
        porch.levels("rose"),
        [json!("#000000"), json!("#ff2010"), json!("#ffc47a"), json!("#ff8800")]
    );
    assert_eq!(owner.shows(&["send", "shed/desk", "50%"]), "shed/desk set: executed, now 50 %\n");
    assert_eq!(owner.shows(&["send", "shed/desk", "0.25"]), "shed/desk set: executed, now 25 %\n");
    assert_eq!(owner.shows(&["send", "porch/rose", "blue"]), "porch/rose set: executed, now blue\n");
    assert_eq!(owner.says(&["open", "porch/door", "0.2s"], "")["action"], "pulse");
    soon("the door is closed", || (porch.levels("door").last() == Some(&json!(false))).then_some(()));
    assert_eq!(owner.says(&["send", "porch/door", "pulse", "200", "ms"], "")["status"], "executed");

    shed.drive_to("heat", &json!(23.94));
    let listed =
        soon("the reading arrives", || Some(owner.shows(&["devices"])).filter(|text| text.contains("23.9")));
    assert!(listed.contains("23.9 °C") && listed.contains("25 %") && listed.contains("blue"), "{listed}");
}

#[test]
fn an_error_says_what_is_possible() {
    let site = Site::shared();
    let (porch, mut shed) = (site.device("porch"), Agent::enrol(&site.enrolment("shed"), SHED, &[]));
    shed.start();
    site.until_online("shed");
    let owner = Shell::new();
    owner.log_in(&site, OWNER);
    let moves = |agent: &Agent| agent.journal().len();
    let before = (moves(&porch), moves(&shed));
    for (words, text) in [
        (&["send", "shed/desk", "set", "50"][..], "a dimmer takes 0 to 1, such as 0.5, or 50%"),
        (&["send", "shed/desk", "150%"], "a dimmer takes 0 to 1, such as 0.5, or 50%"),
        (&["send", "shed/flap", "set", "400"], "a servo takes an angle from 0 to 180 degrees, such as 90"),
        (&["send", "shed/flap", "50%"], "a servo takes an angle from 0 to 180 degrees, such as 90"),
        (&["send", "porch/lamp", "set", "dim"], "a switch takes on or off"),
        (&["send", "porch/rose", "set", "#ff2d7"], "an rgb line takes a colour: off, white, warm white, red"),
        (&["send", "porch/rose", "set"], "a shell ignores the text after #"),
        (&["send", "porch/door", "pulse", "2min"], "a pulse lasts from 1 ms to 60 s, such as 500ms or 3s"),
        (&["send", "porch/door", "pulse", "2min"], "this line may be on for 5 s at most (max_on_ms)"),
        (
            &["open", "porch/door", "60s"],
            "The device refused the command (refused_max_on): this line may be on for 5 s at most (max_on_ms)",
        ),
        (&["send", "porch/rose", "toggle"], "an rgb line does not support"),
        (
            &["send", "porch/lmap", "on"],
            "porch has no line lmap; did you mean lamp? It has: door, lamp, relay, bell, rose",
        ),
        (
            &["send", "prch/lamp", "on"],
            "the site has no device prch; did you mean porch? It has: porch, shed",
        ),
        (&["send", "shde/desk", "50%"], "did you mean shed?"),
        (&["device", "remove", "prch"], "did you mean porch?"),
        (&["user", "remove", "ownr"], "the site has no person ownr; did you mean owner? It has: owner"),
        (&["user", "sessions", "onwer"], "did you mean owner?"),
        (&["user", "end-session", "-x"], "no open login of owner has the id -x. There are: "),
        (&["guest", "revoke", "nothing"], "no API token or guest link of the site has the id nothing"),
    ] {
        let complaint = owner.complains(words);
        assert!(complaint.contains(text), "{words:?}: {complaint}");
    }
    assert_eq!((moves(&porch), moves(&shed)), before, "a refused command moves nothing");

    let token = owner.says(&["token", "create", "cron", "--scope", "line:porch/lamp:set"], "");
    let jti = token["token"]["jti"].as_str().expect("an id");
    let complaint = owner.complains(&["token", "revoke", "Cron"]);
    assert!(complaint.contains(&format!("Cron is a name; use the id: {jti}")), "{complaint}");
    owner.says(&["token", "revoke", jti], "");

    // The problem document for programs contains only what the edge said.
    let output = owner.run(&["--json", "open", "porch/door", "60s"], "");
    let document: Value = serde_json::from_slice(&output.stdout).expect("a problem");
    assert_eq!((&document["code"], &document["detail"]), (&json!("refused_max_on"), &Value::Null));

    shed.kill();
    site.until_offline("shed");
    let complaint = owner.complains(&["send", "shed/desk", "50%"]);
    assert!(complaint.contains("(device_offline): shed is offline since 20"), "{complaint}");
    let listed = owner.shows(&["device", "list"]);
    assert!(listed.contains("shed  offline since 20") && listed.contains("(last known)"), "{listed}");
}
