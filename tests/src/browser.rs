//! A real Chromium, driven by WebDriver.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;
use xtask::guard::Guarded;

use crate::{Certificates, program, soon};

/// How long the page may take to show something.
const PATIENCE: Duration = Duration::from_secs(15);

/// A browser with a profile of its own. It ends with this value.
pub struct Browser {
    /// WebDriver.
    pub client: Client,
    _driver: Guarded,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser whose window has this width and height.
    pub async fn start(width: u32, height: u32) -> Self {
        Self::start_with(width, height, &[]).await
    }

    /// Starts a browser that trusts one certificate more.
    pub async fn trusting(width: u32, height: u32, certificates: &Certificates) -> Self {
        let trust = format!("--ignore-certificate-errors-spki-list={}", certificates.fingerprint());
        Self::start_with(width, height, &[trust]).await
    }

    async fn start_with(width: u32, height: u32, more: &[String]) -> Self {
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
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().join("profile").display()),
        ];
        arguments.extend_from_slice(more);
        let capabilities = json!({
            "goog:chromeOptions": { "binary": program("PINLATCH_CHROMIUM"), "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let capabilities = capabilities.as_object().expect("an object").clone();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a WebDriver session");
        Self { client, _driver: driver, _profile: profile }
    }

    /// The element with a `data-testid`, once it is there.
    pub async fn find(&self, testid: &str) -> Element {
        let selector = format!("[data-testid=\"{testid}\"]");
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(&selector)).await;
        found.unwrap_or_else(|error| panic!("{testid} does not appear: {error}"))
    }

    /// Waits until an attribute has a value.
    pub async fn until(&self, testid: &str, attribute: &str, value: &str) {
        let selector = format!("[data-testid=\"{testid}\"][{attribute}=\"{value}\"]");
        if let Err(error) = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(&selector)).await {
            let now = self.find(testid).await.attr(attribute).await.ok().flatten();
            panic!("{testid}: {attribute} is {now:?}, not {value:?}: {error}");
        }
    }

    /// Clicks an element.
    pub async fn click(&self, testid: &str) {
        let element = self.find(testid).await;
        // The driver scrolls to what is outside the window, and not to what is under the header.
        let script = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
        let target = serde_json::to_value(&element).expect("JSON");
        let clicked = async {
            self.client.execute(script, vec![target]).await?;
            element.click().await
        };
        clicked.await.unwrap_or_else(|error| panic!("cannot click {testid}: {error}"));
    }

    /// Logs in through the login page.
    pub async fn log_in(&self, origin: &str, site: &str, username: &str, password: &str) {
        self.client.goto(&format!("{origin}/s/{site}/")).await.expect("the panel");
        self.find("login-username").await.send_keys(username).await.expect("a field");
        self.find("login-password").await.send_keys(password).await.expect("a field");
        self.click("login-submit").await;
    }
}
