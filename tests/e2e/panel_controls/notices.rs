//! Tests the notices of the board: a doubt ends, blinking is not a failure, and no notice moves a control.

use e2e::proxy::Proxy;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Site};
use serde_json::{Value, json};

use crate::panel::in_browser;
use crate::panel_kinds::{hall, open, until_text};

const RELAY: &str = "[data-testid=line-porch-relay] .notices";

/// The device stops in the middle of a command. When the device answers at last, the page must say what happened,
/// without a reload. The page must do so too if it was not connected at that time.
#[test]
fn a_doubt_ends_when_the_device_answers() {
    let site = Site::shared();
    let agent = site.device("porch");
    let proxy = Proxy::start(site.deployment.origin(), 11);
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(&proxy.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("line-porch-relay", "data-level", "off").await;
        for loses_link in [false, true] {
            agent.pause();
            browser.click("action-porch-relay-set").await;
            browser.until("line-porch-relay", "data-state", "unknown").await;
            until_text(&browser, RELAY, "may have been executed").await;
            if loses_link {
                proxy.down();
                browser.find("stale").await;
            }
            agent.resume();
            if loses_link {
                let amended = |log: &Value| {
                    let entries = log["entries"].as_array().into_iter().flatten();
                    entries.filter(|entry| entry["outcome"] == "amended_expired").count() == 2
                };
                e2e::soon("the site has the late report", || {
                    amended(&site.get("/api/v1/audit").ok()).then_some(())
                });
                proxy.up();
                browser.until("link", "data-state", "connected").await;
            }
            until_text(&browser, RELAY, "It came too late and was not done. You can try again.").await;
        }
        browser.click("action-porch-relay-set").await;
        browser.until("line-porch-relay", "data-level", "on").await;
    });
}

/// While a lamp blinks, the reported level differs from the desired level again and again. No notice may say so, on any
/// page.
#[test]
fn a_lamp_that_blinks_does_not_differ() {
    let site = Site::shared();
    let agent = site.device("porch");
    in_browser(async {
        let (own, other) = (open(&site).await, open(&site).await);
        own.until("line-porch-lamp", "data-level", "off").await;
        own.click("action-porch-lamp-set").await;
        let watch = "window.differed = 0; new MutationObserver(() => {
                window.differed += document.querySelectorAll('.notice-differ').length;
            }).observe(document.querySelector('main'), { childList: true, subtree: true, attributes: true });";
        for browser in [&own, &other] {
            browser.until("line-porch-lamp", "data-level", "on").await;
            browser.run(watch, &[]).await;
        }
        own.click("action-porch-lamp-blink").await;
        e2e::soon("the lamp has blinked", || (agent.levels("lamp").len() >= 11).then_some(()));
        for browser in [&own, &other] {
            browser.until("line-porch-lamp", "data-level", "on").await;
            assert_eq!(browser.run("return window.differed", &[]).await, json!(0));
        }
    });
}

/// The places of all tiles and controls, and the controls that something else covers.
const LAYOUT: &str = "
    const shown = [...document.querySelectorAll('.line, main button, main input, h2')]
        .filter(one => !one.closest('.notices') && one.checkVisibility());
    const name = one => one.dataset.testid ?? one.ariaLabel ?? one.textContent;
    const places = shown.map(one => {
        const box = one.getBoundingClientRect();
        return [name(one), box.left, box.top + scrollY, box.width, box.height].join(' ');
    });
    const covered = shown.filter(one => one.matches('button, input')).filter(one => {
        one.scrollIntoView({ block: 'center', behavior: 'instant' });
        const box = one.getBoundingClientRect();
        const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
        return top?.closest('.notices');
    }).map(name);
    return [places, covered];";

#[test]
fn a_notice_moves_and_covers_no_control() {
    let site = Site::shared();
    let _agent = hall(&site);
    in_browser(async {
        let browser = open(&site).await;
        for width in [390, 1280] {
            browser.resize(width, 844).await;
            browser.until("line-hall-flap", "data-level", "90").await;
            let before = browser.run(LAYOUT, &[]).await;
            for (line, control) in [("flap", "End"), ("desk", "")] {
                if control == "End" {
                    browser.focus("action-hall-flap-set").await;
                    browser.hold_key("End", 35, 0).await;
                    browser.until("line-hall-flap", "data-state", "refused").await;
                } else {
                    browser.click("action-hall-desk-set-50").await;
                    browser.until("line-hall-desk", "data-level", "0.5").await;
                }
                let selector = format!("[data-testid=line-hall-{line}] .notice");
                browser
                    .until_told(
                        "return document.querySelector(arguments[0]) !== null",
                        &[json!(selector)],
                        |is| *is == json!(true),
                    )
                    .await;
                let during = browser.run(LAYOUT, &[]).await;
                assert_eq!(during, before, "{width} pixels: the notice of {line} moved or covers something");
            }
            let tall = "const box = document.querySelector('[data-testid=line-hall-flap] .notice').getBoundingClientRect();
                return box.height";
            let tall = browser.run(tall, &[]).await.as_f64().expect("a height");
            assert!(tall > 50.0, "{tall}: the test needs a notice of several lines");
            browser.picture(&format!("notice-{width}")).await;
            browser.run("document.querySelector('[data-testid=line-hall-flap] .dismiss').click()", &[]).await;
            browser.until("line-hall-flap", "data-state", "idle").await;
            assert_eq!(browser.run(LAYOUT, &[]).await[0], before[0], "{width} pixels: something moved back");
            site.post("/api/v1/devices/hall/lines/desk/set", &json!({ "value": 0 })).ok();
            browser.until("line-hall-desk", "data-level", "0").await;
        }
    });
}

/// Screen readers hear that the connection is back only after it was lost.
#[test]
fn the_first_connection_is_not_announced() {
    let site = Site::shared();
    let proxy = Proxy::start(site.deployment.origin(), 12);
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(&proxy.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("link", "data-state", "connected").await;
        let said = "return document.querySelector('[data-testid=said]').textContent";
        assert_eq!(browser.run(said, &[]).await, json!(""));
        proxy.cut();
        browser.until_told(said, &[], |said| *said == json!("The connection was restored.")).await;
    });
}
