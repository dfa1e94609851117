//! Tests the tokens page, on which API tokens and guest links are created, shown once, used and revoked.

use std::io::Write;
use std::process::{Command, Stdio};

use e2e::{Site, soon};
use serde_json::{Value, json};

use super::{Pages, in_browser};
use crate::panel_screens::look;

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
        let label = "return document.querySelector('[data-testid=token-name]').labels[0].textContent";
        assert_eq!(pages.ask(label).await, "Name of the link");
        pages.write("token-name", "Courier").await;
        pages.gone("[data-testid=failed]").await;
        pages.click("make-go").await;
        pages.says("failed", "Choose at least one").await;
        assert_eq!(pages.count("[data-testid='pick-site:*']").await, 0, "a guest link offers administration");
        pages.click("pick-line:porch/door:pulse").await;
        pages.gone("[data-testid=failed]").await;
        let uses = pages.ask("return document.querySelector('[data-testid=token-uses]').value").await;
        assert_eq!(uses, "1", "a link is good for one use unless the owner chooses another number");
        pages.write("token-uses", "0").await;
        pages.click("make-go").await;
        pages.says("failed", "1 to 1000000").await;
        pages.write("token-uses", "1").await;
        pages.click("make-go").await;
        let link = pages.once().await;
        pages.says("make-dialog", "It works once, until ").await;
        is_shown_whole(&pages, "Guest link").await;
        assert_eq!(pages.count("[data-testid=share]").await, 0, "this browser cannot share");
        let token = link.split_once("#guest=").expect("a guest link").1.to_owned();
        pages.click("copy").await;
        pages.says("once-said", "o").await;
        pages.click("dialog-close").await;
        pages.gone("dialog").await;
        let traces = pages.traces().await;
        assert!(!traces.contains(&token), "the secret is still in the page");
        let jti = id(&listed(&site, "Courier"));
        let card = pages.text(&format!("token-{jti}")).await;
        for part in ["Courier", "Guest link", "Press Door of Porch", "0 of 1 command used", "no command yet"]
        {
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

/// Checks that a secret has an accessible name and is completely visible on a phone and on a large screen.
async fn is_shown_whole(pages: &Pages, name: &str) {
    for (width, height) in [(390, 844), (1280, 900)] {
        pages.browser.resize(width, height).await;
        let script = "const own = document.querySelector('[data-testid=once]');
            return [own.getAttribute('aria-label'), own.scrollHeight <= own.clientHeight + 1, own.scrollWidth <= own.clientWidth + 1]";
        assert_eq!(pages.ask(script).await, json!([name, true, true]), "at {width}");
    }
}

/// A browser with the Web Share API gets a button that shares the link. Chromium on Linux does not have this API, so the
/// test defines it.
#[test]
fn a_phone_shares_a_link() {
    let site = Site::shared();
    let _agent = site.device("porch");
    in_browser(async {
        let pages = Pages::of(&site, "tokens").await;
        let define = "navigator.share = (data) => { window.shared = data; return Promise.resolve(); }";
        pages.ask(define).await;
        pages.click("new-guest").await;
        pages.write("token-name", "Courier").await;
        pages.click("pick-line:porch/door:pulse").await;
        pages.click("make-go").await;
        let link = pages.once().await;
        pages.click("share").await;
        let shared =
            pages.browser.until_told("return window.shared?.url ?? null", &[], |url| !url.is_null()).await;
        assert_eq!(shared, json!(link));
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
        is_shown_whole(&pages, "API token").await;
        let example = pages.browser.find("example").await.text().await.expect("a text");
        assert!(!example.contains(&token), "the example contains the token: {example}");
        let mut shell = Command::new("bash");
        shell.args(["-c", &example]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut shell = shell.spawn().expect("bash");
        shell
            .stdin
            .take()
            .expect("stdin")
            .write_all(format!("{token}\n").as_bytes())
            .expect("the token is pasted");
        let said = shell.wait_with_output().expect("an end");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains("\"scope\":\"site:audit\""), "{example}: {said}");
        look(&pages.browser, "manage-token").await;
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
