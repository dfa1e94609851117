//! Tests that the pages ask for a new proof of the person's identity and then go on, and the pages about logins,
//! invitations and one's own account.

use e2e::Site;
use e2e::site::{OWNER, PASSWORD};
use serde_json::json;

use super::{Pages, in_browser};
use crate::panel_screens::look;
use crate::people::{client, join};
use crate::proofs::outdated;

/// Replaces the access token in the browser's cookie by a token of the same login, whose proof is too old.
async fn grow_old(pages: &Pages, site: &Site<'_>) {
    let name = site.cookie("session", "").trim_end_matches('=').to_owned();
    let client = &pages.browser.client;
    let token = client.get_named_cookie(&name).await.expect("the session's cookie").value().to_owned();
    // WebDriver cannot set a cookie without a domain, which the prefix `__Host-` requires.
    let old = json!({ "name": name, "value": outdated(site, &token), "url": pages.origin, "path": "/", "secure": true,
                      "httpOnly": true, "sameSite": "Strict" });
    pages.browser.devtools("Network.setCookie", old).await;
}

#[test]
fn a_change_asks_for_a_proof_and_goes_on() {
    let site = Site::shared();
    let _agent = site.device("porch");
    join(&site, "vera", json!({ "role": "viewer" }));
    in_browser(async {
        let pages = Pages::of(&site, "people").await;
        grow_old(&pages, &site).await;
        pages.click("invite").await;
        pages.write("invite-name", "ben").await;
        pages.click("role-owner").await;
        pages.click("invite-go").await;
        pages.browser.find("proof-dialog").await;
        look(&pages.browser, "manage-proof").await;
        pages.write("proof-password", "wrong wrong wrong").await;
        pages.click("proof-go").await;
        pages.says("proof-dialog", "The password is wrong").await;
        pages.write("proof-password", PASSWORD).await;
        pages.click("proof-go").await;
        assert!(pages.once().await.contains("#invite="));
        pages.gone("[data-testid=proof-dialog]").await;
        pages.click("dialog-close").await;
        pages.gone("dialog").await;
        pages.says("invitations", "ben").await;
        pages.browser.until("link", "data-state", "connected").await;

        grow_old(&pages, &site).await;
        pages.click("invite").await;
        pages.write("invite-name", "cat").await;
        pages.click("role-owner").await;
        pages.click("invite-go").await;
        pages.browser.find("proof-dialog").await;
        pages.click_in("[data-testid=proof-dialog] [data-testid=dialog-close]").await;
        pages.says("failed", "Nothing was changed").await;
        pages.click("dialog-close").await;
        pages.gone("dialog").await;
        pages.click("end-vera").await;
        pages.browser.find("sessions").await;
        pages.click("cancel").await;
        pages.gone("dialog").await;
        let (vera, _) = client(&site, "vera");
        pages.click("end-vera").await;
        pages.says("sessions", "last used").await;
        look(&pages.browser, "manage-sessions").await;
        pages.click_in("[data-testid=sessions] button").await;
        pages.gone("[data-testid=sessions] li").await;
        vera.get("/api/v1/whoami").is_problem(401, "invalid_token");
        pages.click("cancel").await;
        pages.gone("dialog").await;
        look(&pages.browser, "manage-people-open").await;
        pages.click_in("[data-testid=invitations] button").await;
        pages.gone("[data-testid=invitations] li").await;

        pages.go("devices").await;
        pages.click("enrol").await;
        pages.write("enrol-name", "shed").await;
        pages.click("enrol-go").await;
        pages.once().await;
        pages.click("dialog-close").await;
        pages.gone("dialog").await;
        pages.says("enrolments", "Shed").await;
        look(&pages.browser, "manage-enrolments").await;
        pages.click_in("[data-testid=enrolments] button").await;
        pages.gone("[data-testid=enrolments] li").await;
    });
}

#[test]
fn everybody_manages_their_own_account() {
    let site = Site::shared();
    join(&site, "vera", json!({ "role": "viewer" }));
    let (vera, _) = client(&site, "vera");
    in_browser(async {
        let pages = Pages::of_person(&site, "vera", "inspector").await;
        pages.click("user-menu").await;
        look(&pages.browser, "manage-menu").await;
        pages.click("account").await;
        pages.says("sessions", "this session").await;
        look(&pages.browser, "manage-account").await;
        pages.click_in("[data-testid=sessions] button").await;
        pages.gone("[data-testid=sessions] li:nth-child(2)").await;
        vera.get("/api/v1/whoami").is_problem(401, "invalid_token");
        pages.click("password").await;
        pages.write("password-now", PASSWORD).await;
        pages.write("password-new", "another long phrase here").await;
        pages.click("password-go").await;
        pages.gone("dialog").await;
        pages.says("said", "Your password has been changed").await;
        grow_old(&pages, &site).await;
        pages.click("secure").await;
        look(&pages.browser, "manage-secure").await;
        pages.write("password-new", "yet another long phrase").await;
        pages.click("secure-go").await;
        pages.write("proof-password", "another long phrase here").await;
        pages.click("proof-go").await;
        pages.browser.find("login-username").await;
        pages.browser.log_in(&pages.origin, &pages.site, "vera", "yet another long phrase").await;
        pages.browser.until("link", "data-state", "connected").await;
        pages.click("user-menu").await;
        look(&pages.browser, "board-menu").await;
    });
}

#[test]
fn the_emergency_stop_asks_for_a_proof() {
    let site = Site::shared();
    in_browser(async {
        let pages = Pages::of(&site, "tokens").await;
        grow_old(&pages, &site).await;
        pages.click("stop").await;
        look(&pages.browser, "manage-stop").await;
        pages.click("confirm").await;
        pages.write("proof-password", PASSWORD).await;
        pages.click("proof-go").await;
        pages.browser.find("login-username").await;
        pages.browser.log_in(&pages.origin, &pages.site, OWNER, PASSWORD).await;
        pages.browser.until("link", "data-state", "connected").await;
    });
}
