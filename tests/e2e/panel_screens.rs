//! Checks every screen of the panel in a small and a large size, in the light and the dark theme. A screen must not be
//! blank or wider than the browser window. A screen must be accessible according to axe-core, and its touch targets
//! must be large enough. The screenshots are saved in `target/screens`.

use e2e::outsiders::now;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Agent, Browser, Site};
use serde_json::{Value, json};

use crate::panel::in_browser;
use xtask::simulated_lines;

const SIZES: [(u32, u32); 2] = [(390, 844), (1280, 900)];

/// An agent configuration with a GPIO line of each kind. The unit of the sensor contains HTML, as a hostile device
/// might send.
const HALL: &str = simulated_lines! {
    "front-door": "momentary", "max_on_ms = 5000";
    "desk-lamp": "dimmer";
    "flap": "servo", "safe = 90";
    "heat": "sensor", r#"unit = "<b>°C""#, "precision = 1";
    "bell": "contact";
    "rose": "rgb";
    "porch-light": "switch", "retain = true";
};

/// Returns what is wider than the screen, and the name of the site if it is not visible.
const TOO_WIDE: &str = "const narrow = [document.documentElement, ...document.querySelectorAll('dialog[open], :popover-open, .line, .card')]
        .filter(one => one.scrollWidth > one.clientWidth);
    const wrong = narrow.map(one => `${one.tagName}.${one.className} is ${one.scrollWidth - one.clientWidth} px too narrow`);
    for (const one of narrow) {
        const edge = one.getBoundingClientRect().left + one.clientLeft + one.clientWidth;
        wrong.push(...[...one.querySelectorAll('*')]
            .filter(part => part.getBoundingClientRect().right > edge + 1).slice(0, 5)
            .map(part => part.outerHTML.slice(0, 120)));
    }
    const name = document.querySelector('.site-name, .login-head p').getBoundingClientRect();
    if (name.width < 60 || name.left < 0 || name.right > innerWidth) wrong.push('the name of the site is not visible');
    return wrong;";

/// Checks the current page in both sizes. In CI, each size is checked in the light and the dark theme. Outside CI, the
/// small size is checked in the light theme and the large size in the dark theme.
pub async fn look(browser: &Browser, name: &str) {
    let mut wrong = Vec::new();
    let is_ci = std::env::var_os("CI").is_some();
    for (width, height) in SIZES {
        browser.resize(width, height).await;
        let wanted = |dark: &bool| is_ci || *dark == (width > 1_000);
        for dark in [false, true].into_iter().filter(wanted) {
            browser.prefer(dark).await;
            let light = if dark { "dark" } else { "light" };
            browser.picture(&format!("{name}-{width}-{light}")).await;
            let found = browser.violations().await;
            wrong.extend(found.iter().map(|found| format!("{name} at {width}, {light}: {found}")));
        }
        let small = browser.small_targets().await;
        if small != json!([]) {
            wrong.push(format!("{name} at {width}: too small to touch: {small}"));
        }
    }
    for width in [320, 3840] {
        browser.resize(width, 900).await;
        let overflow = browser.overflow().await;
        if overflow != json!(0) {
            wrong.push(format!("{name} at {width}: {overflow} px wider than the screen"));
        }
    }
    browser.resize(390, 844).await;
    // The text has twice its size, as a browser shows it to a person who cannot read small text.
    browser.run("document.documentElement.style.fontSize = '200%'", &[]).await;
    let wide = browser.run(TOO_WIDE, &[]).await;
    if wide != json!([]) {
        wrong.push(format!("{name} with large text: {wide}"));
    }
    if is_ci {
        browser.picture(&format!("{name}-large")).await;
    }
    browser.run("document.documentElement.style.fontSize = ''", &[]).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_ways_in_are_fit_for_everybody() {
    let site = Site::shared();
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        let page = format!("{}/s/{}/", site.deployment.origin(), site.name);
        let open = async |fragment: &str| {
            browser.client.goto("about:blank").await.expect("a page");
            browser.client.goto(&format!("{page}{fragment}")).await.expect("the panel");
        };
        open("").await;
        browser.find("login-username").await;
        look(&browser, "login").await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, "not the password").await;
        browser.find("login-error").await;
        look(&browser, "login-refused").await;
        open("#setup").await;
        browser.find("setup-code").await;
        look(&browser, "setup").await;
        let invited =
            site.post("/api/v1/users", &json!({ "username": "ann@example.org", "role": "viewer" })).ok();
        open(&format!("#invite={}", invited["code"].as_str().expect("a code"))).await;
        browser.find("own-name").await;
        look(&browser, "invited").await;
        open("#guest=nonsense").await;
        browser.find("shut").await;
        look(&browser, "guest-shut").await;
    });
}

#[test]
fn the_board_is_fit_for_everybody() {
    let site = Site::shared();
    let mut hall = Agent::enrol(&site.enrolment("hall"), HALL, &[]);
    hall.start();
    site.until_online("hall");
    let mut shed = site.device("shed");
    hall.drive_to("heat", &json!(20.5));
    hall.drive_to("heat", &json!(21.0));
    let link = json!({ "kind": "guest", "name": "Courier", "scope": "line:hall/front-door:pulse line:hall/porch-light:set",
        "expires_at": now() + 3_000, "max_uses": 1 });
    let link = site.post("/api/v1/tokens", &link).ok()["link"].clone();
    in_browser(async {
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("line-hall-heat", "data-level", "21").await;
        site.post("/api/v1/devices/hall/lines/rose/set", &json!({ "value": "#00a0ff" })).ok();
        site.post("/api/v1/devices/hall/lines/desk-lamp/set", &json!({ "value": 0.6 })).ok();
        site.post("/api/v1/devices/hall/lines/porch-light/set", &json!({ "value": true })).ok();
        browser.until("line-hall-porch-light", "data-level", "on").await;
        let reading = browser
            .run("return document.querySelector('.reading').innerHTML.replaceAll('<!---->', '')", &[])
            .await;
        assert_eq!(reading, Value::from("21.0&nbsp;&lt;b&gt;°C"), "a unit is no markup");
        shed.stop();
        browser.until("device-shed", "data-online", "false").await;
        look(&browser, "board").await;
        browser.click("link").await;
        look(&browser, "health").await;
        browser.click("link").await;
        browser.click("user-menu").await;
        look(&browser, "account").await;
        browser.client.refresh().await.expect("a reload");
        browser.until("line-hall-heat", "data-level", "21").await;
        browser.click("arrange").await;
        browser.click("action-hall-front-door-star").await;
        browser.click("action-hall-front-door-asks").await;
        browser.find("group-Favourites").await;
        look(&browser, "arrange").await;
        browser.click("arrange").await;
        browser.hold("action-hall-front-door-pulse").await;
        browser.find("confirm-yes").await;
        look(&browser, "question").await;
        browser.click("confirm-no").await;
        browser.client.goto(link.as_str().expect("a link")).await.expect("the panel");
        browser.until("line-hall-front-door", "data-level", "off").await;
        look(&browser, "guest").await;
        browser.hold("action-hall-front-door-pulse").await;
        browser.until("guest", "data-used-up", "true").await;
        browser.until("line-hall-front-door", "data-level", "on").await;
        browser.until("line-hall-front-door", "data-level", "off").await;
        look(&browser, "guest-used-up").await;
    });
}
