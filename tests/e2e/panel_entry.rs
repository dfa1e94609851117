//! Tests the entry pages of the panel in a real browser: the setup of a new site, invitations, and the page that is
//! shown after a login.

use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Deployment, HostLock, Site};
use fantoccini::Locator;
use serde_json::{Value, json};

use crate::panel::in_browser;
use crate::panel_screens::look;
use crate::people::join;

async fn type_into(browser: &Browser, testid: &str, text: &str) {
    let field = browser.find(testid).await;
    field.clear().await.expect("a field");
    field.send_keys(text).await.expect("a field");
}

async fn address(browser: &Browser) -> String {
    browser.client.current_url().await.expect("an address").to_string()
}

async fn error(browser: &Browser) -> String {
    browser.find("login-error").await.text().await.expect("a text")
}

/// The setup code from `pinlatch init` must create the owner of a new site, but only once. The setup page must show a
/// separate message for each mistake.
#[test]
fn a_site_is_set_up_in_the_panel() {
    let _host_lock = HostLock::beside_others();
    let (deployment, index) = Deployment::shared();
    let (name, code) = deployment.site(index);
    let page = format!("{}/s/{name}/", deployment.origin());
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.client.goto(&page).await.expect("the panel");
        browser.click("login-setup").await;
        type_into(&browser, "setup-code", "nonsense").await;
        type_into(&browser, "setup-username", OWNER).await;
        type_into(&browser, "setup-password", "short").await;
        browser.click("setup-submit").await;
        assert!(error(&browser).await.contains("8 characters"));
        type_into(&browser, "setup-password", PASSWORD).await;
        browser.click("setup-submit").await;
        let refused = "//*[@data-testid='login-error'][contains(., 'code is not valid')]";
        browser.client.wait().for_element(fantoccini::Locator::XPath(refused)).await.expect("a refusal");
        type_into(&browser, "setup-code", &format!(" {code} ")).await;
        browser.click("setup-submit").await;
        browser.find("empty").await;
        browser.until("link", "data-state", "connected").await;
        assert_eq!(address(&browser).await, page);

        browser.client.goto("about:blank").await.expect("a page");
        browser.client.goto(&format!("{page}#setup={code}")).await.expect("the panel");
        type_into(&browser, "setup-username", "mallory").await;
        assert_eq!(address(&browser).await, page, "the URL contains the code");
        type_into(&browser, "setup-password", PASSWORD).await;
        browser.click("setup-submit").await;
        assert!(error(&browser).await.contains("already has an owner"));
    });
}

/// An invited person opens the invitation link and chooses a password. The person must then be logged in, with the
/// permissions of the invitation.
#[test]
fn an_invitation_is_used_in_the_panel() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let invited = site.post("/api/v1/users", &json!({ "username": "ben", "role": "viewer" })).ok();
    let code = invited["code"].as_str().expect("a code");
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        let page = format!("{}/s/{}/", site.deployment.origin(), site.name);
        browser.client.goto(&format!("{page}#invite={code}")).await.expect("the panel");
        assert_eq!(own_name(&browser).await, ["ben", "Your user name is"]);
        assert_eq!(
            browser.client.find(Locator::Css("h1")).await.expect("a heading").text().await.expect("text"),
            "Welcome"
        );
        type_into(&browser, "invite-password", "a window in the rain").await;
        assert_eq!(address(&browser).await, page, "the URL contains the code");
        browser.click("invite-submit").await;
        browser.until("line-porch-door", "data-level", "off").await;
        // The panel shows a viewer no enabled controls, because the API would refuse the viewer's actions.
        let offered = "return [...document.querySelectorAll('.control button, .control input')].filter(one => !one.disabled).length";
        assert_eq!(browser.run(offered, &[]).await, json!(0));
        let ways = "return [...document.querySelectorAll('.ways a')].map(way => way.textContent)";
        assert_eq!(browser.run(ways, &[]).await, json!(["Board", "Token inspector"]));
        let call = "const done = arguments[0];
            fetch('/api/v1/devices/porch/lines/relay/set', { method: 'POST', headers: {
                'Content-Type': 'application/json', 'Pinlatch-Site': location.pathname.split('/')[2] },
                body: '{\"value\":true}' }).then(answer => done(answer.status))";
        let status = browser.client.execute_async(call, vec![]).await.expect("a call");
        assert_eq!(status, json!(403), "the API accepts the command");

        // The used invitation is refused before a password is chosen.
        browser.forget_cookies().await;
        browser.client.goto("about:blank").await.expect("a page");
        browser.client.goto(&format!("{page}#invite={code}")).await.expect("the panel");
        assert!(error(&browser).await.contains("works only once"));

        // A link for a new password also contains the user name.
        let reset = site.post("/api/v1/users", &json!({ "username": "ben" })).ok();
        let code = reset["code"].as_str().expect("a code");
        browser.client.goto("about:blank").await.expect("a page");
        browser.client.goto(&format!("{page}#invite={code}")).await.expect("the panel");
        assert_eq!(own_name(&browser).await, ["ben", "Your user name is"]);
    });
}

/// Returns the value and the label of the field with the user name. A password manager stores the user name, because the
/// field is in the form of the new password.
async fn own_name(browser: &Browser) -> [String; 2] {
    browser.find("own-name").await;
    let script = "const own = document.querySelector('[data-testid=own-name]');
        const form = own.closest('form');
        return [own.value, own.labels[0].textContent, own.autocomplete, own.readOnly,
            form.querySelector('[autocomplete=new-password]') !== null]";
    let told = browser.run(script, &[]).await;
    assert_eq!((&told[2], &told[3], &told[4]), (&json!("username"), &json!(true), &json!(true)), "{told}");
    [0, 1].map(|part| told[part].as_str().expect("a text").to_owned())
}

/// A URL that leads nowhere must say so, and must not show a login form as if there were something.
#[test]
fn a_url_that_leads_nowhere_says_what_was_opened() {
    let site = Site::shared();
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        let origin = site.deployment.origin();
        let print = "T".repeat(43);
        for (path, reason, part) in [
            ("/s/nosuch/".to_owned(), "no-site", "There is no site “nosuch” here"),
            ("/s/nosuch/manage/people".to_owned(), "no-site", "There is no site “nosuch” here"),
            ("/nonsense".to_owned(), "no-page", "There is no page at this address"),
            (format!("/s/{}/nonsense", site.name), "no-page", "There is no page at this address"),
            (format!("/#{}.abcdef.{print}", site.name), "enrolment", "| sudo pinlatch-agent enrol -"),
        ] {
            browser.client.goto("about:blank").await.expect("a page");
            browser.client.goto(&format!("{origin}{path}")).await.expect("the panel");
            browser.until("shut", "data-reason", reason).await;
            let text = browser.find("shut").await.text().await.expect("a text");
            assert!(text.contains(part), "{path}: {text}");
            assert!(browser.client.find(Locator::Css("input")).await.is_err(), "{path}: a login form");
            assert!(!address(&browser).await.contains(&print), "the URL contains the enrolment string");
            look(&browser, &format!("stray-{reason}")).await;
        }
        browser.click("shut-login").await;
        browser.find("login-username").await;
    });
}

/// The login page must ask for the missing part in plain words.
#[test]
fn a_login_without_a_name_or_a_password_asks_for_it() {
    let site = Site::shared();
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser
            .client
            .goto(&format!("{}/s/{}/", site.deployment.origin(), site.name))
            .await
            .expect("the panel");
        browser.click("login-submit").await;
        assert_eq!(error(&browser).await, "Type your user name.");
        type_into(&browser, "login-username", OWNER).await;
        browser.click("login-submit").await;
        let asked = "return document.querySelector('[data-testid=login-error]')?.textContent ?? ''";
        browser.until_told(asked, &[], |text| *text == json!("Type your password.")).await;
    });
}

/// The empty board of a new site must offer the enrolment of a device to everyone who may enrol one, and to no one else.
#[test]
fn an_empty_board_offers_the_first_enrolment() {
    let site = Site::shared();
    join(&site, "vera", json!({ "role": "viewer" }));
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, "vera", PASSWORD).await;
        let empty = browser.find("empty").await.text().await.expect("a text");
        assert!(empty.contains("Ask an owner"), "{empty}");
        assert!(browser.client.find(Locator::Css("[data-testid=enrol]")).await.is_err());
        browser.forget_cookies().await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.find("empty").await;
        look(&browser, "board-empty").await;
        browser.click("enrol").await;
        browser.find("enrol-name").await;
        let path = format!("{}/s/{}/manage/devices", site.deployment.origin(), site.name);
        assert_eq!(address(&browser).await, path, "a reload opens the dialog again");
    });
}

/// After a login, the panel must open the page that was requested before the login. The panel must ignore a requested
/// page that does not belong to the site.
#[test]
fn a_login_remembers_where_somebody_was_going() {
    let site = Site::shared();
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        let page = format!("{}/s/{}/", site.deployment.origin(), site.name);
        let log_in = async |query: &str| {
            browser.client.goto("about:blank").await.expect("a page");
            browser.forget_cookies().await;
            browser.client.goto(&format!("{page}{query}")).await.expect("the panel");
            type_into(&browser, "login-username", OWNER).await;
            type_into(&browser, "login-password", PASSWORD).await;
            browser.click("login-submit").await;
        };
        for to in
            ["https://evil.example/", "//evil.example/", "/s/other/manage/people", "javascript:alert(1)"]
        {
            log_in(&format!("?to={to}")).await;
            browser.find("empty").await;
            assert!(address(&browser).await.starts_with(&page), "{to}");
        }
        let way = format!("/s/{}/manage/people", site.name);
        log_in(&format!("?to={}", way.replace('/', "%2F"))).await;
        let arrived = Value::from(format!("{}{way}", site.deployment.origin()));
        let there = "return location.href";
        browser.until_told(there, &[], |place| *place == arrived).await;
        let stored = browser.run("return localStorage.length + sessionStorage.length", &[]).await;
        assert_eq!(stored, json!(0));
    });
}
