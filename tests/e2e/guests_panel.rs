//! Tests guest links in a real browser.

use std::time::{Duration, Instant};

use e2e::outsiders::now;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Site, soon};
use fantoccini::Locator;
use serde_json::{Value, json};

/// The scope of the guest links in these tests.
const DOOR: &str = "line:porch/door:pulse";

fn in_browser(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

/// Creates a guest link, which expires after 50 minutes if `more` contains no other time. Returns the guest link and
/// the id of its token.
fn issue(site: &Site, more: &Value) -> (String, String) {
    let mut request =
        json!({ "kind": "guest", "name": "Courier", "scope": DOOR, "expires_at": now() + 3_000 });
    request.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let reply = site.post("/api/v1/tokens", &request).ok();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&reply["link"]), text(&reply["token"]["jti"]))
}

fn token(link: &str) -> &str {
    link.split_once("#guest=").expect("a guest link").1
}

async fn text(browser: &Browser, testid: &str) -> String {
    browser.find(testid).await.text().await.expect("a text")
}

async fn ask(browser: &Browser, script: &str) -> Value {
    browser.client.execute(script, vec![]).await.expect("a script")
}

/// Returns the test ids of all GPIO lines on the page.
async fn lines(browser: &Browser) -> Value {
    ask(browser, "return [...document.querySelectorAll('.line')].map(line => line.dataset.testid)").await
}

/// Returns everything that a script in the page or a person with access to the browser could read.
async fn traces(browser: &Browser) -> String {
    let script = "return JSON.stringify([location.href, history.state, document.cookie, {...localStorage},
        {...sessionStorage}, document.documentElement.outerHTML])";
    ask(browser, script).await.to_string()
}

/// Waits until the page shows that the guest link does not work, with the given reason. Returns the explanation on the
/// page.
async fn is_shut(browser: &Browser, reason: &str) -> String {
    browser.until("shut", "data-reason", reason).await;
    let heading = ask(browser, "return document.activeElement.tagName").await;
    assert_eq!(heading, "H1", "the focus is not on the heading");
    assert!(browser.client.find(Locator::Css("input")).await.is_err(), "the page has an input field");
    text(browser, "shut-text").await
}

/// A guest link must give only its own permissions and leave no trace of its token in the browser. A guest link must
/// work after a reload, until the owner revokes the link. The guest link must not affect a login of the owner in
/// another browser tab.
#[test]
fn a_guest_link_opens_the_door_until_it_is_revoked() {
    let site = Site::shared();
    let agent = site.device("porch");
    site.device("attic");
    let (link, jti) = issue(&site, &json!({}));
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("line-porch-lamp", "data-level", "off").await;
        browser.click("arrange").await;
        browser.click("action-porch-door-star").await;
        browser.find("group-Favourites").await;
        browser.click("arrange").await;
        let login = browser.client.window().await.expect("a tab");
        let guest = browser.client.new_window(true).await.expect("a tab").handle;
        browser.client.switch_to_window(guest.clone()).await.expect("a tab");

        browser.client.goto(&link).await.expect("the panel");
        browser.until("line-porch-door", "data-level", "off").await;
        let own = format!("{}/s/{}/?as=guest", site.deployment.origin(), site.name);
        assert_eq!(browser.client.current_url().await.expect("an address").as_str(), own);
        assert_eq!(lines(&browser).await, json!(["line-porch-door"]), "a guest sees other lines");
        let arranged = browser.client.find(Locator::Css("[data-testid=group-Favourites]")).await;
        assert!(arranged.is_err(), "a guest sees the owner's groups");
        assert!(browser.client.find(Locator::Css("[data-testid=device-attic]")).await.is_err());
        assert!(browser.client.find(Locator::Css("[data-testid=user-menu]")).await.is_err());
        assert!(text(&browser, "guest-until").await.starts_with("Until "));
        let left = text(&browser, "guest-left").await;
        assert!(left.ends_with(" left"), "the last hour is counted down: {left:?}");
        let requests = "return performance.getEntriesByType('resource').map(entry => entry.name)";
        let requests = ask(&browser, requests).await.to_string();
        assert!(requests.contains("/api/v1/session?as=guest"), "{requests}");
        assert!(!requests.contains(token(&link)), "{requests}");
        assert!(!traces(&browser).await.contains(token(&link)));

        browser.hold("action-porch-door-pulse").await;
        browser.until("line-porch-door", "data-level", "on").await;
        assert_eq!(agent.levels("door").last(), Some(&json!(true)));
        browser.until("line-porch-door", "data-level", "off").await;

        browser.client.refresh().await.expect("a reload");
        browser.until("line-porch-door", "data-level", "off").await;
        browser.until("link", "data-state", "connected").await;
        assert!(!traces(&browser).await.contains(token(&link)));

        let revoked = Instant::now();
        site.send_json("DELETE", &format!("/api/v1/tokens/{jti}"), &Value::Null).ok();
        browser.until("shut", "data-reason", "ended").await;
        let took = revoked.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
        is_shut(&browser, "ended").await;
        browser.client.refresh().await.expect("a reload");
        is_shut(&browser, "ended").await;

        browser.client.switch_to_window(login).await.expect("a tab");
        browser.until("link", "data-state", "connected").await;
        browser.client.refresh().await.expect("a reload");
        browser.until("line-porch-lamp", "data-level", "off").await;
        assert!(browser.client.find(Locator::Css("[data-testid=guest]")).await.is_err());
    });
}

/// If a guest leaves the panel, the browser must delete the guest cookie and keep the owner's login. The same guest
/// link can then be opened again.
#[test]
fn a_guest_leaves_and_the_login_stays() {
    let site = Site::shared();
    let agent = site.device("porch");
    let (link, _) = issue(&site, &json!({}));
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("line-porch-lamp", "data-level", "off").await;
        // In the same browser tab, the URL of the guest link differs from the current URL only in the fragment.
        // Therefore the browser does not load the page again.
        browser.client.goto(&link).await.expect("the panel");
        browser.find("guest").await;
        browser.until("line-porch-door", "data-level", "off").await;
        assert_eq!(lines(&browser).await, json!(["line-porch-door"]));
        browser.client.back().await.expect("the page before");
        browser.until("line-porch-lamp", "data-level", "off").await;
        browser.client.forward().await.expect("the page after");
        browser.find("guest").await;
        browser.until("line-porch-door", "data-level", "off").await;
        browser.click("leave").await;
        is_shut(&browser, "left").await;
        browser.client.refresh().await.expect("a reload");
        is_shut(&browser, "ended").await;
        browser.click("shut-login").await;
        browser.until("line-porch-lamp", "data-level", "off").await;

        browser.client.goto(&link).await.expect("the panel");
        browser.find("guest").await;
        browser.until("line-porch-door", "data-level", "off").await;
        browser.hold("action-porch-door-pulse").await;
        soon("the door opens", || (agent.levels("door").last() == Some(&json!(true))).then_some(()));
    });
}

/// The page must show a separate explanation for each reason why a guest link is refused. A guest must never see a
/// login form.
#[test]
fn a_link_that_opens_nothing_says_why() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let (early, _) = issue(&site, &json!({ "not_before": now() + 86_400, "expires_at": now() + 90_000 }));
    let (revoked, jti) = issue(&site, &json!({}));
    site.send_json("DELETE", &format!("/api/v1/tokens/{jti}"), &Value::Null).ok();
    let (once, _) = issue(&site, &json!({ "max_uses": 1 }));
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        let open = async |link: &str| {
            browser.client.goto("about:blank").await.expect("a page");
            browser.client.goto(link).await.expect("the panel");
        };
        open(&early).await;
        let text = is_shut(&browser, "not-yet").await;
        assert!(text.starts_with("The link is valid from ") && text.contains(':'), "{text}");
        open(&revoked).await;
        let text = is_shut(&browser, "not-valid").await;
        assert!(text.contains("revoked"), "{text}");
        open(once.trim_end_matches(|letter: char| letter != '.')).await;
        let text = is_shut(&browser, "not-valid").await;
        assert!(text.contains("may be incomplete"), "{text}");

        open(&once).await;
        browser.until("line-porch-door", "data-level", "off").await;
        browser.hold("action-porch-door-pulse").await;
        browser.until("line-porch-door", "data-level", "on").await;
        browser.until("line-porch-door", "data-level", "off").await;
        browser.until("guest", "data-used-up", "true").await;
        open(&once).await;
        let text = is_shut(&browser, "used-up").await;
        assert_eq!(text, "It was good for 1 use. Ask the sender for a new link.");
    });
}

/// A guest sees how often and until when the link can be used. The number is correct after each use, after a reload and in
/// every other browser with the same link. After the last use, the page offers no control.
#[test]
fn a_guest_sees_the_uses_that_are_left() {
    let site = Site::shared();
    let agent = site.device("porch");
    let (link, _) = issue(&site, &json!({ "max_uses": 2, "expires_at": now() + 86_400 }));
    in_browser(async {
        let (one, other) = (Browser::start(390, 844).await, Browser::start(390, 844).await);
        for browser in [&one, &other] {
            browser.client.goto(&link).await.expect("the panel");
            browser.until("line-porch-door", "data-level", "off").await;
        }
        let shown = text(&one, "guest-until").await;
        assert!(shown.starts_with("2 uses left · until ") && shown.ends_with(" tomorrow"), "{shown}");
        let heading = ask(&one, "return document.querySelector('h1').textContent").await;
        let site_name =
            heading.as_str().and_then(|text| text.strip_suffix(" · Porch")).map(str::to_lowercase);
        assert_eq!(site_name.map(|name| name.replace(' ', "-")), Some(site.name.clone()), "{heading}");

        let says = async |browser: &Browser, part: &str| {
            let script = "return document.querySelector('[data-testid=guest-until]').textContent";
            browser
                .until_told(script, &[], |text| text.as_str().is_some_and(|text| text.starts_with(part)))
                .await;
        };
        one.hold("action-porch-door-pulse").await;
        says(&one, "1 use left · until ").await;
        says(&other, "1 use left · until ").await;
        one.until("line-porch-door", "data-level", "on").await;
        one.until("line-porch-door", "data-level", "off").await;
        let noise = ask(&one, "return document.body.innerText.match(/answered in|Connected/)").await;
        assert_eq!(noise, Value::Null, "a guest sees technical details");
        one.client.refresh().await.expect("a reload");
        one.until("line-porch-door", "data-level", "off").await;
        says(&one, "1 use left · until ").await;

        one.hold("action-porch-door-pulse").await;
        for browser in [&one, &other] {
            browser.until("guest", "data-used-up", "true").await;
            assert_eq!(text(browser, "guest-until").await, "This link has been used up");
            browser.until("line-porch-door", "data-level", "off").await;
        }
        let offered =
            "return document.querySelector('[data-testid=action-porch-door-pulse]').checkVisibility()";
        for browser in [&one, &other] {
            browser.until_told(offered, &[], |is_offered| *is_offered == json!(false)).await;
        }
        one.client.refresh().await.expect("a reload");
        one.until("guest", "data-used-up", "true").await;
        one.until_told(offered, &[], |is_offered| *is_offered == json!(false)).await;
        let opened = agent.levels("door").iter().filter(|level| **level == json!(true)).count();
        assert_eq!(opened, 2);
    });
}

/// The usual URL of the site must ask for a login, even if a guest link is open in the same browser.
#[test]
fn a_guests_cookie_is_no_login() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let (link, _) = issue(&site, &json!({}));
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.client.goto(&link).await.expect("the panel");
        browser.until("line-porch-door", "data-level", "off").await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("line-porch-lamp", "data-level", "off").await;
        browser.client.back().await.expect("the page before");
        browser.find("guest").await;
        browser.until("line-porch-door", "data-level", "off").await;
        assert_eq!(lines(&browser).await, json!(["line-porch-door"]));
    });
}

/// The page must count down the last seconds of a guest link and then show that the guest link has ended. The page
/// needs no request for the countdown.
#[test]
fn a_link_that_runs_out_closes_the_page() {
    let site = Site::shared();
    let _agent = site.device("porch");
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        // The slow steps run before the guest link is created, because the guest link is valid for only 20 seconds. On
        // a busy host, starting the browser and loading the panel into its cache take a long time.
        browser.client.goto(site.deployment.origin()).await.expect("the panel");
        browser.find("login-username").await;
        let (link, _) = issue(&site, &json!({ "expires_at": now() + 20 }));
        browser.client.goto(&link).await.expect("the panel");
        browser.until("line-porch-door", "data-level", "off").await;
        is_shut(&browser, "ended").await;
    });
}
