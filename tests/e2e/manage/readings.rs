//! Tests signed readings and the device's key on the page of a device.

use e2e::{Agent, Site, soon};
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::identity::DeviceIdentity;
use pinlatch_token::reading::Reading;
use serde_json::{Value, json};

use super::{Pages, in_browser};
use crate::panel_kinds::hall;
use crate::panel_screens::look;
use xtask::simulated_lines;

/// Verifies a reading as the command on the page does: with the owner's root key, the device's identity and the nonce.
fn verified(site: &Site<'_>, token: &str, nonce: &str) -> Reading {
    let (root, identity) = (site.deployment.root_key(), site.identity("hall"));
    let name = Name::new(&site.name).expect("a name");
    let device = DeviceIdentity::verify(&identity, &root.public(), &name, None).expect("an identity");
    Reading::verify(token, &device, Some(nonce)).expect("a reading")
}

/// Returns the nonce in the command that verifies a reading.
fn nonce(command: &str) -> &str {
    let rest = command.split_once("--nonce ").expect("a nonce").1;
    rest.split(' ').next().expect("a nonce")
}

#[test]
fn a_line_is_read_with_the_signature_of_its_device() {
    let site = Site::shared();
    let agent = hall(&site);
    agent.drive_to("heat", &json!(21.5));
    in_browser(async {
        let pages = Pages::of(&site, "device/hall").await;
        pages.browser.until("line-heat", "data-level", "21.5").await;
        pages.watch_files().await;
        pages.click("read-heat").await;
        pages.browser.until("reading-state", "data-state", "answered").await;
        pages.says("reading-value", "21.5\u{a0}°C").await;
        pages.says("reading-clock", "signed time, uncertain by").await;
        pages.says("reading-dialog", "cannot prove that the server is honest").await;
        pages.says("reading-unconfirmed", "pinlatch device confirm hall").await;
        let (token, command) = (pages.value("reading").await, pages.value("verify").await);
        let reading = verified(&site, &token, nonce(&command));
        assert_eq!((reading.line.as_str(), reading.level), ("heat", Level::Number(21.5)));
        look(&pages.browser, "manage-reading").await;

        pages.click("reading-copy").await;
        pages.says("reading-said", "o").await;
        pages.click("reading-save").await;
        let (file, saved) = pages.saved(1).await;
        assert_eq!(saved, token);
        assert!(file.starts_with("hall-heat-20") && file.ends_with("Z.jwt") && !file.contains(':'), "{file}");
        assert!(command.ends_with(&format!(
            "--root root-public.jwk --device hall.jwt --nonce {} < {file}",
            nonce(&command)
        )));
        pages.says("reading-said", "Saved").await;

        // Each question has a new nonce.
        pages.click("reading-again").await;
        let other = "const again = document.querySelector('[data-testid=reading]')?.value;
            return again !== undefined && again !== arguments[0]";
        pages.browser.until_told(other, &[json!(token)], |told| *told == json!(true)).await;
        let again = pages.value("verify").await;
        assert_ne!(nonce(&again), nonce(&command));
        verified(&site, &pages.value("reading").await, nonce(&again));

        // The token inspector gets the token without a URL.
        let token = pages.value("reading").await;
        pages.click("reading-inspect").await;
        pages.says("heading", "Token inspector").await;
        assert_eq!(pages.value("inspect-token").await, token);
        assert!(!pages.ask("return [location.href, history.state]").await.to_string().contains(&token));
        pages.browser.until("verdict", "data-verdict", "open").await;
    });
}

#[test]
fn a_device_that_cannot_answer_is_named_with_the_next_step() {
    let site = Site::shared();
    let mut agent = hall(&site);
    agent.drive_to("heat", &json!(21.5));
    in_browser(async {
        let pages = Pages::of(&site, "device/hall").await;
        pages.browser.until("line-heat", "data-level", "21.5").await;
        agent.pause();
        pages.click("read-heat").await;
        pages.browser.until("reading-state", "data-state", "asking").await;
        pages.says("reading-state", "Asking the device").await;
        pages.says("failed", "did not answer in time").await;
        assert_eq!(pages.text("reading-again").await, "Try again");
        look(&pages.browser, "manage-reading-silent").await;
        agent.resume();
        agent.drive_to("heat", &Value::Null);
        pages.browser.until("line-heat", "data-level", "unknown").await;
        pages.click("reading-again").await;
        pages.says("failed", "does not know the level").await;
        agent.stop();
        site.until_offline("hall");
        pages.click("reading-again").await;
        pages.says("failed", "The device is offline").await;
        assert_eq!(pages.count("[data-testid=reading]").await, 0);
    });
}

#[test]
fn the_key_of_a_device_is_shown_with_its_confirmation() {
    let site = Site::shared();
    let _agent = hall(&site);
    in_browser(async {
        let pages = Pages::of(&site, "device/hall").await;
        pages.browser.until("device-key", "data-confirmed", "false").await;
        let key = site.get("/api/v1/devices/hall/key").ok();
        assert_eq!(json!(pages.value("key").await), key["thumbprint"]);
        pages.says("key-status", "pinlatch device confirm hall").await;
        look(&pages.browser, "manage-device-key").await;
        let identity = site.identity("hall");
        site.send_json("PUT", "/api/v1/devices/hall/key", &json!({ "identity": identity })).ok();
        pages.browser.until("device-key", "data-confirmed", "true").await;
        pages.says("key-status", "Confirmed by the owner").await;

        pages.watch_files().await;
        pages.click("read-up").await;
        pages.click("identity-save").await;
        assert_eq!(pages.saved(1).await, ("hall.jwt".into(), identity));
        assert_eq!(pages.count("[data-testid=reading-unconfirmed]").await, 0);
    });
}

#[test]
fn a_receipt_in_the_log_is_copied_and_inspected() {
    const LINES: &str = simulated_lines! {
        "mark": "switch", "receipts = true";
        "lamp": "switch";
    };
    let site = Site::shared();
    let mut agent = Agent::enrol(&site.enrolment("hall"), LINES, &[]);
    agent.start();
    site.until_online("hall");
    let set = |line: &str| {
        site.post(&format!("/api/v1/devices/hall/lines/{line}/set"), &json!({ "value": true })).ok()
    };
    set("lamp");
    set("mark");
    let receipt = soon("the receipt is stored", || {
        let log = site.get("/api/v1/audit?act=command").ok();
        log["entries"][0]["receipt"].as_str().map(ToOwned::to_owned)
    });
    in_browser(async {
        let pages = Pages::of(&site, "activity").await;
        pages.says("log", "switched Mark (Hall) on").await;
        pages.says("log", "switched Lamp (Hall) on").await;
        pages.counts(".entry [data-part=receipt]", 1).await;
        assert_eq!(pages.count("[data-part=receipt-actions]").await, 0, "the buttons are behind a click");
        pages.click_in(".entry[data-act=command]:has([data-part=receipt]) summary").await;
        pages.click("receipt-copy").await;
        pages.says("receipt-said", "o").await;
        look(&pages.browser, "manage-receipt").await;
        pages.click("receipt-inspect").await;
        pages.says("heading", "Token inspector").await;
        assert_eq!(pages.value("inspect-token").await, receipt);
        pages.paste("inspect-root", &site.deployment.root_key().public_jwk().to_string()).await;
        pages.paste("inspect-identity", &site.identity("hall")).await;
        pages.browser.until("verdict", "data-verdict", "verified").await;
        pages.says("inspect-statement", "executed").await;
    });
}
