//! Explains that an edge cannot fetch a document from a private network.

use url::Url;

use super::check::Check;
use crate::edge::network::private_address;

/// Returns the failed check if the URL is in a private network, so that the edge's network settings are the probable
/// cause.
pub fn refused(kind: &'static str, detail: &str, uri: &str) -> Option<Check> {
    let address = private_address(&Url::parse(uri).ok()?)?;
    let detail = format!("{detail}. The address of {uri} is {address}, which is in a private network");
    let advice = format!(
        "a self-hosted edge connects to a private network only if you allow it: run `pinlatch self-host` again with --allow-private-network {address}, \
         and restart the edge. An edge on Cloudflare cannot reach a private network"
    );
    Some(Check::failed(kind, detail, &advice).coded("edge_cannot_fetch"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_private_address_is_explained() {
        let check = refused("issuer", "x: it fails", "https://192.168.1.10/jwks").unwrap();
        assert!(check.detail.contains("192.168.1.10") && check.code == Some("edge_cannot_fetch"));
        assert!(check.advice.unwrap().contains("--allow-private-network 192.168.1.10"));
        assert!(refused("issuer", "x: it fails", "https://192.0.2.1/jwks").is_none());
    }
}
