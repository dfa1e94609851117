//! `cargo xtask bench panel` runs this program, which measures the panel in a real Chromium. The panel shows 200 GPIO
//! lines on 20 devices, and 50 GPIO lines change each second.
//!
//! The program prints the results as JSON rows for the table of `cargo xtask bench`. The agents are real, and their
//! GPIO lines are simulated. The load of the page's main thread is read from the browser's metrics. The environment
//! variable `PINLATCH_BENCH_MINUTES` sets the duration of the measurement in minutes (default: 0.5).

use std::ffi::OsStr;
use std::fmt::Write;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use e2e::measure::Times;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Agent, Browser, Deployment, Site};
use serde_json::{Value, json};
use xtask::bench::Row;

const DEVICES: usize = 20;
const LINES: usize = 10;
const CHANGES_PER_SECOND: u32 = 50;
const PRESSES: usize = 100;
const LIGHTHOUSE_RUNS: usize = 5;

/// This script makes the page's WebAssembly memory accessible, and passes each received WebSocket message to the
/// function `window.heard`.
const WATCH: &str = "const real = WebAssembly.instantiate;
    WebAssembly.instantiate = async (...given) => {
        const made = await real.apply(WebAssembly, given);
        window.wasmMemory = made.exports.memory;
        return made;
    };
    window.WebSocket = class extends WebSocket {
        constructor(...given) {
            super(...given);
            this.addEventListener('message', ({ data }) => window.heard?.(data));
        }
    };";

/// This script presses a switch in the panel and returns two durations in milliseconds. The first returned time ends
/// when the page has received the device's new level. The second returned time ends when the page shows the device's
/// new level.
const PRESS: &str = "const done = arguments[0];
    const line = document.querySelector('[data-testid=line-device-1-relay]');
    const before = line.dataset.level, began = performance.now();
    let heard = began;
    window.heard = (text) => {
        if (text.includes('relay')) heard = performance.now();
    };
    new MutationObserver((_, own) => {
        if (line.dataset.level !== before && line.dataset.state !== 'pending') {
            own.disconnect();
            window.heard = undefined;
            done([heard - began, performance.now() - began]);
        }
    }).observe(line, { attributes: true });
    line.querySelector('[role=switch]').click();";

fn main() {
    let minutes = std::env::var("PINLATCH_BENCH_MINUTES").ok().and_then(|text| text.parse::<f64>().ok());
    let time = Duration::from_secs_f64(minutes.unwrap_or(0.5) * 60.0);
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    // Lighthouse runs first, while no other program of the benchmark runs, because its scores depend on elapsed time.
    let mut all = scores(&edge, &site);
    let agents: Vec<Agent> = (1..=DEVICES).map(|number| device(&site, number)).collect();
    let over = AtomicBool::new(false);
    let changes = AtomicU64::new(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let rows = std::thread::scope(|scope| {
        scope.spawn(|| change(&agents, &over, &changes));
        let rows = runtime.block_on(measure(&edge, &site, time, &changes));
        over.store(true, Ordering::Relaxed);
        rows
    });
    all.extend(rows);
    println!("{}", serde_json::to_string(&all).expect("JSON"));
}

/// Returns the Lighthouse scores of the login page on an emulated phone. The scores vary between runs. Therefore the
/// median of several runs is used, as the authors of Lighthouse advise.
fn scores(edge: &Deployment, site: &Site) -> Vec<Row> {
    let Some(program) = std::env::var_os("PINLATCH_LIGHTHOUSE") else { return Vec::new() };
    let page = format!("{}/s/{}/", edge.origin(), site.name);
    let reports: Vec<Value> = (0..LIGHTHOUSE_RUNS).map(|_| lighthouse(&program, &page)).collect();
    let median = |name: &str, of: &dyn Fn(&Value) -> &Value| {
        let mut values: Vec<f64> =
            reports.iter().map(|report| of(report).as_f64().unwrap_or_else(|| panic!("no {name}"))).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().expect("a run")
    };
    let score = |category: &str| {
        let median = median(category, &|report| &report["categories"][category]["score"]) * 100.0;
        Row::at_least(&format!("Lighthouse, {category}"), median.round(), "", 95.0)
    };
    let spent = |audit: &str| {
        let median = median(audit, &|report| &report["audits"][audit]["numericValue"]);
        Row::at_most(&format!("of it {audit}"), median.round(), "ms", None)
    };
    vec![
        score("performance"),
        spent("first-contentful-paint"),
        spent("largest-contentful-paint"),
        spent("total-blocking-time"),
        score("accessibility"),
        score("best-practices"),
    ]
}

/// Returns Lighthouse's report on a page, with Lighthouse's default emulation of a phone.
fn lighthouse(program: &OsStr, page: &str) -> Value {
    let profile = tempfile::tempdir().expect("a folder");
    let flags = format!(
        "--headless --no-sandbox --disable-gpu --no-first-run --user-data-dir={}",
        profile.path().display()
    );
    let output = Command::new(e2e::program("PINLATCH_NODE"))
        .arg(program)
        .arg(page)
        .args(["--output=json", "--quiet", "--only-categories=performance,accessibility,best-practices"])
        .arg(format!("--chrome-flags={flags}"))
        .env("CHROME_PATH", e2e::program("PINLATCH_CHROMIUM"))
        .output()
        .expect("lighthouse");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("lighthouse: {error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Returns whether a line number belongs to a sensor. GPIO lines with even numbers are sensors, and GPIO lines with odd
/// numbers are contacts.
fn is_sensor(line: usize) -> bool {
    line.is_multiple_of(2)
}

/// Enrols and starts a device with one switch. All other GPIO lines of the device are sensors and contacts.
fn device(site: &Site, number: usize) -> Agent {
    let mut lines = "[lines.relay]\nkind = \"switch\"\ndriver = \"sim\"\n".to_owned();
    for line in 1..LINES {
        let kind = if is_sensor(line) { "sensor" } else { "contact" };
        let more = if kind == "contact" { "debounce_ms = 0\n" } else { "unit = \"°C\"\nprecision = 1\n" };
        let _ = writeln!(lines, "[lines.{kind}-{line}]\nkind = \"{kind}\"\ndriver = \"sim\"\n{more}");
    }
    let name = format!("device-{number}");
    let mut agent = Agent::enrol(&site.enrolment(&name), &lines, &[]);
    agent.start();
    site.until_online(&name);
    agent
}

/// Changes the simulated GPIO lines of all agents one after another, at equal intervals.
fn change(agents: &[Agent], over: &AtomicBool, changes: &AtomicU64) {
    let began = Instant::now();
    for count in 0u32.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let index = count as usize;
        let (Some(agent), line) = (agents.get(index % DEVICES), index / DEVICES % (LINES - 1) + 1) else {
            return;
        };
        if is_sensor(line) {
            agent.drive_to(&format!("sensor-{line}"), &json!(f64::from(count % 977) / 10.0));
        } else {
            agent.drive(&format!("contact-{line}"), (index / DEVICES / (LINES - 1)).is_multiple_of(2));
        }
        changes.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(
            (Duration::from_secs(1) * count / CHANGES_PER_SECOND).saturating_sub(began.elapsed()),
        );
    }
}

async fn measure(edge: &Deployment, site: &Site<'_>, time: Duration, changes: &AtomicU64) -> Vec<Row> {
    let browser = Browser::start(1280, 900).await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH })).await;
    browser.devtools("Performance.enable", json!({})).await;
    browser.log_in(edge.origin(), &site.name, OWNER, PASSWORD).await;
    browser.find(&format!("line-device-{DEVICES}-relay")).await;
    let shown = browser.run("return document.querySelectorAll('.line').length", &[]).await;
    assert_eq!(shown, json!(DEVICES * LINES));
    // The panel draws a sensor's curve after the sensor's first readings. The measurement starts after all curves are
    // drawn, so that the curves do not count as growth.
    let curves = "return document.querySelectorAll('.trace').length";
    let sensors = DEVICES * (1..LINES).filter(|line| is_sensor(*line)).count();
    browser.until_told(curves, &[], |count| *count == sensors).await;

    let (mut heard, mut shown) = (Vec::new(), Vec::new());
    let (first, began, changed) =
        (Figures::of(&browser).await, Instant::now(), changes.load(Ordering::Relaxed));
    let pause = time / u32::try_from(PRESSES).expect("a few");
    for _ in 0..PRESSES {
        // During this pause, the page receives events, which are the load under test.
        tokio::time::sleep(pause).await;
        let took = browser.client.execute_async(PRESS, vec![]).await.expect("a press");
        let spans: (f64, f64) = serde_json::from_value(took).expect("two times");
        heard.push(Duration::from_secs_f64(spans.0 / 1_000.0));
        shown.push(Duration::from_secs_f64(spans.1 / 1_000.0));
    }
    let (last, seconds) = (Figures::of(&browser).await, began.elapsed().as_secs_f64());
    let per_second = (changes.load(Ordering::Relaxed) - changed) as f64 / seconds;
    let heard: Times = heard.into_iter().collect();
    let shown: Times = shown.into_iter().collect();
    let grown = |first: f64, last: f64| (last - first) / 1e6;
    vec![
        Row::at_least(
            "changes a second on 200 lines",
            per_second,
            "/s",
            f64::from(CHANGES_PER_SECOND) * 0.95,
        ),
        Row::at_most("main thread", (last.busy - first.busy) / seconds * 100.0, "%", Some(50.0)),
        Row::at_most("press → reported level shown, p50", shown.p50(), "ms", Some(100.0)),
        Row::at_most("press → reported level shown, p99 of 100", shown.p99(), "ms", Some(100.0)),
        Row::at_most("of it until the page had heard, p99", heard.p99(), "ms", None),
        Row::at_most("program's memory, growth", grown(first.wasm, last.wasm), "MB", Some(1.0)),
        Row::at_most("script's memory, growth", grown(first.heap, last.heap), "MB", Some(1.0)),
        Row::at_most("nodes of the page, growth", last.nodes - first.nodes, "", Some(200.0)),
    ]
}

/// Metrics of the page that the browser reports.
struct Figures {
    /// The time for which the main thread has worked, in seconds.
    busy: f64,
    heap: f64,
    nodes: f64,
    wasm: f64,
}

impl Figures {
    async fn of(browser: &Browser) -> Self {
        browser.devtools("HeapProfiler.collectGarbage", json!({})).await;
        let metrics = browser.devtools("Performance.getMetrics", json!({})).await;
        let list = metrics["metrics"].as_array().expect("metrics");
        let figure = |name: &str| {
            let found = list.iter().find(|metric| metric["name"] == name);
            found.and_then(|metric| metric["value"].as_f64()).expect("a figure")
        };
        let wasm: Value = browser.run("return window.wasmMemory.buffer.byteLength", &[]).await;
        Self {
            busy: figure("TaskDuration"),
            heap: figure("JSHeapUsedSize"),
            nodes: figure("Nodes"),
            wasm: wasm.as_f64().expect("bytes"),
        }
    }
}
