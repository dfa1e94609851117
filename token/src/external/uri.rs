//! Decides to which URLs of issuers and login providers the edge and the command line send requests.

use url::{Host, Url};

use crate::jwt::refusal::excerpt;

/// Checks that a URL uses TLS, or plain HTTP on this machine. On other connections, an attacker could read the data.
/// The URL must contain no user name, password or fragment.
pub fn private_uri(uri: &str) -> Result<String, String> {
    parse(uri).map(|_| uri.to_owned())
}

/// Checks a URL in the metadata of a login provider. Plain HTTP is allowed only if the provider itself is on this
/// machine. Otherwise, a provider on the internet could make the edge send secrets to programs on the edge's machine.
pub(crate) fn endpoint_uri(issuer: &str, uri: &str) -> Result<String, String> {
    let is_local = parse(issuer)?.scheme() == "http";
    if parse(uri)?.scheme() == "http" && !is_local {
        return Err(format!("{:?} is not an https URL", excerpt(uri)));
    }
    Ok(uri.to_owned())
}

fn parse(uri: &str) -> Result<Url, String> {
    let wrong = |why: &str| Err(format!("{:?} {why}", excerpt(uri)));
    // A URL parser of browsers removes control characters and reads `\` as `/`, and other parsers do not.
    if !uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return wrong("contains characters that a URL must encode");
    }
    let Ok(url) = Url::parse(uri) else { return wrong("is not a URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("contains a user name or a password");
    }
    if url.fragment().is_some() {
        return wrong("contains a fragment");
    }
    let is_this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_this_machine => Ok(url),
        _ => wrong("is not an https URL and is not a URL of this machine"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_this_machine_are_private() {
        for uri in [
            "https://id.example",
            "https://id.example:8443/realms/home?x=y",
            "https://10.0.0.5/jwks",
            "http://127.0.0.1:8080/jwks",
            "http://127.9.9.9/",
            "http://[::1]:8080",
            "http://localhost:8080/a@b",
            "HTTP://LocalHost/",
        ] {
            assert_eq!(private_uri(uri).as_deref(), Ok(uri));
        }
    }

    #[test]
    fn a_url_that_only_looks_private_is_refused() {
        for uri in [
            "http://127.0.0.1:80@evil.example/",
            "http://localhost:x@evil.example/",
            "http://[::1]:80@evil.example/",
            "http://127.0.0.1@evil.example",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "http://a.localhost/",
            "http://localhost%00.evil.example/",
            "http://127.0.0.1\\@evil.example/",
            "http://evil.example\\@127.0.0.1/",
            "http://127.0.0.1\t.evil.example/",
            "http://127.0.0.1\n.evil.example/",
            "http://evil.example#@127.0.0.1:80/",
            "http://evil.example/?http://127.0.0.1:80",
            "http://[::ffff:10.0.0.1]/",
            "http://10.0.0.1/",
            "http://id.example/",
            "https://user@id.example/",
            "https://:password@id.example/",
            "https://id.example/#fragment",
            "https://",
            "https://id.example:99999/",
            " https://id.example/",
            "https://id.example/ x",
            "https://bücher.example/",
            "ftp://127.0.0.1:80/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "//127.0.0.1:80/",
            "",
        ] {
            let reason = private_uri(uri).expect_err(uri);
            assert!(reason.contains('"'), "{reason}");
        }
    }

    #[test]
    fn only_a_provider_on_this_machine_has_endpoints_without_tls() {
        let endpoint = |issuer, uri| endpoint_uri(issuer, uri).is_ok();
        assert!(endpoint("https://id.example", "https://login.id.example/token"));
        assert!(endpoint("http://127.0.0.1:9000", "http://localhost:9000/token"));
        assert!(endpoint("http://localhost:9000", "https://id.example/token"));
        for issuer in ["https://id.example", "https://localhost:9000"] {
            assert!(!endpoint(issuer, "http://127.0.0.1:8787/token"));
            assert!(!endpoint(issuer, "http://[::1]/token"));
        }
        assert!(!endpoint("http://127.0.0.1:9000", "http://10.0.0.1/token"));
    }
}
