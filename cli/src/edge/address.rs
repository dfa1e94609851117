//! Reads the URL of a deployment as people write it, and checks that an edge answers there.

use anyhow::{Result, bail};
use pinlatch_protocol::api::Health;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::loopback::is_loopback;
use url::Url;

use crate::edge::api::Api;

/// Reads a URL. Without a scheme, the scheme is `http` for this machine, and otherwise `https`.
pub fn deployment(text: &str) -> Result<Url, String> {
    let text = text.trim();
    if text.contains("://") {
        let url =
            Url::parse(text).map_err(|error| format!("{error}; write a URL such as https://door.example"))?;
        return match url.scheme() {
            "http" | "https" => Ok(url),
            scheme => {
                Err(format!("the scheme {scheme} is not possible; write a URL such as https://door.example"))
            }
        };
    }
    let wrong = |error| format!("{error}; write a URL such as https://door.example or http://localhost:8787");
    let secure = Url::parse(&format!("https://{text}")).map_err(wrong)?;
    match secure.host_str() {
        Some(host) if is_loopback(host) => Url::parse(&format!("http://{text}")).map_err(wrong),
        _ => Ok(secure),
    }
}

/// Returns an error if no edge answers at the URL. A command calls this function before it asks for a password.
pub fn require_edge(url: &Url) -> Result<()> {
    let answer = Api::new(url)?.probe(&Endpoint::Health)?;
    if serde_json::from_str::<Health>(&answer.body).is_err() {
        bail!(
            "the server at {url} answered with status {}, but is not a Pinlatch edge; check the URL",
            answer.status
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_scheme_is_completed() {
        for (text, url) in [
            ("localhost:8801", "http://localhost:8801/"),
            ("127.0.0.1:8801", "http://127.0.0.1:8801/"),
            ("[::1]:8801", "http://[::1]:8801/"),
            ("door.example", "https://door.example/"),
            ("door.example:8443/", "https://door.example:8443/"),
            ("http://localhost:8801", "http://localhost:8801/"),
            (" https://door.example ", "https://door.example/"),
        ] {
            assert_eq!(deployment(text).unwrap().as_str(), url, "{text}");
        }
        for wrong in ["", "https://", "ftp://door.example", "door example", "localhost:port"] {
            assert!(deployment(wrong).is_err(), "{wrong}");
        }
    }
}
