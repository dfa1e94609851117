//! Tests the facts that a device or the site reports and that every viewer sees: scheduled ends, blinking, devices that
//! do not answer, buttons, and the last command of a line.

use e2e::agent::Agent;
use e2e::outsiders::now;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Site};
use serde_json::{Value, json};
use xtask::simulated_lines;

use crate::panel::in_browser;
use crate::panel_screens::look;

const LINES: &str = simulated_lines! {
    "gate": "momentary", "max_on_ms = 60000";
    "pump": "switch", "max_on_ms = 600000";
    "lamp": "switch";
    "bell": "contact", "debounce_ms = 0", "presses = true";
};

fn yard(site: &Site<'_>) -> Agent {
    let mut agent = Agent::enrol(&site.enrolment("yard"), LINES, &[]);
    agent.start();
    site.until_online("yard");
    agent
}

async fn open(site: &Site<'_>) -> Browser {
    let browser = Browser::start(390, 844).await;
    browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
    browser.until("device-yard", "data-presence", "online").await;
    browser
}

/// Waits until the text of an element satisfies `wanted`, and returns the text.
async fn until_text(browser: &Browser, selector: &str, wanted: impl Fn(&str) -> bool) -> String {
    let script = "return document.querySelector(arguments[0])?.textContent ?? ''";
    let told =
        browser.until_told(script, &[json!(selector)], |text| text.as_str().is_some_and(&wanted)).await;
    told.as_str().unwrap_or_default().to_owned()
}

/// Returns the number of seconds in a text such as `2 s left`.
fn seconds_left(text: &str) -> Option<u32> {
    text.strip_suffix(" s left")?.parse().ok()
}

#[test]
fn every_viewer_sees_the_same_end_of_a_pulse() {
    let site = Site::shared();
    let _agent = yard(&site);
    in_browser(async {
        let one = open(&site).await;
        // The owner's command comes from another program, so no page knows its arguments.
        site.post("/api/v1/devices/yard/lines/gate/pulse", &json!({ "ms": 20_000 })).ok();
        let left = "[data-testid=\"action-yard-gate-left\"]";
        let is_exact = |text: &str| seconds_left(text).is_some_and(|left| left <= 20);
        until_text(&one, left, is_exact).await;
        let other = open(&site).await;
        until_text(&other, left, is_exact).await;
        one.client.refresh().await.expect("a reload");
        let after = until_text(&one, left, is_exact).await;
        // A countdown from `max_on_ms` would start at 60 s.
        assert!(seconds_left(&after).is_some_and(|left| left < 20), "{after}");

        site.post("/api/v1/devices/yard/lines/pump/set", &json!({ "value": true })).ok();
        let pump = "[data-testid=\"line-yard-pump\"] .readout-since";
        until_text(&one, pump, |text| text == "9 min left").await;
        until_text(&other, pump, |text| text == "9 min left").await;
    });
}

#[test]
fn a_blinking_line_says_so_to_every_viewer() {
    let site = Site::shared();
    let _agent = yard(&site);
    in_browser(async {
        let (one, other) = (open(&site).await, open(&site).await);
        site.post("/api/v1/devices/yard/lines/lamp/blink", &json!({ "period_ms": 1_000, "count": 1_000 }))
            .ok();
        for browser in [&one, &other] {
            browser.until("line-yard-lamp", "data-blinking", "true").await;
            until_text(browser, "[data-testid=\"line-yard-lamp\"] .readout strong", |text| {
                text == "blinking"
            })
            .await;
            // The level changes, and the text stays.
            browser.until("line-yard-lamp", "data-level", "off").await;
            browser.until("line-yard-lamp", "data-level", "on").await;
            until_text(browser, "[data-testid=\"line-yard-lamp\"] .readout strong", |text| {
                text == "blinking"
            })
            .await;
        }
        one.client.refresh().await.expect("a reload");
        one.until("line-yard-lamp", "data-blinking", "true").await;
        look(&one, "blinking").await;
        site.post("/api/v1/devices/yard/lines/lamp/set", &json!({ "value": true })).ok();
        for browser in [&one, &other] {
            browser.until("line-yard-lamp", "data-blinking", "false").await;
            until_text(browser, "[data-testid=\"line-yard-lamp\"] .readout strong", |text| text == "on")
                .await;
        }
    });
}

#[test]
fn a_device_that_does_not_answer_is_not_online() {
    let site = Site::shared();
    let agent = yard(&site);
    in_browser(async {
        let browser = open(&site).await;
        agent.pause();
        let path = "/api/v1/devices/yard/lines/lamp/toggle?deadline_ms=500";
        let answer = site.post(path, &json!({}));
        assert_eq!(answer.body["code"], "outcome_unknown");
        browser.until("device-yard", "data-presence", "silent").await;
        let presence = "[data-testid=\"device-yard\"] .presence";
        until_text(&browser, presence, |text| text == "not answering").await;
        assert_eq!(site.get("/api/v1/devices/yard").ok()["answering"], false);
        look(&browser, "not-answering").await;
        browser.client.refresh().await.expect("a reload");
        browser.until("device-yard", "data-presence", "silent").await;
        // The agent now reports that the command came too late.
        agent.resume();
        browser.until("device-yard", "data-presence", "online").await;
        until_text(&browser, presence, |text| text.starts_with("online")).await;
        assert_eq!(site.get("/api/v1/devices/yard").ok()["answering"], true);
    });
}

#[test]
fn a_button_is_pressed_and_not_closed() {
    let site = Site::shared();
    let agent = yard(&site);
    in_browser(async {
        let browser = open(&site).await;
        let bell = "[data-testid=\"line-yard-bell\"] .readout strong";
        until_text(&browser, bell, |text| text == "not pressed").await;
        agent.drive("bell", true);
        until_text(&browser, bell, |text| text == "pressed").await;
        agent.drive("bell", false);
        until_text(&browser, bell, |text| text == "not pressed").await;
        assert_eq!(site.line("yard", "bell")["presses"], true);
    });
}

#[test]
fn the_tile_says_who_opened_the_door_last_and_a_guest_does_not_see_it() {
    let site = Site::shared();
    let _agent = yard(&site);
    let request = json!({ "kind": "guest", "name": "Courier on Friday", "scope": "line:yard/gate:pulse",
        "expires_at": now() + 3_000 });
    let reply = site.post("/api/v1/tokens", &request).ok();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let link = text(&reply["link"]);
    in_browser(async {
        let (owner, guest) = (open(&site).await, Browser::start(390, 844).await);
        guest.client.goto(&link).await.expect("a page");
        guest.until("line-yard-gate", "data-level", "off").await;
        guest.hold("action-yard-gate-pulse").await;
        let last = "[data-testid=\"action-yard-gate-last\"]";
        until_text(&owner, last, |text| {
            text.starts_with("Opened ") && text.ends_with(" by Courier on Friday")
        })
        .await;
        guest.until("line-yard-gate", "data-level", "off").await;
        look(&owner, "last-command").await;
        site.post("/api/v1/devices/yard/lines/gate/pulse", &json!({ "ms": 20_000 })).ok();
        until_text(&owner, last, |text| text.ends_with(" by you")).await;
        owner.client.refresh().await.expect("a reload");
        until_text(&owner, last, |text| text.ends_with(" by you")).await;
        guest.until("line-yard-gate", "data-level", "on").await;
        let page = guest.client.source().await.expect("a page");
        assert!(!page.contains("gate-last"), "a guest sees who opened the gate");
    });
}
