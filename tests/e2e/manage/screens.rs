//! Checks every administration page and its dialogs in a small and a large size, in the light and the dark theme. A
//! page must not be blank or wider than the screen. A page must be accessible, and its touch targets must be large
//! enough. The screenshots are saved in `target/screens`.

use e2e::Site;
use e2e::outsiders::now;
use serde_json::json;

use super::{Pages, in_browser};
use crate::panel_screens::look;
use crate::people::join;

#[test]
fn every_page_is_fit_for_everybody() {
    let site = Site::shared();
    let _agent = site.device("porch");
    join(&site, "ben", json!({ "role": "operator" }));
    join(&site, "cat", json!({ "scope": "line:porch/door:pulse line:porch/lamp:set site:audit" }));
    let admit = json!({ "identity": { "issuer": "https://accounts.example", "email": "cat@example.org" } });
    site.send_json("PUT", "/api/v1/users/cat/identities", &admit).ok();
    let issue = |kind: &str, name: &str, scope: &str, days: u64| {
        let request =
            json!({ "kind": kind, "name": name, "scope": scope, "expires_at": now() + days * 86_400 });
        site.post("/api/v1/tokens", &request).ok()["token"]["jti"].as_str().expect("an id").to_owned()
    };
    issue("guest", "Courier on Friday", "line:porch/door:pulse", 1);
    issue("api", "Heating script", "line:porch/*:*", 300);
    let ended = issue("guest", "Last week's visit", "line:*/*:read", 7);
    site.send_json("DELETE", &format!("/api/v1/tokens/{ended}"), &json!({})).ok();
    let set = |line: &str, value: bool| {
        site.post(&format!("/api/v1/devices/porch/lines/{line}/set"), &json!({ "value": value }));
    };
    set("lamp", true);
    set("nothing", true);
    in_browser(async {
        let pages = Pages::of(&site, "devices").await;
        pages.browser.until("device-card-porch", "data-online", "true").await;
        look(&pages.browser, "manage-devices").await;
        pages.click("enrol").await;
        pages.write("enrol-name", "garden").await;
        pages.click("enrol-go").await;
        pages.browser.find("once").await;
        look(&pages.browser, "manage-enrol").await;

        pages.go("device/porch").await;
        pages.browser.until("line-lamp", "data-level", "on").await;
        set("lamp", false);
        pages.says("events", "Lamp: off").await;
        look(&pages.browser, "manage-device").await;
        pages.click("remove").await;
        look(&pages.browser, "manage-remove").await;

        pages.go("people").await;
        pages.browser.find("person-cat").await;
        look(&pages.browser, "manage-people").await;
        pages.click("more-cat").await;
        look(&pages.browser, "manage-people-menu").await;
        pages.click("more-cat").await;
        pages.click("rights-cat").await;
        pages.browser.find("picker").await;
        look(&pages.browser, "manage-rights").await;

        pages.go("tokens").await;
        pages.browser.find(&format!("token-{ended}")).await;
        look(&pages.browser, "manage-tokens").await;
        pages.click("new-guest").await;
        pages.click("pick-line:porch/door:pulse").await;
        look(&pages.browser, "manage-make").await;
        pages.write("token-name", "Courier").await;
        pages.click("make-go").await;
        pages.browser.find("once").await;
        pages.click("show-qr").await;
        look(&pages.browser, "manage-link").await;

        pages.go("activity").await;
        pages.says("log", "switched Lamp (Porch) on").await;
        pages.click("filter").await;
        look(&pages.browser, "manage-activity").await;

        pages.go("inspector").await;
        pages.write("inspect-token", &site.token).await;
        pages.browser.until("verdict", "data-verdict", "accepted").await;
        look(&pages.browser, "manage-inspector").await;
    });
}
