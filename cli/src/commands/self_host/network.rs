//! Decides to which networks a self-hosted edge connects. The edge connects to the issuers and login providers in its
//! configuration, and a login provider's document names further URLs. Without the owner's permission, none of these
//! connections reaches a private network or a program on the edge's machine.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde_json::{Map, Value};
use url::Url;

use crate::deploy::wrangler::member;
use crate::edge::network::private_address;

/// A network to which the edge can connect, in addition to the public addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// All private networks, and the edge's machine.
    Private,
    /// The edge's machine.
    Local,
    Block(IpNet),
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        match text {
            "private" => Ok(Self::Private),
            "local" => Ok(Self::Local),
            block => block.parse().or_else(|_| single()).map(Self::Block).map_err(|_| {
                "write a network such as 192.168.1.0/24, an IP address, `local` or `private`".to_owned()
            }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => f.write_str("private"),
            Self::Local => f.write_str("local"),
            Self::Block(block) => write!(f, "{}", block.trunc()),
        }
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Private => true,
            Self::Local => address.is_loopback(),
            Self::Block(block) => block.contains(&address),
        }
    }
}

/// Returns a warning for each issuer and login provider in a private network that the owner has not allowed.
pub fn unreachable(vars: &Map<String, Value>, allowed: &[Network]) -> Vec<String> {
    let tables = |name: &str| vars.get(name).and_then(Value::as_object).into_iter().flatten();
    let issuers = tables("ISSUERS").filter_map(|(name, table)| Some((name, member(table, "jwks_uri")?)));
    let logins = tables("LOGINS").filter_map(|(name, table)| Some((name, member(table, "issuer")?)));
    let issuers = issuers.map(|(name, uri)| ("issuer", name, uri));
    let logins = logins.map(|(name, uri)| ("login provider", name, uri));
    let mut warnings = Vec::new();
    for (kind, name, uri) in issuers.chain(logins) {
        let address = Url::parse(uri).ok().and_then(|url| private_address(&url));
        let Some(address) =
            address.filter(|address| !allowed.iter().any(|network| network.contains(*address)))
        else {
            continue;
        };
        warnings.push(format!(
            "the edge will not connect to the {kind} {name} ({uri}), because the address {address} is in a private network; \
             to allow this network, add --allow-private-network {address}"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_a_word_or_a_block() {
        for (text, written) in [
            ("private", "private"),
            ("local", "local"),
            ("192.168.1.0/24", "192.168.1.0/24"),
            ("192.168.1.7/24", "192.168.1.0/24"),
            ("10.0.0.5", "10.0.0.5/32"),
            ("fd00::/8", "fd00::/8"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(network(text).to_string(), written);
        }
        for wrong in ["", "public", "192.168.1.0/33", "host.example", "10.0.0.0/8\", \"private", "*"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_private_and_not_allowed_is_named() {
        let vars = json!({
            "ISSUERS": {
                "lan": { "jwks_uri": "https://192.168.1.10/jwks" },
                "own": { "jwks_uri": "http://127.0.0.1:9000/jwks" },
                "shared": { "secret": "X", "issuer": "https://10.0.0.1/" },
                "public": { "jwks_uri": "https://192.0.2.1/jwks" },
            },
            "LOGINS": { "sso": { "issuer": "https://192.168.1.11:8443/realms/home" } },
        });
        let named = |allowed: &[&str]| {
            let allowed: Vec<Network> = allowed.iter().map(|text| network(text)).collect();
            let warnings = unreachable(vars.as_object().unwrap(), &allowed);
            let names = ["lan", "own", "shared", "public", "sso"];
            let is_named = |name: &&str| warnings.iter().any(|text| text.contains(&format!(" {name} (")));
            names.into_iter().filter(is_named).collect::<Vec<_>>()
        };
        assert_eq!(named(&[]), ["lan", "own", "sso"]);
        assert_eq!(named(&["192.168.1.10"]), ["own", "sso"]);
        assert_eq!(named(&["192.168.1.0/24"]), ["own"]);
        assert_eq!(named(&["local"]), ["lan", "sso"]);
        assert!(named(&["private"]).is_empty());
        let first = unreachable(vars.as_object().unwrap(), &[]).remove(0);
        assert!(first.contains("--allow-private-network 192.168.1.10"), "{first}");
    }
}
