//! Tests the devices page, on which a device is enrolled, observed, replaced and removed.

use e2e::agent::LINES;
use e2e::{Agent, Site, soon};
use serde_json::json;

use super::{Pages, in_browser};

/// Returns the enrolment string from the command that the page shows.
fn string(command: &str) -> &str {
    let rest = command.strip_prefix("pinlatch-agent enrol '").expect("a command");
    rest.strip_suffix('\'').expect("a quoted string")
}

#[test]
fn a_device_is_enrolled_watched_replaced_and_removed() {
    let site = Site::shared();
    in_browser(async {
        let pages = Pages::of(&site, "").await;
        pages.says("none", "No device").await;
        pages.click("enrol").await;
        pages.write("enrol-name", "Porch").await;
        pages.click("enrol-go").await;
        pages.says("failed", "is not allowed in a name").await;
        pages.write("enrol-name", "porch").await;
        pages.click("enrol-go").await;
        let command = pages.once().await;
        let mut agent = Agent::enrol(string(&command), LINES, &[]);
        agent.start();
        pages.click("dialog-close").await;
        pages.gone("dialog").await;
        // The page must show the device as online without a reload.
        pages.browser.until("device-card-porch", "data-online", "true").await;
        pages.click("device-porch").await;
        pages.says("heading", "Porch").await;
        pages.browser.until("presence", "data-online", "true").await;
        let version = env!("CARGO_PKG_VERSION");
        pages.says("version", version).await;
        pages.says("clock", "correct").await;
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
        pages.says("heading", "Manage devices").await;
        pages.gone("[data-testid=device-porch]").await;
        soon("the device is gone", || (site.get("/api/v1/devices/porch").status == 404).then_some(()));
        // The test opens the bookmarked URL of the removed device.
        pages.go("device/porch").await;
        pages.says("gone", "does not exist").await;
    });
}
