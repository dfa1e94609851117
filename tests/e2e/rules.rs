//! Tests that the edge records what the rules of a device did, also while the edge was away and after a power cut, and
//! that the level of a rule is desired.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{Agent, Deployment, HostLock, Site, eventually, soon};
use serde_json::{Value, json};
use xtask::simulated_lines;

const LINES: &str = simulated_lines! {
    "button": "contact", "debounce_ms = 0";
    "door": "momentary", "max_on_ms = 5000";
    "dark": "contact", "debounce_ms = 0";
    "lamp": "switch", "retain = true";
};

const RULES: &str = r#"
[[rules]]
name = "exit"
when = { line = "button", goes = "on" }
do = { line = "door", action = "pulse", args = { ms = 20 } }
[[rules]]
name = "dusk"
when = { line = "dark", goes = "on" }
do = { line = "lamp", action = "set", args = { value = true } }
"#;

fn enrolled(site: &Site<'_>, keys: &str) -> Agent {
    let mut agent = Agent::enrol_with(&site.enrolment("porch"), &format!("{LINES}{RULES}"), keys, &[], &[]);
    agent.start();
    site.until_online("porch");
    agent
}

/// Presses the button, and waits until the door was on and off again.
fn press(agent: &Agent) {
    let before = agent.levels("door").len();
    agent.drive("button", true);
    soon("the door opens and closes", || (agent.levels("door").len() >= before + 2).then_some(()));
    agent.drive("button", false);
}

/// Returns the audit entries about rules, oldest first.
fn recorded(site: &Site<'_>) -> Vec<Value> {
    let page = site.get("/api/v1/audit?act=rule").ok();
    let mut entries = page["entries"].as_array().expect("entries").clone();
    entries.reverse();
    entries
}

fn until_recorded(site: &Site<'_>, count: usize) -> Vec<Value> {
    let entries = eventually(Duration::from_secs(60), "the reports are recorded", || {
        let entries = recorded(site);
        (entries.len() >= count).then_some(entries)
    });
    assert_eq!(entries.len(), count, "{entries:#?}");
    entries
}

fn number(entry: &Value) -> (String, u64) {
    (entry["boot"].as_str().expect("a run").to_owned(), entry["n"].as_u64().expect("a number"))
}

#[test]
fn reports_are_recorded_exactly_once_after_the_edge_and_the_power_were_away() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let mut agent = enrolled(&site, "rules_journal = true\n");
    press(&agent);
    let first = until_recorded(&site, 1).remove(0);
    let (run, n) = number(&first);
    assert_eq!((&first["actor"], &first["target"], n), (&json!("rule:exit"), &json!("porch/door:pulse"), 1));
    assert_eq!((&first["outcome"], &first["args"]), (&json!("executed"), &json!("{\"ms\":20}")));
    let last = site.line("porch", "door")["last"].clone();
    assert_eq!(last["by"], json!({ "kind": "rule", "name": "exit" }));

    edge.edge().kill_hard();
    press(&agent);
    press(&agent);
    let pressed_ms =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis();
    let journal = agent.config_file().with_file_name("state").join("rules-journal.jsonl");
    // The journal can still contain the first report, because only the pong to a ping confirms it.
    let stored = |last: Option<u64>| {
        eventually(Duration::from_secs(60), "the journal is on the disk", || {
            let text = std::fs::read_to_string(&journal).ok()?;
            let report = text.lines().last().map(serde_json::from_str::<Value>);
            (report.transpose().ok()?.and_then(|report| report["run"]["n"].as_u64()) == last).then_some(())
        });
    };
    stored(Some(3));
    agent.kill();
    agent.start();
    press(&agent);
    stored(Some(1));
    edge.edge().restart().expect("workerd");
    agent.hang_up();
    let entries = until_recorded(&site, 4);
    let numbers: Vec<_> = entries.iter().map(number).collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(numbers[..3], [1, 2, 3].map(|n| (run.clone(), n)));
    assert!(numbers[3].0 != run && numbers[3].1 == 1, "another run of the agent: {numbers:?}");
    for entry in &entries[1..3] {
        let happened_ms = entry["happened_ms"].as_u64().expect("a time");
        let away_ms = u128::from(happened_ms).abs_diff(pressed_ms);
        assert!(away_ms < 5_000, "the time of the press, also after a restart: {away_ms} ms");
        assert!(entry["at_ms"].as_u64().expect("a time") > happened_ms);
    }
    stored(None);

    // A new connection sends only reports that the edge has not confirmed.
    agent.stop();
    site.until_offline("porch");
    agent.start();
    site.until_online("porch");
    press(&agent);
    until_recorded(&site, 5);
}

#[test]
fn the_level_of_a_rule_stays_when_the_device_connects_again() {
    let site = Site::shared();
    let mut agent = enrolled(&site, "");
    let lamp = |level: bool| {
        site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": level })).ok();
        assert_eq!(site.line("porch", "lamp")["desired"], level);
    };
    lamp(true);
    lamp(false);
    agent.drive("dark", true);
    soon("the level of the rule is desired", || {
        (site.line("porch", "lamp")["desired"] == true).then_some(())
    });
    agent.drive("dark", false);
    // A command replaces the level of the rule, also after a restart.
    lamp(false);
    agent.stop();
    site.until_offline("porch");
    agent.start();
    site.until_online("porch");
    assert_eq!(site.line("porch", "lamp")["desired"], false);
    assert_eq!(agent.levels("lamp").last(), Some(&json!(false)));
}

#[test]
fn a_rule_without_a_connection_decides_the_desired_level() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let agent = enrolled(&site, "");
    site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": false })).ok();
    edge.edge().kill_hard();
    agent.drive("dark", true);
    soon("the lamp is on", || (agent.levels("lamp").last() == Some(&json!(true))).then_some(()));
    let levels = agent.levels("lamp").len();
    edge.edge().restart().expect("workerd");
    agent.hang_up();
    until_recorded(&site, 1);
    let lamp = site.line("porch", "lamp");
    assert_eq!((&lamp["desired"], &lamp["reported"]), (&json!(true), &json!(true)), "{lamp}");
    assert_eq!(agent.levels("lamp").len(), levels, "the edge has not restored the older level");
}

#[test]
fn a_reload_changes_the_rules_that_the_edge_shows() {
    let site = Site::shared();
    let agent = enrolled(&site, "");
    let shown = || site.get("/api/v1/devices/porch/rules").ok()["rules"].as_array().expect("rules").clone();
    let names = |rules: &[Value]| rules.iter().map(|rule| rule["name"].clone()).collect::<Vec<_>>();
    let rules = soon("the rules arrive", || Some(shown()).filter(|rules| !rules.is_empty()));
    assert_eq!(names(&rules), ["exit", "dusk"]);
    assert_eq!(rules[0]["when"], json!({ "type": "goes", "line": "button", "on": true }));
    let levels = agent.journal().len();
    let text = std::fs::read_to_string(agent.config_file()).expect("a configuration");
    let without = text.replace(RULES, "");
    assert_ne!(text, without);
    std::fs::write(agent.config_file(), without).expect("a configuration");
    agent.hang_up();
    soon("the rules are gone", || shown().is_empty().then_some(()));
    assert_eq!(agent.journal().len(), levels, "no line was touched");
}
