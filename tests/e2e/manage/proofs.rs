//! Tests that the pages ask for a new proof of the person's identity and then go on, and the pages about logins,
//! invitations and one's own account.

use e2e::Site;
use e2e::site::{OWNER, PASSWORD};
use serde_json::json;

use super::{Pages, in_browser};
use crate::panel_screens::look;
use crate::people::{client, join};
use crate::proofs::grow_old;

#[test]
fn a_change_asks_for_a_proof_and_goes_on() {
    let site = Site::shared();
    let _agent = site.device("porch");
    join(&site, "vera", json!({ "role": "viewer" }));
    in_browser(async {
        let pages = Pages::of(&site, "people").await;
        grow_old(&pages.browser, &site).await;
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

        grow_old(&pages.browser, &site).await;
        pages.click("invite").await;
        pages.write("invite-name", "cat").await;
        pages.click("role-owner").await;
        pages.click("invite-go").await;
        pages.browser.find("proof-dialog").await;
        pages.click_in("[data-testid=proof-dialog] [data-testid=dialog-close]").await;
        pages.says("failed", "Nothing was changed").await;
        pages.click("dialog-close").await;
        pages.gone("dialog").await;
        pages.click("more-vera").await;
        pages.click("end-vera").await;
        pages.browser.find("sessions").await;
        pages.click("cancel").await;
        pages.gone("dialog").await;
        let (vera, _) = client(&site, "vera");
        pages.click("more-vera").await;
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

/// Returns the user name that a password manager finds in the form of a dialog.
async fn own_name(pages: &Pages, dialog: &str) -> String {
    pages.browser.find(&format!("{dialog}-dialog")).await;
    let script = "const form = document.querySelector(`[data-testid=${arguments[0]}-dialog] form`);
        const own = form.querySelector('[autocomplete=username]');
        return own.readOnly && form.querySelector('[type=password]') !== null ? own.value : null";
    let value = pages.browser.run(script, &[json!(dialog)]).await;
    value.as_str().expect("a read-only user name").to_owned()
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
        assert_eq!(own_name(&pages, "password").await, "vera");
        look(&pages.browser, "manage-password").await;
        pages.write("password-now", PASSWORD).await;
        pages.write("password-new", "another long phrase here").await;
        pages.click("password-go").await;
        pages.gone("dialog").await;
        pages.says("said", "Your password has been changed").await;
        grow_old(&pages.browser, &site).await;
        pages.click("secure").await;
        assert_eq!(own_name(&pages, "secure").await, "vera");
        look(&pages.browser, "manage-secure").await;
        pages.write("password-new", "yet another long phrase").await;
        pages.click("secure-go").await;
        pages.browser.find("proof-password").await;
        assert_eq!(own_name(&pages, "proof").await, "vera");
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
        grow_old(&pages.browser, &site).await;
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
