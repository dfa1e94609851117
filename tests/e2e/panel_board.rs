//! Tests how people arrange the panel's board in a real browser: favourites, groups, order, search and theme. Further
//! tests cover the two ways to press a door's button.

use std::time::Duration;

use e2e::site::{OWNER, PASSWORD};
use e2e::{Agent, Browser, Site};
use fantoccini::Locator;
use serde_json::{Value, json};

use crate::panel::in_browser;

async fn open(site: &Site<'_>) -> Browser {
    let browser = Browser::start(390, 844).await;
    browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
    browser.until("link", "data-state", "connected").await;
    browser.find("search").await;
    browser
}

/// This script returns the GPIO lines on the page in their order. Each entry consists of the id of a plate, followed by
/// the GPIO lines on this plate.
const LAID_OUT: &str = "return [...document.querySelectorAll('.device')].map(plate => [plate.dataset.testid,
    ...[...plate.querySelectorAll('.line')].map(line => line.dataset.testid.slice(5))].join(' '))";

async fn until_laid_out(browser: &Browser, wanted: Value) {
    browser.until_told(LAID_OUT, &[], |plates| *plates == wanted).await;
}

/// A person chooses favourites, makes a group, and changes the order with buttons and by dragging. After a reload, the
/// page must show the same arrangement. The browser must not store any other data.
#[test]
fn people_arrange_their_board() {
    let site = Site::shared();
    let _porch = site.device("porch");
    let _attic = site.device("attic");
    let all = "door lamp relay bell rose";
    let lines = |device: &str, lines: &str| {
        let lines = lines.split(' ').map(|line| format!(" {device}-{line}"));
        lines.collect::<String>()
    };
    in_browser(async {
        let browser = open(&site).await;
        let plate = |name: &str, lines: &str| format!("{name}{lines}");
        let attic = plate("device-attic", &lines("attic", all));
        until_laid_out(&browser, json!([attic, plate("device-porch", &lines("porch", all))])).await;
        browser.click("arrange").await;
        assert!(
            browser.client.find(Locator::Css("[data-testid=action-porch-door-pulse]")).await.is_err(),
            "nothing can be operated while things are arranged"
        );
        browser.click("action-porch-door-star").await;
        until_laid_out(
            &browser,
            json!([
                "group-Favourites porch-door",
                attic,
                plate("device-porch", &lines("porch", "lamp relay bell rose"))
            ]),
        )
        .await;
        let group = browser.find("action-porch-rose-group").await;
        group.send_keys("Front <b>garden</b>\u{e007}").await.expect("a field");
        let garden = "group-Front <b>garden</b> porch-rose";
        let favourites = "group-Favourites porch-door";
        until_laid_out(
            &browser,
            json!([favourites, garden, attic, plate("device-porch", &lines("porch", "lamp relay bell"))]),
        )
        .await;
        assert!(browser.client.find(Locator::Css(".device b")).await.is_err(), "a name was shown as HTML");
        // The test changes the order with the buttons. The keyboard focus must stay on the button, so that the button
        // can be pressed twice in a row.
        browser.click("later-porch-lamp").await;
        let porch = plate("device-porch", &lines("porch", "relay lamp bell"));
        until_laid_out(&browser, json!([favourites, garden, attic, porch])).await;
        let focused = "return document.activeElement.dataset.testid";
        browser.until_told(focused, &[], |testid| testid == "later-porch-lamp").await;
        assert!(
            browser
                .find("said")
                .await
                .prop("textContent")
                .await
                .expect("a text")
                .is_some_and(|t| t.contains("Lamp is now at position 2 of 3"))
        );
        browser.click("earlier-porch").await;
        until_laid_out(&browser, json!([favourites, garden, porch, attic])).await;
        // The test now changes the order by dragging.
        let drag = "const [from, to] = [...arguments].map(id => document.querySelector(`[data-testid=\"${id}\"]`));
            const dataTransfer = new DataTransfer();
            const fire = (element, type) => element.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
            fire(from, 'dragstart');
            if (fire(to, 'dragover')) throw new Error('it cannot be dropped there');
            fire(to, 'drop');";
        browser.run(drag, &[json!("line-porch-bell"), json!("line-porch-relay")]).await;
        let porch = plate("device-porch", &lines("porch", "bell relay lamp"));
        until_laid_out(&browser, json!([favourites, garden, porch, attic])).await;
        browser.click("arrange").await;
        browser.until("line-porch-door", "data-level", "off").await;

        browser.client.refresh().await.expect("a reload");
        browser.find("line-porch-door").await;
        until_laid_out(&browser, json!([favourites, garden, porch, attic])).await;
        let kept = browser.run("return Object.entries(localStorage)", &[]).await;
        let kept = kept.as_array().expect("a list");
        assert_eq!(kept.len(), 1, "{kept:?}");
        let text = kept[0][1].as_str().expect("a text");
        let words = ["plate ", "line ", "in ", "press ", "ask "];
        assert!(text.lines().all(|line| words.iter().any(|word| line.starts_with(word))), "{text}");

        let search = browser.find("search").await;
        search.send_keys("gard").await.expect("a field");
        until_laid_out(&browser, json!([garden])).await;
        search.send_keys("x").await.expect("a field");
        browser.find("nothing").await;
    });
}

/// The page must use the chosen theme, even if the operating system prefers the other theme.
#[test]
fn the_theme_is_chosen_and_stays() {
    let site = Site::shared();
    in_browser(async {
        let browser = open(&site).await;
        let ground =
            async || browser.run("return getComputedStyle(document.body).backgroundColor", &[]).await;
        browser.prefer(false).await;
        let light = ground().await;
        browser.prefer(true).await;
        let dark = ground().await;
        assert_ne!(light, dark, "the page ignores the system's theme");
        browser.click("user-menu").await;
        browser.click("theme-light").await;
        browser.until("theme-light", "aria-pressed", "true").await;
        assert_eq!(ground().await, light);
        browser.client.refresh().await.expect("a reload");
        browser.find("search").await;
        assert_eq!(ground().await, light);
        browser.click("user-menu").await;
        browser.click("theme-system").await;
        browser.until("theme-system", "aria-pressed", "true").await;
        assert_eq!(ground().await, dark);
        assert_eq!(browser.run("return localStorage.length", &[]).await, json!(0));
    });
}

/// Returns how often the door's GPIO line has pulsed.
fn pulses(agent: &Agent) -> usize {
    agent.levels("door").iter().filter(|level| **level == json!(true)).count()
}

/// By default, a person opens a door by holding its button with the mouse or a key. While arranging the board, a person
/// can choose a tap and a confirmation instead.
#[test]
fn a_door_opens_as_its_person_likes() {
    let site = Site::shared();
    let agent = site.device("porch");
    in_browser(async {
        let browser = open(&site).await;
        browser.until("line-porch-door", "data-level", "off").await;
        browser.hold_for("action-porch-door-pulse", Duration::from_millis(60)).await;
        let hint = Locator::XPath("//*[@data-testid='action-porch-door-left'][contains(., 'longer')]");
        browser.client.wait().for_element(hint).await.expect("a hint about the hold button");
        assert_eq!(pulses(&agent), 0, "a tap opened the door");
        let key = |kind: &str| {
            format!(
                "document.activeElement.dispatchEvent(new KeyboardEvent('{kind}', {{ key: ' ', bubbles: true, cancelable: true }}))"
            )
        };
        let focus = "document.querySelector('[data-testid=action-porch-door-pulse]').focus();";
        browser.run(&format!("{focus}{}", key("keydown")), &[]).await;
        browser.until("line-porch-door", "data-level", "on").await;
        browser.run(&key("keyup"), &[]).await;
        browser.until("line-porch-door", "data-level", "off").await;
        assert_eq!(pulses(&agent), 1);

        browser.click("arrange").await;
        browser.click("action-porch-door-taps").await;
        browser.click("action-porch-door-asks").await;
        browser.click("arrange").await;
        browser.click("action-porch-door-pulse").await;
        browser.click("confirm-no").await;
        browser.until("line-porch-door", "data-state", "idle").await;
        assert_eq!(pulses(&agent), 1, "a cancelled press opened the door");
        browser.click("action-porch-door-pulse").await;
        browser.find("confirm-no").await;
        let focused = browser.run("return document.activeElement.dataset.testid", &[]).await;
        assert_eq!(focused, json!("confirm-no"), "the focus is not on 'Cancel'");
        browser.click("confirm-yes").await;
        browser.until("line-porch-door", "data-level", "on").await;
        browser.until("line-porch-door", "data-level", "off").await;
        assert_eq!(pulses(&agent), 2);
    });
}
