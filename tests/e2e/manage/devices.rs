//! Tests the devices page, on which a device is enrolled, observed, replaced and removed.

use e2e::agent::LINES;
use e2e::{Agent, Site, soon};
use serde_json::json;

use super::{Pages, in_browser};
use crate::panel_screens::look;

/// Returns the enrolment string from the command that the page shows.
fn string(command: &str) -> &str {
    let rest = command.strip_prefix("echo '").expect("a command");
    rest.strip_suffix("' | sudo pinlatch-agent enrol -").expect("a quoted string")
}

#[test]
fn a_device_is_enrolled_watched_replaced_and_removed() {
    let site = Site::shared();
    in_browser(async {
        let pages = Pages::of(&site, "").await;
        pages.says("none", "No device").await;
        pages.click("enrol").await;
        pages.write("enrol-name", "Garten Haus").await;
        pages.click("enrol-go").await;
        pages.says("failed", "“garten-haus”").await;
        pages.says("suggestion", "garten-haus").await;
        pages.click("suggestion").await;
        pages.gone("[data-testid=failed]").await;
        let typed = pages.ask("return document.querySelector('[data-testid=enrol-name]').value").await;
        assert_eq!(typed, "garten-haus");
        pages.write("enrol-name", "porch").await;
        pages.click("enrol-go").await;
        let command = pages.once().await;
        assert_eq!(pages.ask("return document.activeElement.dataset.testid").await, "copy");
        let name = "return document.querySelector('[data-testid=once]').getAttribute('aria-label')";
        assert_eq!(pages.ask(name).await, "Enrolment command");
        assert_eq!(pages.count("[data-testid=show-qr]").await, 0, "a device cannot scan a QR code");
        pages.browser.until("enrolling", "data-progress", "waiting").await;
        pages.says("enrol-dialog", "within the next hour (until ").await;
        let mut agent = Agent::enrol(string(&command), LINES, &[]);
        pages.browser.until("enrolling", "data-progress", "enrolled").await;
        pages.says("enrolling", "Porch is enrolled · waiting for it to connect").await;
        pages.gone("[data-testid=once]").await;
        agent.start();
        pages.browser.until("enrolling", "data-progress", "connected").await;
        pages.says("enrolling", "connected").await;
        pages.click("enrolled-close").await;
        pages.gone("dialog").await;
        // The page must show the device as online without a reload.
        pages.browser.until("device-card-porch", "data-online", "true").await;
        for part in ["Online", "just now", env!("CARGO_PKG_VERSION")] {
            pages.says("device-card-porch", part).await;
        }
        let warnings = "return document.querySelector('[data-testid=device-card-porch] .warning')";
        assert_eq!(pages.ask(warnings).await, serde_json::Value::Null, "a healthy device has a warning");
        pages.click("device-porch").await;
        pages.says("heading", "Porch").await;
        pages.click("back").await;
        pages.says("heading", "Devices").await;
        pages.click("device-porch").await;
        pages.says("heading", "Porch").await;
        // The details are in an even grid.
        for (width, columns) in [(390, 2), (1280, 4)] {
            pages.browser.resize(width, 900).await;
            let lefts = "return new Set([...document.querySelectorAll('.device-facts > div')]
                .map(fact => Math.round(fact.getBoundingClientRect().left))).size";
            assert_eq!(pages.ask(lefts).await, json!(columns), "at {width}");
        }
        pages.browser.until("presence", "data-online", "true").await;
        let version = env!("CARGO_PKG_VERSION");
        pages.says("version", version).await;
        pages.says("clock", "right").await;
        for fact in ["up", "certificate"] {
            let text = pages.browser.find(fact).await.text().await.expect("a text");
            assert!(text.contains(|c: char| c.is_ascii_digit()), "{fact}: {text}");
        }
        pages.says("enrolled", "today").await;

        pages.browser.until("line-lamp", "data-level", "off").await;
        site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": true })).ok();
        pages.browser.until("line-lamp", "data-level", "on").await;
        pages.says("events", "Lamp: on.").await;
        agent.stop();
        pages.says("events", "The device went offline.").await;
        agent.start();
        pages.says("events", "The device came online.").await;

        pages.click("replace").await;
        pages.click("replace-go").await;
        let mut other = Agent::enrol(string(&pages.once().await), LINES, &[]);
        pages.click("dialog-close").await;
        pages.gone("dialog").await;
        agent.stop();
        other.start();
        site.until_online("porch");
        pages.browser.until("presence", "data-online", "true").await;

        pages.click("remove").await;
        pages.says("remove-dialog", "no longer accepted").await;
        pages.click("confirm").await;
        pages.says("heading", "Devices").await;
        pages.gone("[data-testid=device-porch]").await;
        soon("the device is gone", || (site.get("/api/v1/devices/porch").status == 404).then_some(()));
        // The test opens the bookmarked URL of the removed device.
        pages.go("device/porch").await;
        pages.says("gone", "does not exist").await;
    });
}

/// The dialog for a new device must warn that a device of this name is replaced, before it creates an enrolment string.
#[test]
fn enrolling_an_existing_name_warns_before_a_string_is_made() {
    let site = Site::shared();
    let mut old = site.device("porch");
    in_browser(async {
        let pages = Pages::of(&site, "devices").await;
        pages.browser.until("device-card-porch", "data-online", "true").await;
        pages.click("enrol").await;
        pages.write("enrol-name", "shed").await;
        assert_eq!(pages.text("enrol-go").await, "Create enrolment string");
        assert_eq!(pages.count("[data-testid=replaces]").await, 0);
        pages.write("enrol-name", "porch").await;
        pages.says("replaces", "Porch exists already").await;
        pages.says("replaces", "only the new computer has access").await;
        assert_eq!(pages.text("enrol-go").await, "Replace device");
        assert_eq!(site.get("/api/v1/enrolments").ok(), json!([]), "a string was made before the warning");
        look(&pages.browser, "manage-enrol-existing").await;
        pages.click("enrol-go").await;
        let command = pages.once().await;
        pages.browser.until("enrolling", "data-progress", "waiting").await;
        let mut new = Agent::enrol(string(&command), LINES, &[]);
        pages.browser.until("enrolling", "data-progress", "enrolled").await;
        old.stop();
        new.start();
        pages.browser.until("enrolling", "data-progress", "connected").await;
        look(&pages.browser, "manage-enrolled").await;
    });
}
