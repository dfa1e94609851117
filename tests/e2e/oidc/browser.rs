//! Tests a complete login with a login provider in a real browser.

use std::time::Duration;

use e2e::Browser;
use fantoccini::wd::WindowHandle;
use serde_json::{Value, json};

use super::{GONE, Stage, TestDeployment};
use crate::proofs::grow_old;

fn in_browser(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

fn page_of(stage: &Stage) -> String {
    format!("{}/s/{}/", stage.site.deployment.origin(), stage.site.name)
}

async fn ask(browser: &Browser, script: &str) -> Value {
    let script = format!("const done = arguments[0]; (async () => {{ {script} }})().then(done, done)");
    browser.client.execute_async(&script, vec![]).await.expect("a script")
}

/// Opens the login page and clicks the button of the login provider.
async fn go(browser: &Browser, stage: &Stage<'_>) {
    browser.client.goto(&page_of(stage)).await.expect("the panel");
    browser.click(&format!("login-with-{}", stage.provider.name)).await;
}

/// Fills in and submits the login page of the login provider.
async fn answer(browser: &Browser, account: &str) {
    browser.find("account").await.send_keys(account).await.expect("a field");
    browser.click("continue").await;
}

/// Returns the error text that the login page shows. Also checks that the page does not show the error again after a
/// reload.
async fn refusal(browser: &Browser, stage: &Stage<'_>) -> String {
    let text = browser.find("login-error").await.text().await.expect("a text");
    assert_eq!(browser.client.current_url().await.expect("an address").as_str(), page_of(stage));
    assert_eq!(ask(browser, "return history.state").await, Value::Null);
    text
}

#[test]
fn an_admitted_person_logs_in_with_a_provider() {
    let stage = TestDeployment::shared("people");
    stage.admit("ann", "ann-at-the-provider").ok();
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.client.goto(&page_of(&stage)).await.expect("the panel");
        let link = browser.find("login-with-people").await;
        assert_eq!(link.text().await.expect("a text"), "Log in with Test ID");
        go(&browser, &stage).await;
        let question = browser.client.current_url().await.expect("an address");
        assert!(question.as_str().starts_with(stage.provider.issuer()), "{question}");
        answer(&browser, "ann-at-the-provider").await;
        browser.until("link", "data-state", "connected").await;
        assert_eq!(browser.client.current_url().await.expect("an address").as_str(), page_of(&stage));
        let whoami = ask(
            &browser,
            "return (await fetch(`/api/v1/whoami?site=${location.pathname.split('/')[2]}`)).json()",
        )
        .await;
        assert_eq!((&whoami["sub"], &whoami["site"]), (&json!("ann"), &json!(stage.site.name)), "{whoami}");
        assert_eq!(ask(&browser, "return document.cookie.includes('pinlatch')").await, false);

        // A reload renews the session, as after a login with a password. Removing the person's identity at the login
        // provider ends the session.
        browser.client.refresh().await.expect("a reload");
        browser.until("link", "data-state", "connected").await;
        stage.site.send_json("DELETE", "/api/v1/users/ann/identities", &Value::Null).ok();
        browser.find("login-notice").await;
    });
}

/// A person of a login provider has no password. The provider asks the person again, although the browser still has a
/// session at the provider.
#[test]
fn a_round_trip_to_the_provider_is_a_proof() {
    let stage = TestDeployment::shared("proofs");
    stage.admit("oli", "oli-at-the-provider").ok();
    stage.site.send_json("PATCH", "/api/v1/users/oli", &json!({ "role": "owner" })).ok();
    in_browser(async {
        let browser = Browser::start(1280, 900).await;
        go(&browser, &stage).await;
        answer(&browser, "oli-at-the-provider").await;
        browser.until("link", "data-state", "connected").await;
        browser.client.goto(&format!("{}manage/people", page_of(&stage))).await.expect("a page");
        browser.find("heading").await;
        grow_old(&browser, &stage.site).await;
        browser.click("invite").await;
        browser.find("invite-name").await.send_keys("pat").await.expect("a field");
        browser.click("role-owner").await;
        browser.click("invite-go").await;
        let own = browser.client.window().await.expect("a tab");
        browser.click("proof-with-proofs").await;
        let other = eventually_other(&browser, &own).await;
        browser.client.switch_to_window(other).await.expect("a tab");
        answer(&browser, "oli-at-the-provider").await;
        browser.until("link", "data-state", "connected").await;
        browser.client.close_window().await.expect("a tab");
        browser.client.switch_to_window(own).await.expect("a tab");
        browser.find("once").await;
        let sessions = ask(
            &browser,
            "return (await fetch(`/api/v1/users/oli/sessions?site=${location.pathname.split('/')[2]}`)).json()",
        )
        .await;
        assert_eq!(sessions.as_array().map(Vec::len), Some(1), "the login goes on: {sessions}");
    });
}

/// Waits until the browser has opened a second tab.
async fn eventually_other(browser: &Browser, own: &WindowHandle) -> WindowHandle {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
    loop {
        let tabs = browser.client.windows().await.expect("tabs");
        if let Some(other) = tabs.into_iter().find(|tab| tab != own) {
            return other;
        }
        assert!(tokio::time::Instant::now() < deadline, "no second tab");
    }
}

#[test]
fn a_stranger_reads_why_they_are_not_let_in() {
    let stage = TestDeployment::shared("strangers");
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        go(&browser, &stage).await;
        answer(&browser, "mallory").await;
        let text = refusal(&browser, &stage).await;
        assert!(text.contains("you have no access to this site"), "{text}");
        browser.client.refresh().await.expect("a reload");
        browser.find("login-with-strangers").await;
        assert!(browser.client.find(fantoccini::Locator::Css("[data-testid=login-error]")).await.is_err());

        browser.forget_cookies().await;
        go(&browser, &stage).await;
        browser.click("cancel").await;
        let text = refusal(&browser, &stage).await;
        assert!(text.contains("did not succeed"), "{text}");

        browser.click(&format!("login-with-{GONE}")).await;
        let unreached = "[data-testid=login-error]";
        let found = browser.client.wait().for_element(fantoccini::Locator::Css(unreached)).await;
        found.expect("the panel says why");
        let text = refusal(&browser, &stage).await;
        assert!(text.contains("cannot be reached"), "{text}");
    });
    let audit = stage.site.get("/api/v1/audit?act=login").ok().to_string();
    assert!(audit.contains(&format!("{}#mallory", stage.provider.issuer())), "{audit}");
}
