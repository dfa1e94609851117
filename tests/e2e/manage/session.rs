//! Tests the sessions of the administration pages. In one test, a page is opened without a login. In the other test, a
//! session ends during an action.

use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Site};
use serde_json::json;

use super::{Pages, in_browser};

#[test]
fn whoever_is_not_logged_in_is_led_to_the_login_and_back() {
    let site = Site::shared();
    in_browser(async {
        let browser = Browser::start(1280, 900).await;
        let origin = site.deployment.origin();
        let page = format!("{origin}/s/{}/manage/people", site.name);
        browser.client.goto(&page).await.expect("a page");
        browser.find("login-username").await.send_keys(OWNER).await.expect("a field");
        let address = browser.client.current_url().await.expect("an address").to_string();
        assert_eq!(address, format!("{origin}/s/{0}/?to=/s/{0}/manage/people", site.name));
        browser.find("login-password").await.send_keys(PASSWORD).await.expect("a field");
        browser.click("login-submit").await;
        browser.find(&format!("person-{OWNER}")).await;
        assert_eq!(browser.client.current_url().await.expect("an address").as_str(), page);
    });
}

/// The owner's session ends while a form is open. After the owner has logged in again in another tab, the first tab
/// must still contain the owner's input.
#[test]
fn a_session_that_ends_in_the_middle_loses_nothing() {
    let site = Site::shared();
    in_browser(async {
        let pages = Pages::of(&site, "people").await;
        pages.click("invite").await;
        pages.write("invite-name", "ben").await;
        site.send_json("DELETE", &format!("/api/v1/users/{OWNER}/sessions"), &json!({})).ok();
        pages.click("invite-go").await;
        pages.says("failed", "Your session has ended").await;
        pages.says("ended", "Your input is kept").await;

        let own = pages.browser.client.window().await.expect("a tab");
        let other = pages.browser.client.new_window(true).await.expect("a tab").handle;
        pages.browser.client.switch_to_window(other).await.expect("a tab");
        pages.browser.log_in(&pages.origin, &pages.site, OWNER, PASSWORD).await;
        pages.browser.until("link", "data-state", "connected").await;
        pages.browser.client.close_window().await.expect("a tab");
        pages.browser.client.switch_to_window(own).await.expect("a tab");

        let kept = pages.browser.find("invite-name").await.prop("value").await.expect("a property");
        assert_eq!(kept.as_deref(), Some("ben"));
        pages.click("invite-go").await;
        assert!(pages.once().await.contains("#invite="));
        pages.gone("[data-testid=ended]").await;
        pages.browser.until("link", "data-state", "connected").await;
    });
}
