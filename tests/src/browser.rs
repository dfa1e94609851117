//! Runs a real Chromium browser that the tests control through WebDriver.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::panic::Location;
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use url::{Origin, Url};
use xtask::guard::Guarded;

use crate::certificates::Certificates;
use crate::devtools::devtools;
use crate::program::program;
use crate::wait::soon;

/// The maximum time until a browser has started.
const SESSION: Duration = Duration::from_secs(60);
/// The maximum time until a page shows an expected state.
const PATIENCE: Duration = Duration::from_secs(30);
/// The interval between two runs of a script that is polled.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The tokio runtime for the WebDriver sessions. The sessions have a separate runtime, because a WebDriver session can
/// outlive the test that started the session.
static SESSIONS: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build().expect("a runtime")
});

/// The browsers that other tests can reuse. Browsers are reused because starting a browser needs more processor time
/// than most browser tests.
static IDLE: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// A browser without data of earlier tests. Dropping a `Browser` deletes its data and makes the browser process
/// available to other tests. If the test failed or the browser has extra arguments, the browser process is closed
/// instead.
pub struct Browser {
    /// The WebDriver session of the browser.
    pub client: Client,
    running: Option<Running>,
    /// Whether the browser was started without extra arguments. Only a browser without extra arguments can be reused by
    /// another test.
    plain: bool,
}

struct Running {
    client: Client,
    _driver: Guarded,
    _profile: TempDir,
}

impl Browser {
    /// Returns a browser whose window has the given size in pixels.
    pub async fn start(width: u32, height: u32) -> Self {
        let idle = lock().pop();
        let running = match idle {
            Some(running) => running,
            None => Running::start(&[]).await,
        };
        Self::of(running, width, height, true).await
    }

    /// Starts a browser that additionally trusts one test certificate.
    pub async fn trusting(width: u32, height: u32, certificates: &Certificates) -> Self {
        let trust = format!("--ignore-certificate-errors-spki-list={}", certificates.fingerprint());
        Self::of(Running::start(&[trust]).await, width, height, false).await
    }

    async fn of(running: Running, width: u32, height: u32, plain: bool) -> Self {
        let client = running.client.clone();
        client.set_window_size(width, height).await.expect("a window");
        Self { client, running: Some(running), plain }
    }

    /// Waits until the page contains the element with this `data-testid`, and returns the element.
    pub async fn find(&self, testid: &str) -> Element {
        let selector = format!("[data-testid=\"{testid}\"]");
        match self.appears(&selector).await {
            Ok(element) => element,
            Err(error) => panic!("{testid} does not appear, but {}: {error}", self.shown().await),
        }
    }

    /// Returns the path and all test ids of the current page, for failure messages.
    async fn shown(&self) -> String {
        let script =
            "return [location.pathname, ...[...document.querySelectorAll('[data-testid]')].map(element =>
            element.dataset.testid)].join(' ')";
        self.run(script, &[]).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an element exists. The wait continues if the browser loads another page in the meantime.
    async fn appears(&self, selector: &str) -> Result<Element, CmdError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.client.wait().at_most(left).for_element(Locator::Css(selector)).await {
                // The browser navigated to another page while chromedriver searched the old page. Therefore the search
                // is repeated.
                Err(error) if !left.is_zero() && error.to_string().contains("aborted by navigation") => {}
                found => return found,
            }
        }
    }

    /// Waits until an attribute of an element has the given value.
    pub async fn until(&self, testid: &str, attribute: &str, value: &str) {
        let selector = format!("[data-testid=\"{testid}\"][{attribute}=\"{value}\"]");
        if let Err(error) = self.appears(&selector).await {
            let now = self.find(testid).await.attr(attribute).await.ok().flatten();
            panic!("{testid}: {attribute} is {now:?}, not {value:?}: {error}");
        }
    }

    /// Runs a script in the page repeatedly until its result satisfies `wanted`.
    #[track_caller]
    pub fn until_told(
        &self,
        script: &str,
        arguments: &[Value],
        wanted: impl Fn(&Value) -> bool,
    ) -> impl Future<Output = Value> {
        let caller = Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let told = self.run(script, arguments).await;
                if wanted(&told) {
                    return told;
                }
                assert!(Instant::now() < deadline, "{caller}: after {PATIENCE:?} {script} gives {told}");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    pub async fn click(&self, testid: &str) {
        let element = self.find(testid).await;
        self.click_on(&element, testid).await;
    }

    /// Scrolls an element into view and clicks on it. `name` is the element's name for the message of a failure.
    ///
    /// chromedriver scrolls to an element outside the window, but not to an element that the page's header or the
    /// navigation at the bottom covers.
    pub async fn click_on(&self, element: &Element, name: &str) {
        let script = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
        let target = serde_json::to_value(element).expect("JSON");
        let clicked = async {
            self.client.execute(script, vec![target]).await?;
            element.click().await
        };
        clicked.await.unwrap_or_else(|error| panic!("cannot click {name}: {error}"));
    }

    /// Logs in through the panel's login page.
    pub async fn log_in(&self, origin: &str, site: &str, username: &str, password: &str) {
        self.client.goto(&format!("{origin}/s/{site}/")).await.expect("the panel");
        self.find("login-username").await.send_keys(username).await.expect("a field");
        self.find("login-password").await.send_keys(password).await.expect("a field");
        self.click("login-submit").await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let Some(running) = self.running.take().filter(|_| self.plain && !std::thread::panicking()) else {
            return;
        };
        SESSIONS.spawn(async {
            if running.forget().await.is_ok() {
                lock().push(running);
            }
        });
    }
}

impl Running {
    async fn start(more: &[String]) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let mut driver = Command::new(program("PINLATCH_CHROMEDRIVER"));
        driver.arg(format!("--port={port}")).env("TMPDIR", profile.path());
        let driver = Guarded::spawn(&driver, &profile.path().join("driver.log")).expect("chromedriver");
        soon("chromedriver listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        let mut arguments = vec![
            "--headless".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-dev-shm-usage".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--no-first-run".into(),
            // The next flags disable some internal pages of Chromium. Each of these internal pages needs more processor
            // time than a page of the panel.
            "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess".into(),
            format!("--user-data-dir={}", profile.path().join("profile").display()),
        ];
        arguments.extend_from_slice(more);
        let capabilities = json!({
            "goog:chromeOptions": { "binary": program("PINLATCH_CHROMIUM"), "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let capabilities = capabilities.as_object().expect("an object").clone();
        let session = SESSIONS.spawn(async move {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{port}")).await
        });
        let session = tokio::time::timeout(SESSION, session).await.expect("chromedriver answers in time");
        let client = session.expect("a task").expect("a WebDriver session");
        Self { client, _driver: driver, _profile: profile }
    }

    /// Closes every page and deletes all cookies, storage and caches. Closing a page also ends the emulation settings
    /// of that page.
    async fn forget(&self) -> Result<(), CmdError> {
        let (client, mut origins) = (&self.client, BTreeSet::new());
        let pages = client.windows().await?;
        let blank = client.new_window(true).await?.handle;
        for page in pages {
            client.switch_to_window(page).await?;
            let history = devtools(client, "Page.getNavigationHistory", json!({})).await?;
            let entries = history["entries"].as_array().into_iter().flatten();
            let addresses = entries.filter_map(|entry| Url::parse(entry["url"].as_str()?).ok());
            origins.extend(
                addresses
                    .map(|address| address.origin())
                    .filter(Origin::is_tuple)
                    .map(|o| o.ascii_serialization()),
            );
            client.close_window().await?;
        }
        client.switch_to_window(blank).await?;
        for origin in origins {
            let everything = json!({ "origin": origin, "storageTypes": "all" });
            devtools(client, "Storage.clearDataForOrigin", everything).await?;
        }
        for command in
            ["Network.clearBrowserCookies", "Network.clearBrowserCache", "Browser.resetPermissions"]
        {
            devtools(client, command, json!({})).await?;
        }
        Ok(())
    }
}

fn lock() -> MutexGuard<'static, Vec<Running>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}
