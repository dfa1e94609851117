//! Decides whether a URL belongs to the owner's deployment. The tokens of the checks are valid at the deployment, so they
//! are sent to no URL that only the command line names.

use serde_json::Value;
use url::Url;

use crate::edge::address::is_same_origin;

/// The origins of the owner's deployment.
pub struct NamedOrigins(Vec<Url>);

impl NamedOrigins {
    /// Collects the origins: the variable `ORIGIN` of the configuration, and the deployment that the user is logged in
    /// to. As in the Worker, `ORIGIN` is a list of URLs that are separated by commas or spaces.
    pub fn new(origin: Option<&str>, logged_in_at: Option<Url>) -> Self {
        let configured = origin.unwrap_or_default().split([',', ' ']).filter_map(|url| Url::parse(url).ok());
        Self(configured.chain(logged_in_at).collect())
    }

    /// Returns whether the URL has the scheme, the host and the port of a named origin.
    pub fn contain(&self, url: &Url) -> bool {
        self.0.iter().any(|named| is_same_origin(named, url))
    }
}

/// Returns the variable `ORIGIN`. As in the Worker, a secret overrides a variable of the same name.
pub fn configured<'c>(secret: Option<&'c str>, variables: &'c Value) -> Option<&'c str> {
    secret.or_else(|| variables.get("ORIGIN").and_then(Value::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn only_named_origins_belong_to_the_deployment() {
        let own = "https://home.example, https://home.example:8443";
        let named = NamedOrigins::new(Some(own), Some(url("http://localhost:8787/")));
        for own in ["https://home.example/x", "https://home.example:8443", "http://localhost:8787"] {
            assert!(named.contain(&url(own)), "{own}");
        }
        for other in [
            "http://home.example",
            "https://home.example.evil.example",
            "https://evil.example/https://home.example",
            "http://localhost:8788",
            "http://127.0.0.1:8787",
        ] {
            assert!(!named.contain(&url(other)), "{other}");
        }
        assert!(!NamedOrigins::new(None, None).contain(&url("http://localhost:8787")));
        assert!(!NamedOrigins::new(Some("not a url"), None).contain(&url("https://home.example")));
    }

    #[test]
    fn a_secret_overrides_a_variable() {
        let variables = json!({ "ORIGIN": "https://one.example" });
        assert_eq!(configured(None, &variables), Some("https://one.example"));
        assert_eq!(configured(Some("https://two.example"), &variables), Some("https://two.example"));
        assert_eq!(configured(None, &json!({})), None);
    }
}
