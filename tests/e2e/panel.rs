//! Tests the panel in a real browser.

use std::time::{Duration, Instant};

use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Site, soon};
use serde_json::json;

use crate::people::join;

/// Runs a browser test on a new tokio runtime.
pub fn in_browser(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

/// Logs in and presses the door's button. The simulated GPIO line must pulse, and the panel must show the pulse.
#[test]
fn the_door_opens_from_the_panel() {
    let site = Site::shared();
    let agent = site.device("porch");
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("link", "data-state", "connected").await;
        browser.until("device-porch", "data-online", "true").await;
        browser.until("line-porch-door", "data-level", "off").await;
        browser.hold("action-porch-door-pulse").await;
        browser.until("line-porch-door", "data-level", "on").await;
        assert_eq!(agent.levels("door").last(), Some(&json!(true)), "the door is not open");
        browser.until("line-porch-door", "data-level", "off").await;
        soon("the line is off", || (agent.levels("door").last() == Some(&json!(false))).then_some(()));
        let cookies = browser.client.execute("return document.cookie", vec![]).await.expect("a script");
        assert_eq!(cookies, json!(""), "a script can read a cookie");
        let stored = "return localStorage.length + sessionStorage.length";
        let stored = browser.client.execute(stored, vec![]).await.expect("a script");
        assert_eq!(stored, json!(0), "the browser stores data");
        browser.click("user-menu").await;
        browser.click("logout").await;
        browser.find("login-submit").await;
    });
}

/// A level change from any source must appear in every browser within 100 ms without a reload.
#[test]
fn two_browsers_agree() {
    let site = Site::shared();
    let agent = site.device("porch");
    in_browser(async {
        let (one, other) = (Browser::start(390, 844).await, Browser::start(1280, 800).await);
        for browser in [&one, &other] {
            browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
            browser.until("line-porch-relay", "data-level", "off").await;
        }
        one.click("action-porch-relay-set").await;
        one.until("line-porch-relay", "data-level", "on").await;
        other.until("line-porch-relay", "data-level", "on").await;
        // A script in the page records the time, so that WebDriver's polling interval does not affect the measurement.
        let watch = "const done = arguments[0];
            const line = document.querySelector('[data-testid=\"line-porch-rose\"]');
            new MutationObserver((_, own) => {
                if (line.dataset.level === '#00ff88') { own.disconnect(); window.seen = performance.timeOrigin + performance.now(); }
            }).observe(line, { attributes: true });
            return true;";
        other.client.execute(watch, vec![]).await.expect("a script");
        let began = Instant::now();
        let began_ms = unix_ms();
        site.post("/api/v1/devices/porch/lines/rose/set", &json!({ "value": "#00ff88" })).ok();
        let answered = began.elapsed();
        other.until("line-porch-rose", "data-level", "#00ff88").await;
        let seen = other.client.execute("return window.seen", vec![]).await.expect("a script");
        let took = seen.as_f64().expect("a time") - began_ms;
        println!("API call to another browser's screen: {took:.0} ms (the call itself {answered:?})");
        assert!(took < 100.0 + answered.as_secs_f64() * 1000.0, "{took} ms");
        agent.drive("bell", true);
        other.until("line-porch-bell", "data-level", "on").await;
        one.until("line-porch-bell", "data-level", "on").await;
    });
}

#[test]
fn a_refusal_and_an_absent_device_are_told_apart() {
    let site = Site::shared();
    let mut agent = site.device("porch");
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("line-porch-door", "data-level", "off").await;
        browser.hold("action-porch-door-pulse").await;
        browser.until("line-porch-door", "data-level", "on").await;
        agent.stop();
        browser.until("device-porch", "data-online", "false").await;
        browser.until("line-porch-relay", "data-state", "offline").await;
        let button = browser.find("action-porch-relay-set").await;
        assert!(!button.is_enabled().await.expect("an answer"), "an absent device's controls are disabled");
        agent.start();
        browser.until("device-porch", "data-online", "true").await;
        browser.until("line-porch-relay", "data-state", "idle").await;
        browser.click("action-porch-relay-set").await;
        browser.until("line-porch-relay", "data-level", "on").await;
    });
}

/// Two people use the same board, and the session of one person ends during an action. The page of that person must
/// show the end of the session, and the action must run only once. After a new login, the page must show the current
/// state. The page of the other person must show every change.
#[test]
fn a_session_that_ends_in_the_middle_of_an_action_is_told() {
    let site = Site::shared();
    let agent = site.device("porch");
    join(&site, "ben", json!({ "role": "operator" }));
    in_browser(async {
        let (ann, ben) = (Browser::start(1280, 800).await, Browser::start(390, 844).await);
        for (browser, name) in [(&ann, OWNER), (&ben, "ben")] {
            browser.log_in(site.deployment.origin(), &site.name, name, PASSWORD).await;
            browser.until("line-porch-relay", "data-level", "off").await;
        }
        agent.pause();
        ben.click("action-porch-relay-set").await;
        ben.until("line-porch-relay", "data-state", "pending").await;
        site.send_json("DELETE", "/api/v1/users/ben/sessions", &json!({})).ok();
        // The agent resumes at once, because the command has a deadline of 5 s.
        agent.resume();
        ben.find("login-notice").await;
        // The edge accepted the command before the session ended, so the command must run once.
        ann.until("line-porch-relay", "data-level", "on").await;
        ben.log_in(site.deployment.origin(), &site.name, "ben", PASSWORD).await;
        ben.until("line-porch-relay", "data-level", "on").await;
        ben.until("line-porch-relay", "data-state", "idle").await;
        assert_eq!(agent.levels("relay").iter().filter(|level| **level == json!(true)).count(), 1);
        ann.click("action-porch-relay-set").await;
        ben.until("line-porch-relay", "data-level", "off").await;
    });
}

#[test]
fn a_wrong_password_is_said_and_nothing_else() {
    let site = Site::shared();
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, "not the password").await;
        let error = browser.find("login-error").await;
        let text = error.text().await.expect("a text");
        assert!(!text.is_empty());
        assert!(
            browser.client.execute("return document.cookie", vec![]).await.expect("a script") == json!("")
        );
    });
}

fn unix_ms() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or(Duration::ZERO).as_secs_f64() * 1000.0
}
