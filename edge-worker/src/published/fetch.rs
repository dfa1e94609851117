//! Sends HTTP requests to configured URLs only, with a timeout and a maximum response size. Redirects are not followed.

use std::time::Duration;

use futures_util::future::{Either, select};
use pinlatch_token::private_uri;
use serde_json::{Map, Value};
use worker::{AbortController, Delay, Fetch, Headers, Request, RequestInit, RequestRedirect, Response};

use crate::body::{self, BodyError};

/// The maximum duration of an HTTP request.
const WITHIN: Duration = Duration::from_secs(5);

/// The maximum size of a response body, in bytes.
const MOST: usize = 128 * 1024;

/// Sends an HTTP request, and returns the status and the body of the response as text.
pub async fn send(mut init: RequestInit, uri: &str) -> Result<(u16, String), String> {
    private_uri(uri)?;
    init.with_redirect(RequestRedirect::Manual);
    let request = Request::new_with_init(uri, &init).map_err(|error| error.to_string())?;
    let abort = AbortController::default();
    let signal = abort.signal();
    let work = Box::pin(read(Fetch::Request(request), &signal));
    let outcome = match select(work, Box::pin(Delay::from(WITHIN))).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    };
    outcome.unwrap_or_else(|| {
        abort.abort();
        Err(format!("the server did not answer within {} s", WITHIN.as_secs()))
    })
}

/// Sends a `GET` request, and returns the body if the status is 200 and the body is a JSON object. A response with
/// another status or another body must not replace the stored document. For example, a proxy can respond with status
/// 200 and an HTML page while the server behind the proxy is down.
pub async fn get(uri: &str) -> Result<String, String> {
    let headers = Headers::new();
    headers.set("Accept", "application/json").map_err(|error| error.to_string())?;
    let mut init = RequestInit::new();
    init.with_headers(headers);
    match send(init, uri).await? {
        (200, text) if serde_json::from_str::<Map<String, Value>>(&text).is_ok() => Ok(text),
        (200, _) => Err("the response is not a JSON object".into()),
        (status @ 300..=399, _) => {
            Err(format!("the response has status {status}; redirects are not followed"))
        }
        (status, _) => Err(format!("the response has status {status}")),
    }
}

async fn read(fetch: Fetch, signal: &worker::AbortSignal) -> Result<(u16, String), String> {
    let mut response: Response =
        fetch.send_with_signal(signal).await.map_err(|error| unsent(&error.to_string()))?;
    let stream = response.stream();
    let bytes = body::read(response.headers(), stream, MOST).await.map_err(|error| match error {
        BodyError::TooLarge => format!("the response is larger than {MOST} bytes"),
        BodyError::Broken(error) => error.to_string(),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| "the response is not UTF-8".to_owned())?;
    Ok((response.status_code(), text))
}

/// Explains a request that was not sent. workerd gives the Worker only `internal error`, and writes the reason into its
/// log: the address is not allowed, or the name cannot be resolved.
fn unsent(error: &str) -> String {
    if !error.contains("internal error") {
        return error.to_owned();
    }
    format!(
        "{error}. The line of workerd with this reference contains the reason. If connecting \"is not allowed\", the address \
         is in a private network, which `pinlatch self-host --allow-private-network` allows"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_workerd_did_not_send_names_the_option() {
        let text = unsent("Error: internal error; reference = abc");
        assert!(text.contains("reference = abc") && text.contains("--allow-private-network"), "{text}");
        assert_eq!(unsent("Error: Network connection lost."), "Error: Network connection lost.");
    }
}
