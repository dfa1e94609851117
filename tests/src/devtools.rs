//! Sends commands of the Chrome DevTools protocol to a browser.

use fantoccini::Client;
use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::{Value, json};

/// A Chrome DevTools Protocol command, which is sent through chromedriver.
#[derive(Debug)]
struct Cdp(Value);

impl WebDriverCompatibleCommand for Cdp {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}

/// Runs a Chrome DevTools Protocol command in a WebDriver session.
pub(crate) async fn devtools(client: &Client, command: &str, params: Value) -> Result<Value, CmdError> {
    client.issue_cmd(Cdp(json!({ "cmd": command, "params": params }))).await
}
