//! Tests every kind of GPIO line in a real browser. The panel must show the level that the device reported.

use e2e::agent::Agent;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Site, soon};
use serde_json::{Value, json};

use crate::panel::in_browser;
use xtask::simulated_lines;

const LINES: &str = concat!(
    simulated_lines! {
        "desk": "dimmer";
        "flap": "servo", "safe = 90", "range_deg = [20, 160]";
        "heat": "sensor", r#"unit = "°C""#, "precision = 1";
        "bell": "contact", "debounce_ms = 0", "presses = true", "long_press_ms = 60000";
        "rose": "rgb";
        "up": "switch";
        "gate": "momentary", "max_on_ms = 60000";
        "mark": "switch";
    },
    r#"
[interlocks.hoist]
lines = ["up", "gate"]
dead_time_ms = 0
"#
);

pub fn hall(site: &Site<'_>) -> Agent {
    let mut agent = Agent::enrol(&site.enrolment("hall"), LINES, &[]);
    agent.start();
    site.until_online("hall");
    agent
}

pub async fn open(site: &Site<'_>) -> Browser {
    let browser = Browser::start(390, 844).await;
    browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
    browser.until("link", "data-state", "connected").await;
    browser
}

/// Moves a slider and releases the slider at `value`.
async fn slide(browser: &Browser, testid: &str, value: u32) {
    let script = "const slider = document.querySelector(`[data-testid=\"${arguments[0]}\"]`);
        slider.value = arguments[1];
        slider.dispatchEvent(new Event('input', { bubbles: true }));
        slider.dispatchEvent(new Event('change', { bubbles: true }));";
    browser.client.execute(script, vec![json!(testid), json!(value)]).await.expect("a script");
}

/// Waits until the text of an element contains `part`.
pub async fn until_text(browser: &Browser, selector: &str, part: &str) {
    let script = "return document.querySelector(arguments[0])?.textContent ?? ''";
    let says = |text: &Value| text.as_str().is_some_and(|text| text.contains(part));
    browser.until_told(script, &[json!(selector)], says).await;
}

#[test]
fn a_dimmer_is_slid_and_tapped() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = open(&site).await;
        browser.until("line-hall-desk", "data-level", "0").await;
        slide(&browser, "action-hall-desk-set", 40).await;
        browser.until("line-hall-desk", "data-level", "0.4").await;
        assert_eq!(agent.levels("desk").last(), Some(&json!(0.4)));
        let before = agent.levels("desk").len();
        browser.click("action-hall-desk-set-100").await;
        browser.until("line-hall-desk", "data-level", "1").await;
        browser.until("action-hall-desk-set-100", "aria-pressed", "true").await;
        assert!(agent.levels("desk").len() > before + 2, "a tap did not fade");
        // Each press of an arrow key moves the slider by one step. The slider must then show the level that the device
        // reported.
        let slider = browser.find("action-hall-desk-set").await;
        slider.send_keys("\u{e012}").await.expect("a key");
        browser.until("line-hall-desk", "data-level", "0.99").await;
        browser.until("line-hall-desk", "data-state", "idle").await;
        assert_eq!(slider.prop("value").await.expect("a value").as_deref(), Some("99"));
    });
}

#[test]
fn a_servo_turns_within_its_range_and_says_why_not() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = open(&site).await;
        browser.until("line-hall-flap", "data-level", "90").await;
        slide(&browser, "action-hall-flap-set", 120).await;
        browser.until("line-hall-flap", "data-level", "120").await;
        slide(&browser, "action-hall-flap-set", 175).await;
        browser.until("line-hall-flap", "data-state", "refused").await;
        until_text(&browser, "[data-testid=line-hall-flap] .notice-refused", "range").await;
        let slider = browser.find("action-hall-flap-set").await;
        assert_eq!(slider.prop("value").await.expect("a value").as_deref(), Some("120"), "a wrong level");
        assert_eq!(agent.levels("flap").last(), Some(&json!(120.0)));
    });
}

#[test]
fn a_sensor_shows_unit_trace_and_failure() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = open(&site).await;
        browser.until("line-hall-heat", "data-kind", "sensor").await;
        agent.drive_to("heat", &json!(20.04));
        until_text(&browser, "[data-testid=line-hall-heat] .reading", "20.0\u{a0}°C").await;
        agent.drive_to("heat", &json!(21.5));
        until_text(&browser, "[data-testid=line-hall-heat] .reading", "21.5\u{a0}°C").await;
        let trace = browser.find("action-hall-heat-trace").await;
        let label = trace.attr("aria-label").await.expect("an attribute").unwrap_or_default();
        assert!(label.contains("20.0\u{a0}°C to 21.5\u{a0}°C"), "{label}");
        agent.drive_to("heat", &Value::Null);
        browser.until("line-hall-heat", "data-level", "unknown").await;
        until_text(&browser, "[data-testid=line-hall-heat] .readout", "Check the wiring").await;
    });
}

#[test]
fn a_press_is_shown_and_told() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = open(&site).await;
        browser.until("line-hall-bell", "data-level", "off").await;
        agent.drive("bell", true);
        browser.until("line-hall-bell", "data-level", "on").await;
        agent.drive("bell", false);
        browser.until("action-hall-bell-press", "data-long", "false").await;
        until_text(&browser, "[data-testid=said]", "Bell: Pressed.").await;
        // The panel must show the press of the bell for a short time only.
        let gone = fantoccini::Locator::Css("[data-testid=line-hall-bell]:not(:has(.pressed))");
        browser.client.wait().for_element(gone).await.expect("the press is gone");
    });
}

#[test]
fn an_interlock_refuses_and_a_pulse_shows_what_is_left() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = open(&site).await;
        browser.until("line-hall-gate", "data-level", "off").await;
        // This pulse is longer than the pulses that the panel sends, so that the pulse does not end too early on a slow
        // host.
        site.post("/api/v1/devices/hall/lines/gate/pulse", &json!({ "ms": 7_000 })).ok();
        browser.until("line-hall-gate", "data-level", "on").await;
        browser.click("action-hall-up-set").await;
        browser.until("line-hall-up", "data-state", "refused").await;
        until_text(&browser, "[data-testid=line-hall-up] .notice-refused", "interlocked line").await;
        assert!(agent.levels("up").iter().all(|level| *level == json!(false)));
        browser.until("line-hall-gate", "data-level", "off").await;
        until_text(&browser, "[data-testid=action-hall-gate-left]", "for 3 s").await;
        browser.hold("action-hall-gate-pulse").await;
        until_text(&browser, "[data-testid=action-hall-gate-left]", "s left").await;
        let ring = "return getComputedStyle(document.querySelector('.ring-left')).animationDuration";
        let ring = browser.client.execute(ring, vec![]).await.expect("a script");
        // The device reports the end of the pulse, so the ring starts with the time that is left.
        let left =
            ring.as_str().and_then(|ring| ring.strip_suffix('s')).and_then(|ring| ring.parse::<f64>().ok());
        assert!(left.is_some_and(|left| (2.0..=3.0).contains(&left)), "{ring}");
        soon("the gate is shut", || (agent.levels("gate").last() == Some(&json!(false))).then_some(()));
    });
}
