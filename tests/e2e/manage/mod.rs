//! Tests the administration pages of the panel in a real browser.

mod activity;
mod devices;
mod inspector;
mod other_login;
mod people;
mod proofs;
mod readings;
mod rules;
mod screens;
mod session;
mod statements;
mod strangers;
mod tokens;

use std::time::Duration;

use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Site};
use fantoccini::Locator;
use serde_json::{Value, json};

use crate::panel::in_browser;

/// The maximum time until a page shows an expected state.
const PATIENCE: Duration = Duration::from_secs(15);

/// A browser in which a person is logged in, with an open administration page.
struct Pages {
    browser: Browser,
    origin: String,
    site: String,
}

impl Pages {
    /// Logs in as the owner and opens an administration page.
    async fn of(site: &Site<'_>, page: &str) -> Self {
        Self::of_person(site, OWNER, page).await
    }

    /// Logs in as a person who has the common test password, and opens an administration page.
    async fn of_person(site: &Site<'_>, username: &str, page: &str) -> Self {
        let browser = Browser::start(1280, 900).await;
        let origin = site.deployment.origin().to_owned();
        browser.log_in(&origin, &site.name, username, PASSWORD).await;
        browser.until("link", "data-state", "connected").await;
        let pages = Self { browser, origin, site: site.name.clone() };
        pages.go(page).await;
        pages
    }

    async fn go(&self, page: &str) {
        let address = format!("{}/s/{}/manage/{page}", self.origin, self.site);
        self.browser.client.goto(&address).await.expect("a page");
        self.browser.find("heading").await;
    }

    async fn click(&self, testid: &str) {
        self.browser.click(testid).await;
    }

    /// Clicks on the first element that matches a CSS selector.
    async fn click_in(&self, selector: &str) {
        let wait = self.browser.client.wait().at_most(PATIENCE);
        let element = wait.for_element(Locator::Css(selector)).await.expect(selector);
        self.browser.click_on(&element, selector).await;
    }

    async fn text(&self, testid: &str) -> String {
        self.browser.find(testid).await.text().await.expect("a text")
    }

    /// Replaces the content of an input field.
    async fn write(&self, testid: &str, text: &str) {
        let field = self.browser.find(testid).await;
        field.clear().await.expect("an empty field");
        field.send_keys(text).await.expect("a field");
    }

    /// Chooses the option of a list that has a value.
    async fn choose(&self, testid: &str, value: &str) {
        let option = format!("[data-testid='{testid}'] option[value='{value}']");
        let wait = self.browser.client.wait().at_most(PATIENCE);
        wait.for_element(Locator::Css(&option)).await.expect(&option);
        self.browser.find(testid).await.select_by_value(value).await.expect(&option);
    }

    /// Waits until the text of an element contains `part`.
    async fn says(&self, testid: &str, part: &str) {
        let path = format!("//*[@data-testid='{testid}' and contains(., '{part}')]");
        if self.browser.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await.is_err() {
            panic!("{testid} says {:?}, not {part:?}", self.text(testid).await);
        }
    }

    /// Waits until no element of the page matches a CSS selector.
    async fn gone(&self, selector: &str) {
        let script = "const [selector, done] = arguments;
            const look = () => document.querySelector(selector) === null;
            if (look()) return done(true);
            new MutationObserver((_, own) => { if (look()) { own.disconnect(); done(true); } })
                .observe(document, { subtree: true, childList: true, attributes: true });";
        let gone = self.browser.client.execute_async(script, vec![json!(selector)]).await;
        gone.unwrap_or_else(|error| panic!("{selector} stays: {error}"));
    }

    /// Returns the number of elements that match a CSS selector.
    async fn count(&self, selector: &str) -> usize {
        let script = "return document.querySelectorAll(arguments[0]).length";
        let count = self.browser.client.execute(script, vec![json!(selector)]).await.expect("a script");
        usize::try_from(count.as_u64().expect("a number")).expect("a small number")
    }

    /// Waits until a number of elements matches a CSS selector.
    async fn counts(&self, selector: &str, count: usize) {
        let script = "return document.querySelectorAll(arguments[0]).length";
        self.browser.until_told(script, &[json!(selector)], |found| *found == json!(count)).await;
    }

    async fn ask(&self, script: &str) -> Value {
        self.browser.client.execute(script, vec![]).await.expect("a script")
    }

    /// Returns the secret that the page shows only once.
    async fn once(&self) -> String {
        self.value("once").await
    }

    /// Records each file that the page saves from now on. A download would need a folder.
    async fn watch_files(&self) {
        let watch = "window.files = []; window.saved = {};
            const real = URL.createObjectURL, click = HTMLAnchorElement.prototype.click;
            URL.createObjectURL = (blob) => {
                const url = real.call(URL, blob);
                window.saved[url] = blob.text();
                return url;
            };
            HTMLAnchorElement.prototype.click = function () {
                window.saved[this.href]?.then(text => window.files.push([this.download, text]));
                return click.call(this);
            };";
        self.ask(watch).await;
    }

    /// Waits until the page has saved a number of files, and returns the name and the text of the last one.
    async fn saved(&self, count: usize) -> (String, String) {
        let files = "return window.files";
        let enough = |files: &Value| files.as_array().is_some_and(|files| files.len() >= count);
        let files = self.browser.until_told(files, &[], enough).await;
        let last = files.as_array().and_then(|files| files.last()).expect("a file").clone();
        serde_json::from_value(last).expect("a name and a text")
    }

    /// Sets the content of an input field in one step, as if a person had pasted the content.
    async fn paste(&self, testid: &str, text: &str) {
        self.browser.find(testid).await;
        let script = "const field = document.querySelector(`[data-testid='${arguments[0]}']`);
            field.value = arguments[1];
            field.dispatchEvent(new Event('input', { bubbles: true }));";
        self.browser.client.execute(script, vec![json!(testid), json!(text)]).await.expect("a script");
    }

    /// Returns the content of an input field or of a text that can be copied.
    async fn value(&self, testid: &str) -> String {
        let field = self.browser.find(testid).await;
        field.prop("value").await.expect("a property").expect("a value")
    }

    /// Returns everything that a person with access to the browser could read, for example cookies, stored data and
    /// input fields.
    async fn traces(&self) -> String {
        let fields =
            "return JSON.stringify([location.href, history.state, document.cookie, {...localStorage},
            {...sessionStorage}, document.documentElement.outerHTML,
            [...document.querySelectorAll('input, textarea')].map(field => field.value)])";
        self.ask(fields).await.to_string()
    }

    /// Returns the names of the pages in the administration menu, in their order.
    async fn sections(&self) -> Value {
        self.ask("return [...document.querySelectorAll('a.way')].map(link => link.textContent)").await
    }
}
