//! Tests the audit log page: its live updates, its filters, and the export to a file.

use e2e::Site;
use e2e::site::OWNER;
use serde_json::{Value, json};

use super::{Pages, in_browser};

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
        pages.says("log", "Lamp of Porch: set").await;
        let first = pages.count(".entry").await;
        assert_eq!(first, 50);
        pages.click("older").await;
        pages.says("log", "Device enrolled").await;
        assert!(pages.count(".entry").await > first);

        // New entries must appear without a reload, and each entry must appear only once.
        site.post("/api/v1/devices/porch/lines/nothing/set", &json!({ "value": true }));
        site.post("/api/v1/devices/porch/lines/rose/set", &json!({ "value": "#00ff88" })).ok();
        pages.says("log", "Rose of Porch: set").await;
        let numbers = "return [...document.querySelectorAll('.entry')].map(entry => entry.dataset.testid)";
        let numbers: Vec<Value> = pages.ask(numbers).await.as_array().expect("entries").clone();
        let once: std::collections::BTreeSet<String> = numbers.iter().map(ToString::to_string).collect();
        assert_eq!(once.len(), numbers.len());

        pages.click("filter").await;
        pages.write("filter-target", "porch/rose").await;
        pages.click("filter-go").await;
        pages.gone(".entry:nth-child(2)").await;
        pages.says("log", "Rose of Porch: set").await;
        pages.write("filter-actor", "nobody").await;
        pages.click("filter-go").await;
        pages.says("none", "No entries match").await;
        pages.click("filter-clear").await;
        pages.says("log", "Lamp of Porch").await;

        // The exported file must contain all entries that match the filter. The test reads the content of the file in
        // the page, because a download would need a folder.
        let watch = "const real = URL.createObjectURL;
            URL.createObjectURL = (blob) => { blob.text().then(text => window.saved = text); return real.call(URL, blob); };";
        pages.ask(watch).await;
        pages.write("filter-actor", OWNER).await;
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
