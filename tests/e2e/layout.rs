//! Tests the layout of the panel and of the administration pages: the navigation, the switch between sites, the skip
//! link, and the order in which a keyboard reaches the controls.

use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Site};
use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::panel::in_browser;
use crate::people::join;

/// Returns the text of the element that marks the current place in the navigation. Fails if this element is not
/// completely visible, or too small for a thumb.
const CURRENT: &str = "const current = [...document.querySelectorAll('.ways > [aria-current=page]')]
        .filter(element => element.checkVisibility());
    if (current.length !== 1) return `${current.length} places are current`;
    const box = current[0].getBoundingClientRect();
    const inside = box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight;
    const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (!inside || !current[0].contains(hit)) return `out of sight: ${JSON.stringify(box)}`;
    if (box.width < 44 || box.height < 44) return `too small: ${JSON.stringify(box)}`;
    return current[0].innerText.split('\\n').at(-1);";

async fn open(browser: &Browser, site: &Site<'_>, page: &str) {
    let address = format!("{}/s/{}/{page}", site.deployment.origin(), site.name);
    browser.client.goto(&address).await.expect("a page");
    browser.until("link", "data-state", "connected").await;
}

#[test]
fn the_current_place_is_always_in_sight() {
    let site = Site::shared();
    let _porch = site.device("porch");
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("link", "data-state", "connected").await;
        let pages = [
            ("", "Board"),
            ("manage/devices", "Devices"),
            ("manage/device/porch", "Devices"),
            ("manage/people", "People"),
            ("manage/tokens", "Tokens and links"),
            ("manage/activity", "Activity"),
            ("manage/inspector", "Token inspector"),
        ];
        for (width, height) in [(390, 844), (320, 640), (1280, 800), (844, 390), (640, 900)] {
            browser.resize(width, height).await;
            for (page, name) in pages {
                open(&browser, &site, page).await;
                browser.find("way-people").await;
                let told = browser.until_told(CURRENT, &[], |told| *told == json!(name));
                assert_eq!(told.await, json!(name), "{page} at {width}");
            }
        }
        // On a phone, the navigation is at the bottom edge. On a wide screen, the navigation is below the header.
        let below = "return document.querySelector('.ways').getBoundingClientRect().bottom >= innerHeight";
        browser.resize(1280, 800).await;
        assert_eq!(browser.run(below, &[]).await, json!(false));
        browser.resize(390, 844).await;
        assert_eq!(browser.run(below, &[]).await, json!(true));
        // The other pages are in a menu, also on the board.
        open(&browser, &site, "").await;
        browser.find("way-people").await;
        browser.click("more-places").await;
        let shown = "return [...document.querySelectorAll('.place')].filter(link => link.checkVisibility())
            .map(link => link.innerText)";
        let shown = browser.run(shown, &[]).await;
        assert_eq!(shown, json!(["Activity", "Token inspector"]));
        let activity = "document.querySelector('.place[data-testid=way-activity]').click()";
        browser.run(activity, &[]).await;
        browser.find("log").await;
        // A page that is opened from the menu also closes the menu.
        browser.click("more-places").await;
        browser.run("document.querySelector('.place[data-testid=way-inspector]').click()", &[]).await;
        browser.find("inspect-token").await;
        browser.until_told(CURRENT, &[], |told| *told == json!("Token inspector")).await;
        assert_eq!(
            browser.run("return document.querySelector(':popover-open') === null", &[]).await,
            json!(true)
        );
        // The last line of a page is above the bar.
        let covered = "scrollTo(0, document.documentElement.scrollHeight);
            return document.querySelector('.manage').lastElementChild.getBoundingClientRect().bottom
                > document.querySelector('.ways').getBoundingClientRect().top";
        assert_eq!(browser.run(covered, &[]).await, json!(false));
    });
}

#[test]
fn a_person_without_administration_has_no_menu_of_other_pages() {
    let site = Site::shared();
    join(&site, "vic", json!({ "role": "viewer" }));
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, "vic", PASSWORD).await;
        browser.find("way-inspector").await;
        assert_eq!(browser.run("return document.querySelector('.way-more')", &[]).await, Value::Null);
        browser.click("way-inspector").await;
        browser.find("inspect-token").await;
        browser.until_told(CURRENT, &[], |told| *told == json!("Token inspector")).await;
    });
}

/// The switch shows only sites for which this browser has a login, so a page learns nothing about other sites.
#[test]
fn a_browser_switches_between_the_sites_of_its_logins() {
    let (home, lab, other) = (Site::shared(), Site::shared(), Site::shared());
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        let origin = home.deployment.origin();
        browser.log_in(origin, &home.name, OWNER, PASSWORD).await;
        browser.until("link", "data-state", "connected").await;
        assert_eq!(browser.run("return document.querySelector('.site-button')", &[]).await, Value::Null);
        browser.log_in(origin, &lab.name, OWNER, PASSWORD).await;
        browser.click("sites").await;
        browser.click(&format!("site-{}", home.name)).await;
        browser.until("link", "data-state", "connected").await;
        let path = |site: &Site<'_>| json!(format!("/s/{}/", site.name));
        assert_eq!(browser.run("return location.pathname", &[]).await, path(&home));

        // The switch is also on the administration pages.
        open(&browser, &home, "manage/people").await;
        browser.click("sites").await;
        let sites = "return [...document.querySelectorAll('.sites .place')].map(link => link.pathname)";
        let sites = browser.run(sites, &[]).await;
        assert_eq!(sites, json!([format!("/s/{}/manage/people", home.name), path(&lab)]));
        browser.click(&format!("site-{}", lab.name)).await;
        browser.until("link", "data-state", "connected").await;
        assert_eq!(browser.run("return location.pathname", &[]).await, path(&lab));
        let told = "const done = arguments[1]; fetch(`/api/v1/session?site=${arguments[0]}`)
            .then(answer => answer.json()).then(done)";
        let told = browser.client.execute_async(told, vec![json!(lab.name)]).await.expect("a script");
        assert_eq!(told["other_sites"], json!([home.name]), "{told}: not {}", other.name);

        // After logging out, the other site no longer offers this site.
        browser.click("user-menu").await;
        browser.click("logout").await;
        browser.find("login-submit").await;
        open(&browser, &home, "").await;
        assert_eq!(browser.run("return document.querySelector('.site-button')", &[]).await, Value::Null);
    });
}

/// Presses a key in the element that has the focus.
async fn press(browser: &Browser, key: Key) {
    let focused = browser.client.active_element().await.expect("a focus");
    focused.send_keys(&char::from(key).to_string()).await.expect("a key");
}

#[test]
fn a_keyboard_skips_the_header_and_never_reaches_a_hidden_control() {
    let site = Site::shared();
    let _porch = site.device("porch");
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("line-porch-lamp", "data-level", "off").await;
        for (page, first) in [("", "search"), ("manage/devices", "enrol")] {
            for width in [390, 1280] {
                browser.resize(width, 844).await;
                open(&browser, &site, page).await;
                browser.find("way-people").await;
                browser.find(first).await;
                browser.run("document.activeElement.blur(); getSelection().removeAllRanges()", &[]).await;
                press(&browser, Key::Tab).await;
                let focused =
                    "return document.activeElement.dataset.testid ?? document.activeElement.outerHTML";
                // On an administration page, the heading has the focus first, and the skip link is before the heading.
                if browser.run(focused, &[]).await != json!("skip") {
                    browser.run("document.querySelector('.skip').focus()", &[]).await;
                }
                let seen = "const box = document.activeElement.getBoundingClientRect();
                    return [box.top >= 0, box.height >= 44]";
                assert_eq!(browser.run(seen, &[]).await, json!([true, true]), "the skip link is hidden");
                press(&browser, Key::Enter).await;
                assert_eq!(browser.run("return document.activeElement.id", &[]).await, json!("main"));
                assert_eq!(browser.run("return location.hash", &[]).await, json!(""));
                press(&browser, Key::Tab).await;
                assert_eq!(browser.run(focused, &[]).await, json!(first), "{page} at {width}");
            }
        }
        // Each control that gets the focus is visible, not below the header or the navigation bar, and marked.
        browser.resize(390, 844).await;
        open(&browser, &site, "").await;
        browser.until("line-porch-lamp", "data-level", "off").await;
        browser.run("document.querySelector('[data-testid=search]').focus()", &[]).await;
        let hidden = "const focused = document.activeElement;
            if (focused === document.body) return 'end';
            const box = focused.getBoundingClientRect();
            const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
            if (!hit || !(focused.contains(hit) || hit.contains(focused))) return `covered: ${focused.outerHTML}`;
            const marked = [focused, focused.parentElement].some(one => getComputedStyle(one).outlineStyle !== 'none');
            return marked ? '' : `no mark of the focus: ${focused.outerHTML}`;";
        for _ in 0..30 {
            press(&browser, Key::Tab).await;
            let told = browser.run(hidden, &[]).await;
            if told == json!("end") {
                return;
            }
            assert_eq!(told, json!(""));
        }
    });
}

#[test]
fn arranging_on_a_phone_squeezes_nothing() {
    let site = Site::shared();
    let (_porch, mut shed) = (site.device("porch"), site.device("shed"));
    shed.stop();
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.resize(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("device-shed", "data-online", "false").await;
        browser.until("line-porch-lamp", "data-level", "off").await;
        browser.click("arrange").await;
        browser.find("action-porch-lamp-star").await;
        let squeezed = "return [...document.querySelectorAll('.readout')]
            .filter(readout => readout.getBoundingClientRect().height > 40 || readout.getBoundingClientRect().width < 250)
            .map(readout => readout.innerText)";
        assert_eq!(browser.run(squeezed, &[]).await, json!([]));
        // The arrows of every device are next to its name.
        let below = "return [...document.querySelectorAll('.device-head')].filter(head => {
                const [name, arrows] = ['h2', '.mover'].map(part => head.querySelector(part).getBoundingClientRect());
                return arrows.top >= name.bottom || arrows.bottom <= name.top;
            }).map(head => head.innerText)";
        assert_eq!(browser.run(below, &[]).await, json!([]));
    });
}

#[test]
fn the_login_page_uses_a_wide_screen() {
    let site = Site::shared();
    in_browser(async {
        let browser = Browser::start(1280, 800).await;
        browser.resize(1280, 800).await;
        browser.client.goto(&format!("{}/s/{}/", site.deployment.origin(), site.name)).await.expect("a page");
        browser.find("login-username").await;
        let beside = "const [head, body] = ['.login-head', '.login-body']
                .map(part => document.querySelector(part).getBoundingClientRect());
            return [head.right <= body.left && head.top < body.bottom, body.right - head.left]";
        let told = browser.run(beside, &[]).await;
        assert!(told[0] == json!(true) && told[1].as_f64().is_some_and(|width| width > 700.0), "{told}");
        browser.resize(390, 844).await;
        assert_eq!(browser.run(beside, &[]).await[0], json!(false), "on a phone, the form is below the name");
    });
}
