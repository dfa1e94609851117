//! Decides to which origin (RFC 6454) of the deployment a request was sent. A proxy in front of the Worker can change
//! the scheme, the host and the port that the Worker sees, so the owner can configure the origins.

use url::Url;

/// The configured origins of a deployment, in the format of a browser's `Origin` header. The list is empty if the owner
/// has configured no origin.
#[derive(Debug, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Parses the variable `ORIGIN`, a list of URLs that are separated by commas or spaces.
    pub fn parse(text: &str) -> Result<Self, String> {
        let urls = text.split([',', ' ']).filter(|url| !url.is_empty());
        urls.map(origin).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the origin to which a request was sent, for links and redirects. If an origin is configured for the
    /// request's host, the result is this origin. For any other host, the result is the first configured origin. If no
    /// origin is configured, the request's own URL determines the origin.
    pub fn of(&self, url: &Url) -> String {
        let host = host(url);
        let same = self.0.iter().find(|origin| origin.split_once("://").is_some_and(|(_, own)| own == host));
        same.or(self.0.first()).cloned().unwrap_or_else(|| url.origin().ascii_serialization())
    }

    /// Returns whether a page of this origin belongs to the deployment. The value is from a browser's `Origin` header.
    pub fn accepts(&self, url: &Url, page: &str) -> bool {
        match self.0.as_slice() {
            [] => page == url.origin().ascii_serialization(),
            configured => configured.iter().any(|origin| origin == page),
        }
    }
}

/// Returns the host and the port of a URL. The default port of the scheme is omitted.
fn host(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    origin.split_once("://").map(|(_, host)| host.to_owned()).unwrap_or(origin)
}

fn origin(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{text:?} {why}"));
    let Ok(url) = Url::parse(text) else { return wrong("is not a URL") };
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return wrong("must start with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("contains a user name or a password");
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return wrong("must contain only a scheme, a host and a port");
    }
    Ok(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_request_belongs_to_the_origin_with_its_host() {
        let origins =
            Origins::parse("https://home.example, https://home.example:8443 https://other.example").unwrap();
        let of = |text| origins.of(&url(text));
        assert_eq!(of("http://home.example/api"), "https://home.example");
        assert_eq!(of("https://home.example:8443/"), "https://home.example:8443");
        assert_eq!(of("https://other.example/"), "https://other.example");
        assert_eq!(of("http://127.0.0.1:8787/"), "https://home.example");
        assert!(origins.accepts(&url("http://127.0.0.1/"), "https://other.example"));
        for foreign in ["http://home.example", "https://evil.example", "null", "http://127.0.0.1", ""] {
            assert!(!origins.accepts(&url("http://home.example/"), foreign), "{foreign}");
        }
    }

    #[test]
    fn without_a_configured_origin_the_url_decides() {
        let origins = Origins::parse("").unwrap();
        let own = url("http://localhost:8787/x");
        assert_eq!(origins.of(&own), "http://localhost:8787");
        assert!(origins.accepts(&own, "http://localhost:8787") && !origins.accepts(&own, "http://localhost"));
    }

    #[test]
    fn a_wrong_origin_is_refused_with_the_reason() {
        for text in [
            "home.example",
            "ftp://home.example",
            "https://home.example/panel",
            "https://a@b",
            "https://:password@b",
            "https://home.example:80@evil.example",
            "https://a?b",
        ] {
            let reason = Origins::parse(text).unwrap_err();
            assert!(reason.contains(text), "{reason}");
        }
    }
}
