//! Tests the panel without a network, and while the panel reconnects, in a real browser.

use std::time::Duration;

use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Proxy, Site};
use serde_json::{Value, json};

use crate::panel::in_browser;

/// This script lists all files in the caches of the service worker.
const KEPT: &str = "const done = arguments[0];
    (async () => {
        await navigator.serviceWorker.ready;
        const kept = [];
        for (const name of await caches.keys())
            for (const request of await (await caches.open(name)).keys()) kept.push(new URL(request.url).pathname);
        done(kept.sort());
    })();";

async fn kept(browser: &Browser) -> Vec<String> {
    let kept = browser.client.execute_async(KEPT, vec![]).await.expect("a script");
    let text = |value: &Value| value.as_str().expect("a path").to_owned();
    kept.as_array().expect("a list").iter().map(text).collect()
}

/// If a person presses a button while the panel is disconnected, the press must have no effect, neither at once nor
/// later. Without a network, the page must still open and show that the network is missing. After the network returns,
/// the page must work again without a reload.
#[test]
fn without_network_the_page_opens_and_nothing_acts_later() {
    let site = Site::shared();
    let agent = site.device("porch");
    let proxy = Proxy::start(site.deployment.origin(), 7);
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(&proxy.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("line-porch-relay", "data-level", "off").await;
        let all = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                let kept = kept(&browser).await;
                if kept.iter().any(|path| path == "/") {
                    break kept;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let all = all.await.expect("the page is kept");
        assert!(all.iter().any(|path| path.ends_with(".wasm")), "{all:?}");
        let shell = |path: &String| {
            path == "/"
                || path == "/favicon.svg"
                || path.starts_with("/assets/")
                || path.starts_with("/icons/")
        };
        assert!(all.iter().all(shell), "an API response is cached: {all:?}");

        proxy.down();
        browser.find("stale").await;
        let before = agent.levels("relay").len();
        let press = "const button = document.querySelector('[data-testid=action-porch-relay-set]');
            button.disabled = false; button.click(); return button.getAttribute('aria-checked')";
        assert_eq!(browser.run(press, &[]).await, json!("false"), "an unconfirmed level is shown");
        proxy.up();
        browser.until("link", "data-state", "connected").await;
        browser.until("line-porch-relay", "data-stale", "false").await;
        browser.until("line-porch-relay", "data-state", "idle").await;
        browser.click("action-porch-relay-set").await;
        browser.until("line-porch-relay", "data-level", "on").await;
        assert_eq!(agent.levels("relay").len(), before + 1, "a press without a link ran later");

        proxy.down();
        browser.find("stale").await;
        browser.client.refresh().await.expect("a page");
        browser.find("again").await;
        let said = browser.run("return document.querySelector('main').textContent", &[]).await;
        let said = said.as_str().expect("a text");
        assert!(said.contains("cannot be reached") || said.contains("no network"), "{said}");
        assert!(said.to_lowercase().contains(&site.name.replace('-', " ")), "{said}");
        proxy.up();
        browser.until("line-porch-relay", "data-level", "on").await;
        browser.until("link", "data-state", "connected").await;
    });
}

/// If the files of the panel were replaced on the server, the page must show that a new version exists and offer to
/// load the new version.
#[test]
fn a_new_version_is_noticed() {
    let site = Site::shared();
    let proxy = Proxy::start(site.deployment.origin(), 7);
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(&proxy.origin(), &site.name, OWNER, PASSWORD).await;
        browser.find("empty").await;
        // The script makes the open page look like a page of another version. The content security policy forbids
        // changing the `src` of a script in the page. However, the panel reads the first element named `script`, which
        // need not be an HTML script.
        let other = "const other = document.createElementNS('about:blank', 'script');
            other.setAttribute('type', 'module');
            other.setAttribute('src', '/assets/panel-0.js');
            document.head.prepend(other);";
        browser.run(other, &[]).await;
        proxy.cut();
        browser.find("newer").await;
        browser.click("load-newer").await;
        browser.find("empty").await;
        browser.until("link", "data-state", "connected").await;
        // WebDriver can be too slow to observe the reconnection, so a script in the page records the states of the
        // panel's connection.
        let watch = "const link = document.querySelector('[data-testid=link]');
            window.seen = [];
            new MutationObserver(() => window.seen.push(link.dataset.state)).observe(link, { attributes: true });";
        browser.run(watch, &[]).await;
        proxy.cut();
        browser.until_told("return window.seen.at(-1)", &[], |state| state == "connected").await;
        assert!(browser.client.find(fantoccini::Locator::Css("[data-testid=newer]")).await.is_err());
    });
}
