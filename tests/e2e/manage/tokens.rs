//! Tests the tokens page, on which API tokens and guest links are created, shown once, used and revoked.

use e2e::{Site, soon};
use serde_json::{Value, json};

use super::{Pages, in_browser};

fn listed(site: &Site<'_>, name: &str) -> Value {
    let tokens = site.get("/api/v1/tokens").ok();
    let found = tokens.as_array().expect("tokens").iter().find(|token| token["name"] == name);
    found.expect("the token").clone()
}

fn id(token: &Value) -> String {
    token["jti"].as_str().expect("an id").to_owned()
}

#[test]
fn a_guest_link_is_made_shown_once_and_revoked() {
    let site = Site::shared();
    let agent = site.device("porch");
    in_browser(async {
        let pages = Pages::of(&site, "tokens").await;
        pages.says("none", "No API tokens").await;
        pages.click("new-guest").await;
        pages.click("make-go").await;
        pages.says("failed", "Enter a name").await;
        pages.write("token-name", "Courier").await;
        pages.click("make-go").await;
        pages.says("failed", "Choose at least one").await;
        assert_eq!(pages.count("[data-testid='pick-site:*']").await, 0, "a guest link offers administration");
        pages.click("pick-line:porch/door:pulse").await;
        pages.write("token-uses", "0").await;
        pages.click("make-go").await;
        pages.says("failed", "1 to 1000000").await;
        pages.write("token-uses", "1").await;
        pages.click("make-go").await;
        let link = pages.once().await;
        let token = link.split_once("#guest=").expect("a guest link").1.to_owned();
        pages.click("copy").await;
        pages.says("once-said", "o").await;
        pages.click("dialog-close").await;
        pages.gone("dialog").await;
        let traces = pages.traces().await;
        assert!(!traces.contains(&token), "the secret is still in the page");
        let jti = id(&listed(&site, "Courier"));
        let card = pages.text(&format!("token-{jti}")).await;
        for part in ["Courier", "Guest link", "Press Door of Porch", "0 of 1 command used", "not used yet"] {
            assert!(card.contains(part), "{part}: {card}");
        }

        // The guest opens the link in a second tab of the same browser.
        let owner = pages.browser.client.window().await.expect("a tab");
        let guest = pages.browser.client.new_window(true).await.expect("a tab").handle;
        pages.browser.client.switch_to_window(guest).await.expect("a tab");
        pages.browser.client.goto(&link).await.expect("the panel");
        pages.browser.until("line-porch-door", "data-level", "off").await;
        pages.browser.hold("action-porch-door-pulse").await;
        soon("the door opens", || (agent.levels("door").last() == Some(&json!(true))).then_some(()));

        // After the only permitted use of the guest link, the list must show that the guest link is used up.
        pages.browser.client.switch_to_window(owner).await.expect("a tab");
        pages.go("tokens").await;
        pages.browser.until(&format!("token-{jti}"), "data-standing", "used_up").await;
        assert_eq!(pages.count(&format!("[data-testid='revoke-{jti}']")).await, 0, "the link can be revoked");
    });
}

#[test]
fn an_api_token_works_until_it_is_revoked() {
    let site = Site::shared();
    in_browser(async {
        let pages = Pages::of(&site, "tokens").await;
        pages.click("new-api").await;
        pages.write("token-name", "Backup").await;
        pages.click("pick-site:audit").await;
        pages.says("picker-words", "Read the activity log").await;
        pages.click("make-go").await;
        let token = pages.once().await;
        pages.click("dialog-close").await;
        pages.gone("dialog").await;
        let script = site.deployment.http().bearer(&token);
        script.get("/api/v1/audit").ok();
        script.get("/api/v1/users").is_problem(403, "insufficient_scope");
        let month = listed(&site, "Backup")["expires_at"].as_u64().expect("a time");
        let days = (month - e2e::outsiders::now()) / 86_400;
        assert!((29..=30).contains(&days), "{days} days");

        let jti = id(&listed(&site, "Backup"));
        pages.click(&format!("revoke-{jti}")).await;
        pages.says("revoke-dialog", "Backup").await;
        let focus = pages.ask("return document.activeElement.dataset.testid").await;
        assert_eq!(focus, "cancel", "the focus is not on 'Cancel'");
        pages.click("confirm").await;
        pages.browser.until(&format!("token-{jti}"), "data-standing", "revoked").await;
        script.get("/api/v1/audit").is_problem(401, "invalid_token");
    });
}
