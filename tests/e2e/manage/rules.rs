//! Tests the rules of a device on its page, and the actions of rules in the activity log and on the board.

use e2e::{Agent, Site, soon};
use serde_json::json;

use super::{Pages, in_browser};
use crate::panel_kinds::until_text;
use crate::panel_screens::look;
use crate::people::{client, join};
use xtask::simulated_lines;

const LINES: &str = concat!(
    simulated_lines! {
        "exit-button": "contact", "debounce_ms = 0", "presses = true";
        "door": "momentary", "max_on_ms = 5000";
        "cellar": "sensor", r#"unit = "°C""#, "precision = 1";
        "heater": "switch";
    },
    r#"
[[rules]]
name = "exit"
when = { line = "exit-button", press = "short" }
do = { line = "door", action = "pulse", args = { ms = 3000 } }

[[rules]]
name = "frost"
when = { line = "cellar", below = 4, hysteresis = 2 }
do = { line = "heater", action = "set", args = { value = true } }
"#
);

/// Enrols and starts a device with two rules, and waits until the edge knows the rules.
fn hut(site: &Site<'_>) -> Agent {
    let mut agent = Agent::enrol(&site.enrolment("hut"), LINES, &[]);
    agent.start();
    site.until_online("hut");
    soon("the edge knows the rules", || {
        let rules = site.get("/api/v1/devices/hut/rules");
        (rules.body["rules"].as_array().map(Vec::len) == Some(2)).then_some(())
    });
    agent
}

#[test]
fn the_rules_of_a_device_are_sentences_on_its_page() {
    let site = Site::shared();
    let _agent = hut(&site);
    let _other = site.device("porch");
    in_browser(async {
        let pages = Pages::of(&site, "device/hut").await;
        for width in [390, 1280] {
            pages.browser.resize(width, 900).await;
            pages.says("rule-exit", "When Exit button is pressed, Door opens for 3 s").await;
            let frost = "When Cellar falls below 4.0\u{a0}°C (again only after it has been above 6.0\u{a0}°C), Heater switches on";
            pages.says("rule-frost", frost).await;
            pages.says("rules", "also without the internet").await;
            pages.says("rules", "agent.toml").await;
            assert_eq!(pages.browser.overflow().await, json!(0), "{width}");
        }
        let columns = "const left = part => Math.round(document.querySelector(`[data-testid=lines] ${part} th`).getBoundingClientRect().left);
            return [left('thead'), left('tbody')]";
        let left = pages.browser.run(columns, &[]).await;
        assert_eq!(left[0], left[1], "the heads of the table of lines are above their columns");
        pages.browser.run("document.querySelector('[data-testid=rules]').scrollIntoView()", &[]).await;
        look(&pages.browser, "manage-device-rules").await;
        // A device without rules has no such section.
        pages.go("device/porch").await;
        pages.browser.find("device-key").await;
        pages.gone("[data-testid=rules]").await;
    });
}

#[test]
fn a_person_who_cannot_read_all_lines_sees_no_rules() {
    let site = Site::shared();
    let _agent = hut(&site);
    join(&site, "ben", json!({ "scope": "line:hut/door:read" }));
    let (ben, _) = client(&site, "ben");
    ben.get("/api/v1/devices/hut/rules").is_problem(403, "insufficient_scope");
    in_browser(async {
        let pages = Pages::of_person(&site, "ben", "device/hut").await;
        pages.browser.find("line-door").await;
        assert_eq!(pages.count("[data-testid=rules]").await, 0);
        let page = pages.browser.client.source().await.expect("a page");
        assert!(!page.contains("Exit button"), "the page names a line that the person cannot see");
    });
}

#[test]
fn an_action_of_a_rule_is_in_the_log_and_the_last_cause_of_its_line() {
    let site = Site::shared();
    let agent = hut(&site);
    agent.drive("exit-button", true);
    agent.drive("exit-button", false);
    soon("the door opens", || agent.levels("door").contains(&json!(true)).then_some(()));
    in_browser(async {
        let pages = Pages::of(&site, "activity").await;
        pages.says("log", "Exit (rule) opened Door (Hut) for 3 s").await;
        pages.click("filter").await;
        pages.choose("filter-actor", "rule:exit").await;
        pages.choose("filter-act", "rule").await;
        pages.click("filter-go").await;
        pages.gone(".entry[data-act=enrol]").await;
        pages.counts(".entry", 1).await;
        pages.click_in(".entry summary").await;
        pages.says("log", "Run of the agent").await;
        look(&pages.browser, "manage-activity-rule").await;

        let board = format!("{}/s/{}/", pages.origin, pages.site);
        pages.browser.client.goto(&board).await.expect("the board");
        until_text(&pages.browser, "[data-testid=\"action-hut-door-last\"]", "by Exit (rule)").await;
    });
}
