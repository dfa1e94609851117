//! Tests the audit log page: its live updates, its filters, and the export to a file.

use e2e::site::OWNER;
use e2e::{Browser, Site};
use serde_json::{Value, json};

use super::{Pages, in_browser};
use crate::people::join;

#[test]
fn the_log_is_live_filtered_and_saved() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let set =
        |value: bool| site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": value })).ok();
    for round in 0..52 {
        set(round % 2 == 0);
    }
    in_browser(async {
        let pages = Pages::of(&site, "activity").await;
        pages.browser.find("log").await;
        pages.says("log", "switched Lamp (Porch) on").await;
        let first = pages.count(".entry").await;
        assert_eq!(first, 50);
        pages.click("older").await;
        pages.says("log", "Porch (device) was enrolled").await;
        assert!(pages.count(".entry").await > first);

        // New entries must appear without a reload, and each entry must appear only once.
        site.post("/api/v1/devices/porch/lines/nothing/set", &json!({ "value": true }));
        site.post("/api/v1/devices/porch/lines/rose/set", &json!({ "value": "#00ff88" })).ok();
        pages.says("log", "set Rose (Porch) to #00ff88").await;
        let numbers = "return [...document.querySelectorAll('.entry')].map(entry => entry.dataset.testid)";
        let numbers: Vec<Value> = pages.ask(numbers).await.as_array().expect("entries").clone();
        let once: std::collections::BTreeSet<String> = numbers.iter().map(ToString::to_string).collect();
        assert_eq!(once.len(), numbers.len());

        pages.click("filter").await;
        pages.write("filter-target", "porch/rose").await;
        pages.click("filter-go").await;
        pages.gone(".entry:nth-child(2)").await;
        pages.says("log", "set Rose (Porch) to #00ff88").await;
        // A part of a name is enough, in upper or lower case, and so is a choice of the list.
        pages.write("filter-target", "ROSE").await;
        pages.click("filter-go").await;
        pages.gone(".entry:nth-child(2)").await;
        pages.says("log", "set Rose (Porch) to #00ff88").await;
        let listed =
            "return [...document.querySelectorAll('#filter-targets option')].map(option => option.value)";
        let listed = pages.ask(listed).await;
        let listed = listed.as_array().expect("options");
        for target in ["Rose (Porch)", "Porch (device)", OWNER] {
            assert!(listed.contains(&json!(target)), "{target} is not in {listed:?}");
        }
        pages.write("filter-target", "Rose (Porch)").await;
        pages.click("filter-go").await;
        pages.says("log", "set Rose (Porch) to #00ff88").await;
        pages.write("filter-target", "nothing of this kind").await;
        pages.click("filter-go").await;
        pages.says("none", "No entries match").await;
        pages.click("filter-clear").await;
        pages.says("log", "Lamp (Porch)").await;

        // The exported file must contain all entries that match the filter. The test reads the content of the file in
        // the page, because a download would need a folder.
        let watch = "const real = URL.createObjectURL;
            URL.createObjectURL = (blob) => { blob.text().then(text => window.saved = text); return real.call(URL, blob); };";
        pages.ask(watch).await;
        pages.choose("filter-actor", OWNER).await;
        pages.click("filter-go").await;
        pages.click("export").await;
        let wait = "const done = arguments[0];
            const look = () => window.saved === undefined ? requestAnimationFrame(look) : done(window.saved); look();";
        let saved = pages.browser.client.execute_async(wait, vec![]).await.expect("a file");
        let saved: Vec<Value> = saved
            .as_str()
            .expect("a text")
            .lines()
            .map(|line| serde_json::from_str(line).expect("an entry"))
            .collect();
        assert!(saved.len() > 53, "{} entries", saved.len());
        assert!(saved.iter().all(|entry| entry["actor"] == OWNER));
    });
}

/// Opens a guest link in another browser, and holds the door's button.
async fn open_door(link: &str) {
    let guest = Browser::start(390, 844).await;
    guest.client.goto(link).await.expect("the guest's page");
    guest.until("line-porch-door", "data-level", "off").await;
    guest.hold("action-porch-door-pulse").await;
    guest.until("line-porch-door", "data-level", "on").await;
}

/// B26: what stands in the log can be chosen, and the entries name who acted and what they did.
#[test]
fn the_log_names_people_links_and_values_and_can_be_filtered_by_them() {
    let site = Site::shared();
    let _agent = site.device("porch");
    join(&site, "ben", json!({ "scope": "line:porch/lamp:read" }));
    let issue = json!({ "kind": "guest", "name": "Courier on Friday", "scope": "line:porch/door:pulse",
        "expires_at": e2e::outsiders::now() + 3_000, "max_uses": 1 });
    let made = site.post("/api/v1/tokens", &issue).ok();
    let link = made["link"].as_str().expect("a link").to_owned();
    site.post("/api/v1/devices/porch/lines/door/pulse", &json!({ "ms": 60_000 }))
        .is_problem(409, "refused_max_on");
    in_browser(async {
        open_door(&link).await;
        let pages = Pages::of(&site, "activity").await;
        pages.says("log", "Courier on Friday (guest link) opened Door (Porch) for").await;
        pages.says("log", "owner tried to open Door (Porch) for 60 s").await;
        pages.says("log", "owner made the guest link Courier on Friday").await;
        pages.says("log", "Today").await;
        assert_eq!(pages.count(".day").await, 1);

        // The ids are behind a click.
        let jti = made["token"]["jti"].as_str().expect("an id");
        assert!(!pages.text("log").await.contains(jti));
        pages.click("filter").await;
        pages.choose("filter-actor", &format!("token:{jti}")).await;
        pages.click("filter-go").await;
        pages.gone(".entry[data-act=mint]").await;
        pages.counts(".entry", 1).await;
        pages.click_in(".entry summary").await;
        pages.says("log", jti).await;
        pages.click("filter-clear").await;
        pages.says("log", "tried to open Door").await;

        let refused = "return [...document.querySelectorAll('#filter-outcome option')]
            .find(option => option.textContent === 'refused: longer than the line may be on').value";
        let refused = pages.ask(refused).await;
        pages.choose("filter-outcome", refused.as_str().expect("a value")).await;
        pages.click("filter-go").await;
        pages.gone(".entry[data-act=mint]").await;
        pages.counts(".entry", 1).await;
        pages.says("log", "tried to open Door (Porch) for 60 s").await;
    });
}

/// B3: nothing in an entry is so narrow that its letters are set one below the other.
#[test]
fn entries_are_readable_on_every_screen() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let issue = json!({ "kind": "guest", "name": "Courier on Friday with a long name", "scope": "line:porch/door:pulse",
        "expires_at": e2e::outsiders::now() + 3_000, "max_uses": 1 });
    let link = site.post("/api/v1/tokens", &issue).ok()["link"].as_str().expect("a link").to_owned();
    in_browser(async {
        open_door(&link).await;
        let pages = Pages::of(&site, "activity").await;
        pages.says("log", "opened Door (Porch) for").await;
        // The width of each part of an entry, and whether the seconds are shown.
        let measure = "const box = (own) => own.getBoundingClientRect();
            const parts = [...document.querySelectorAll('.entry-what, .entry-outcome, .entry time')];
            const narrow = parts.filter(own => own.scrollWidth > own.clientWidth + 1 || box(own).width < 34);
            const below = [...document.querySelectorAll('.entry')].every(entry =>
                box(entry.querySelector('.entry-outcome')).top >= box(entry.querySelector('.entry-what')).bottom - 1);
            const seconds = box(document.querySelector('.seconds')).width > 0;
            const least = Math.min(...[...document.querySelectorAll('.entry-what')].map(own => box(own).width));
            return { narrow: narrow.map(own => own.outerHTML), below, seconds, least }";
        for (width, least) in [(1280, 400.0), (390, 240.0), (320, 170.0)] {
            pages.browser.resize(width, 844).await;
            let found = pages.ask(measure).await;
            assert_eq!(found["narrow"], json!([]), "{width}");
            assert_eq!(
                (&found["below"], &found["seconds"]),
                (&json!(width < 500), &json!(width > 500)),
                "{width}"
            );
            assert!(found["least"].as_f64().is_some_and(|found| found >= least), "{width}: {found}");
            assert_eq!(pages.browser.overflow().await, json!(0), "{width}");
            for dark in [false, true] {
                pages.browser.prefer(dark).await;
                pages
                    .browser
                    .picture(&format!("activity-{width}-{}", if dark { "dark" } else { "light" }))
                    .await;
            }
        }
    });
}
