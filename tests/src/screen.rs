//! Checks the appearance of a page in a browser. The checks cover screen sizes, colour schemes, accessibility, and
//! whether a page is blank.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use fantoccini::actions::{InputSource, MouseActions, PointerAction};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::devtools::devtools;
use crate::program::program;

/// The duration of a press on a hold button in the tests. The duration is slightly longer than the minimum time that a
/// hold button requires.
const HELD: Duration = Duration::from_millis(900);

impl Browser {
    /// Runs a Chrome DevTools Protocol command in this browser.
    pub async fn devtools(&self, command: &str, params: Value) -> Value {
        let sent = devtools(&self.client, command, params).await;
        sent.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Sets the size of the page, independently of the size of the browser window.
    pub async fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Emulates the operating system's preference for a dark or a light colour scheme.
    pub async fn prefer(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    pub async fn run(&self, script: &str, arguments: &[Value]) -> Value {
        let ran = self.client.execute(script, arguments.to_vec()).await;
        ran.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Deletes all cookies. The similar WebDriver command deletes only the cookies for the path of the current page.
    pub async fn forget_cookies(&self) {
        self.devtools("Network.clearBrowserCookies", json!({})).await;
    }

    /// Presses a hold button until the button triggers its action.
    pub async fn hold(&self, testid: &str) {
        self.hold_for(testid, HELD).await;
    }

    /// Presses a hold button for the given time.
    pub async fn hold_for(&self, testid: &str, time: Duration) {
        let element = self.find(testid).await;
        let held = MouseActions::new("mouse".into())
            .then(PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button: 0 })
            .then(PointerAction::Pause { duration: time })
            .then(PointerAction::Up { button: 0 });
        self.client
            .perform_actions(held)
            .await
            .unwrap_or_else(|error| panic!("cannot hold {testid}: {error}"));
    }

    /// Returns the accessibility rules that the page violates, as reported by axe-core. Each rule is followed by the
    /// elements that violate the rule.
    pub async fn violations(&self) -> Vec<String> {
        let source = std::fs::read_to_string(modules().join("axe-core/axe.min.js")).expect("axe-core");
        self.run(&source, &[]).await;
        let script = "const done = arguments[0];
            axe.run(document, { resultTypes: ['violations'] }).then(
                (found) => done(found.violations.map((rule) =>
                    `${rule.id} (${rule.help}): ${rule.nodes.map((node) => node.target.join(' ')).join(', ')}`)),
                (error) => done([String(error)]));";
        let found = self.client.execute_async(script, vec![]).await.expect("axe-core runs");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        found.as_array().expect("a list").iter().map(text).collect()
    }

    /// Returns all visible controls whose width or height is below 44 pixels.
    pub async fn small_targets(&self) -> Value {
        let script = "return [...document.querySelectorAll('button, a[href], input, select, [role=button]')]
            .filter((element) => element.checkVisibility({ visibilityProperty: true }))
            .map((element) => [element, (element.closest('label') ?? element).getBoundingClientRect()])
            .filter(([, box]) => box.width > 0 && (box.width < 43.5 || box.height < 43.5))
            .map(([element, box]) => `${element.outerHTML.slice(0, 120)} ${box.width}×${box.height}`)";
        self.run(script, &[]).await
    }

    /// Returns by how many pixels the page is wider than the screen.
    pub async fn overflow(&self) -> Value {
        self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth", &[])
            .await
    }

    /// Saves a screenshot of the page as `target/screens/NAME.png`. Fails if the screenshot is blank.
    pub async fn picture(&self, name: &str) {
        // This script waits until all fade-in animations of the page have ended.
        let settled = "const done = arguments[0];
            Promise.allSettled(document.getAnimations().filter((one) => one.effect.getTiming().iterations === 1)
                .map((one) => one.finished)).then(() => requestAnimationFrame(() => done()))";
        self.client.execute_async(settled, vec![]).await.expect("a settled page");
        let bytes = self.client.screenshot().await.expect("a picture");
        let folder = xtask::paths::target().join("screens");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{name}.png")), &bytes).expect("a file");
        let (colours, share) = drawn(&bytes);
        assert!(colours >= 12 && share < 0.995, "{name}: {colours} colours, one of them {share:.3} of all");
    }
}

fn modules() -> PathBuf {
    program("PINLATCH_WRANGLER").ancestors().nth(3).expect("node_modules").to_owned()
}

/// Returns the number of colours in a screenshot, and the share of the most frequent colour.
fn drawn(bytes: &[u8]) -> (usize, f64) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut pixels).expect("pixels");
    let step = info.color_type.samples();
    // Only every seventh pixel is examined, which is sufficient to recognise a blank page.
    let mut all: Vec<&[u8]> = pixels.chunks_exact(step).step_by(7).collect();
    all.sort_unstable();
    let commonest = all.chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap_or(0);
    let share = commonest as f64 / all.len().max(1) as f64;
    (all.into_iter().collect::<BTreeSet<_>>().len(), share)
}
