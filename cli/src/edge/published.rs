//! Fetches the documents that an issuer publishes, with the same rules as the Worker. Redirects are not followed. The
//! duration of a fetch and the size of a document are limited.

use std::time::Duration;

use pinlatch_token::private_uri;
use serde_json::{Map, Value};
use ureq::Error;
use url::Url;

use crate::edge::api::agent;

/// The maximum duration of a fetch.
const WITHIN: Duration = Duration::from_secs(5);

/// The maximum size of a response body, in bytes.
const MOST: u64 = 128 * 1024;

/// A JSON object that was fetched from a server.
#[derive(Debug)]
pub struct Published {
    pub document: Value,
    /// The value of the response's `Date` header, if the header is present.
    pub date: Option<String>,
}

/// The reason why a document could not be fetched.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpublished {
    /// The server answered with status 404.
    #[error("the server answered with status 404 (not found)")]
    Nothing,
    #[error("the server's certificate is not accepted: {0}")]
    Certificate(String),
    #[error("{0}")]
    Other(String),
}

/// Sends a `GET` request and expects status 200 with a JSON object.
pub fn get(uri: &str) -> Result<Published, Unpublished> {
    private_uri(uri).map_err(Unpublished::Other)?;
    let agent = agent(WITHIN).map_err(|error| Unpublished::Other(format!("{error:#}")))?;
    let mut response = agent.get(uri).header("Accept", "application/json").call().map_err(unreachable)?;
    let date = response.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
    match response.status().as_u16() {
        200 => {}
        404 => return Err(Unpublished::Nothing),
        status @ 300..=399 => {
            return Err(Unpublished::Other(format!(
                "the server answered with status {status}; redirects are not followed"
            )));
        }
        status => return Err(Unpublished::Other(format!("the server answered with status {status}"))),
    }
    let text = response.body_mut().with_config().limit(MOST).read_to_string().map_err(unreachable)?;
    match serde_json::from_str::<Map<String, Value>>(&text) {
        Ok(object) => Ok(Published { document: Value::Object(object), date }),
        Err(_) => Err(Unpublished::Other("the response is not a JSON object".into())),
    }
}

fn unreachable(error: Error) -> Unpublished {
    match error {
        Error::Timeout(_) => {
            Unpublished::Other(format!("the server did not answer within {} s", WITHIN.as_secs()))
        }
        Error::BodyExceedsLimit(_) => Unpublished::Other(format!("the response is larger than {MOST} bytes")),
        error => {
            let text = error.to_string();
            if text.contains("certificate") {
                Unpublished::Certificate(text)
            } else {
                Unpublished::Other(text)
            }
        }
    }
}

/// Returns the two possible URLs of an issuer's metadata. The first URL is defined by OpenID Connect Discovery 1.0 §4,
/// and the second URL by RFC 8414 §3.1. Returns `None` if `issuer` is not a URL to which requests are sent.
pub fn metadata_uris(issuer: &str) -> Option<[String; 2]> {
    private_uri(issuer).ok()?;
    let url = Url::parse(issuer).ok().filter(|url| url.query().is_none())?;
    let (host, path) = (url.origin().ascii_serialization(), url.path().trim_end_matches('/'));
    Some([
        format!("{host}{path}/.well-known/openid-configuration"),
        format!("{host}/.well-known/oauth-authorization-server{path}"),
    ])
}

/// Fetches an issuer's metadata from the OpenID Connect URL. If the server answers with status 404, the metadata is
/// fetched from the URL of RFC 8414.
pub fn metadata(issuer: &str) -> Result<Published, Unpublished> {
    private_uri(issuer).map_err(Unpublished::Other)?;
    let no_address = || Unpublished::Other("the URL of an issuer must contain no query".into());
    let [openid, oauth] = metadata_uris(issuer).ok_or_else(no_address)?;
    match get(&openid) {
        Err(Unpublished::Nothing) => get(&oauth),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn an_issuer_describes_itself_at_two_addresses() {
        assert_eq!(
            metadata_uris("https://id.example/").unwrap(),
            [
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server"
            ]
        );
        assert_eq!(
            metadata_uris("https://id.example/realms/home").unwrap(),
            [
                "https://id.example/realms/home/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server/realms/home"
            ]
        );
        for wrong in [
            "id.example",
            "https://127.0.0.1:80@evil.example",
            "http://localhost:80@evil.example/realms/home",
            "https://id.example/?x=/y",
            "http://id.example",
        ] {
            assert_eq!(metadata_uris(wrong), None, "{wrong}");
        }
    }

    /// Starts a server that sends `answer` once, and fetches a document from this server.
    fn answered(answer: &str) -> Result<Published, Unpublished> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/jwks", listener.local_addr().unwrap());
        let answer = answer.to_owned();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut piece = [0; 4096];
            let _ = stream.read(&mut piece);
            let _ = stream.write_all(answer.as_bytes());
        });
        let outcome = get(&uri);
        server.join().unwrap();
        outcome
    }

    fn with(status: &str, headers: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    #[test]
    fn only_a_json_object_from_the_address_itself_counts() {
        let good = answered(&with("200 OK", "Date: now\r\n", "{\"keys\":[]}")).unwrap();
        assert_eq!((good.document["keys"].as_array().unwrap().len(), good.date.as_deref()), (0, Some("now")));
        assert_eq!(answered(&with("404 Not Found", "", "{}")).unwrap_err(), Unpublished::Nothing);
        let moved = answered(&with("302 Found", "Location: /other\r\n", "{}")).unwrap_err();
        assert!(moved.to_string().contains("redirects are not followed"), "{moved}");
        let page = answered(&with("200 OK", "", "<h1>Back soon</h1>")).unwrap_err();
        assert!(page.to_string().contains("not a JSON object"), "{page}");
        let large = format!("{{\"x\":\"{}\"}}", "x".repeat(usize::try_from(MOST).unwrap()));
        let large = answered(&with("200 OK", "", &large)).unwrap_err();
        assert!(large.to_string().contains("larger than"), "{large}");
        assert!(get("http://id.example/jwks").unwrap_err().to_string().contains("not an https URL"));
    }
}
