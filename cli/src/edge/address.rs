//! Reads the URL of a deployment as people write it, and checks that an edge answers there.

use anyhow::{Result, bail};
use pinlatch_protocol::api::Health;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::loopback::is_loopback;
use url::Url;

use crate::edge::api::Api;

/// Reads a URL. Without a scheme, the scheme is `http` for this machine, and otherwise `https`. The URL must contain no
/// user name or password, because in a URL such as `https://door.example:80@evil.example` the real host is easily
/// missed.
pub fn deployment(text: &str) -> Result<Url, String> {
    let url = completed(text.trim())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "the URL contains a user name or a password (the part before `@`), and its host is {}; write only the scheme, the host and the port",
            url.host_str().unwrap_or_default()
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(
            "the URL contains a query or a fragment; write only the scheme, the host and the port".into()
        );
    }
    Ok(url)
}

/// Returns whether two URLs have the same scheme, host and port.
pub fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.origin().is_tuple() && one.origin() == other.origin()
}

fn completed(text: &str) -> Result<Url, String> {
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

    #[test]
    fn a_url_with_another_host_behind_a_name_is_refused() {
        for wrong in [
            "http://127.0.0.1:80@evil.example/",
            "http://localhost:x@evil.example/",
            "localhost:80@evil.example",
            "door.example@evil.example",
            "https://ann@evil.example",
            "https://:password@evil.example",
        ] {
            let reason = deployment(wrong).unwrap_err();
            assert!(reason.contains("evil.example") || reason.contains("door.example"), "{wrong}: {reason}");
            assert!(reason.contains("user name or a password"), "{wrong}: {reason}");
        }
        for wrong in ["https://door.example/?to=x", "https://door.example/#guest=x"] {
            assert!(deployment(wrong).unwrap_err().contains("query or a fragment"), "{wrong}");
        }
    }

    #[test]
    fn origins_are_compared_part_by_part() {
        let same = |one: &str, other: &str| is_same_origin(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("https://Door.example", "https://door.example:443/path"));
        for other in [
            "http://door.example",
            "https://door.example:8443",
            "https://door.example.evil.example",
            "https://door.example@evil.example",
        ] {
            assert!(!same("https://door.example", other), "{other}");
        }
        assert!(!same("data:x", "data:x"), "an opaque origin is the origin of nothing else");
    }
}
