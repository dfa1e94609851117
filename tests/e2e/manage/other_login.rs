//! Tests the administration pages while the browser is logged in to another site or as another person.

use super::*;

use e2e::soon;

use crate::people::join;

/// Two sites are open in two tabs of one browser. Both logins stay valid, and each page changes its own site.
#[test]
fn two_sites_stay_logged_in_and_each_page_changes_its_own() {
    let (home, lab) = (Site::shared(), Site::shared());
    let _porches = [home.device("porch"), lab.device("porch")];
    in_browser(async {
        let pages = Pages::of(&home, "device/porch").await;
        let first = pages.browser.client.window().await.expect("a tab");
        let second = pages.browser.client.new_window(true).await.expect("a tab").handle;
        pages.browser.client.switch_to_window(second.clone()).await.expect("a tab");
        pages.browser.log_in(&pages.origin, &lab.name, OWNER, PASSWORD).await;
        pages.browser.until("link", "data-state", "connected").await;

        pages.browser.client.switch_to_window(first).await.expect("a tab");
        pages.click("remove").await;
        pages.click("confirm").await;
        pages.gone("[data-testid=device-porch]").await;
        soon("the device is gone", || (home.get("/api/v1/devices/porch").status == 404).then_some(()));
        assert_eq!(lab.get("/api/v1/devices/porch").status, 200, "the device of the other site is gone");
        pages.browser.client.refresh().await.expect("a reload");
        pages.browser.until("link", "data-state", "connected").await;
        pages.browser.client.switch_to_window(second).await.expect("a tab");
        pages.browser.client.refresh().await.expect("a reload");
        pages.browser.until("line-porch-lamp", "data-level", "off").await;
    });
}

/// Another person logs in in a second tab. The page in the first tab must change nothing, and must then belong to the
/// other person.
#[test]
fn a_page_of_the_person_before_changes_nothing_and_is_drawn_again() {
    let site = Site::shared();
    join(&site, "ben+1@example.org", json!({ "role": "owner" }));
    in_browser(async {
        let pages = Pages::of(&site, "people").await;
        pages.click("invite").await;
        pages.write("invite-name", "eve").await;
        let first = pages.browser.client.window().await.expect("a tab");
        let second = pages.browser.client.new_window(true).await.expect("a tab").handle;
        pages.browser.client.switch_to_window(second.clone()).await.expect("a tab");
        pages.go("people").await;
        pages.click("user-menu").await;
        pages.click("logout").await;
        pages.browser.log_in(&pages.origin, &pages.site, "ben+1@example.org", PASSWORD).await;
        pages.browser.until("link", "data-state", "connected").await;

        pages.browser.client.switch_to_window(first).await.expect("a tab");
        pages.click("invite-go").await;
        pages.says("other-login", "the change was not made").await;
        pages.gone("dialog").await;
        pages.browser.until("link", "data-state", "connected").await;
        let invitations = || site.get("/api/v1/audit?target=eve").ok()["entries"].clone();
        assert_eq!(invitations(), json!([]), "the page has acted for the other person");
        pages.click("invite").await;
        pages.write("invite-name", "eve").await;
        pages.click("invite-go").await;
        pages.once().await;
        assert_eq!(invitations()[0]["actor"], "ben+1@example.org");
        pages.browser.client.refresh().await.expect("a reload");
        pages.browser.find("person-owner").await;
        pages.gone("[data-testid=other-login]").await;
    });
}
