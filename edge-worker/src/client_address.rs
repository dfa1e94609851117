//! Determines the address of a client. The gate limits failed logins by this address, and the Worker limits new sealed
//! tokens by it, so a client must not be able to choose it.

use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv6Net};

/// The source of clients' addresses, which the variable `CLIENT_ADDRESS` selects.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum ClientAddress {
    /// The other end of the TCP connection, as reported by workerd.
    #[default]
    Peer,
    /// The header `CF-Connecting-IP`. Only Cloudflare's network replaces this header if a client sends it.
    Cloudflare,
    /// A list of addresses in a header. Only the given proxies may set the header.
    Header { name: String, proxies: Vec<IpNet> },
}

impl ClientAddress {
    /// Parses the variable `CLIENT_ADDRESS`: `peer`, `cloudflare`, or `HEADER from NETWORK, …`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" | "peer" => return Ok(Self::Peer),
            "cloudflare" => return Ok(Self::Cloudflare),
            _ => {}
        }
        let rule = "must be `peer`, `cloudflare` or `HEADER from NETWORK, …`";
        let Some((name, networks)) = text.trim().split_once(" from ") else {
            return Err(format!("{text:?} {rule}"));
        };
        let network = |text: &str| {
            let text = text.trim();
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.parse()).map_err(|_| format!("{text:?} is not an IP address or network"))
        };
        let proxies = networks.split(',').map(network).collect::<Result<_, _>>()?;
        Ok(Self::Header { name: name.trim().to_owned(), proxies })
    }

    /// Returns the network of the client, as text: an IPv4 address, or an IPv6 network of 64 bits, because one client
    /// usually has a whole such network. The result is empty if the address is unknown.
    pub fn of(&self, peer: Option<&str>, header: impl Fn(&str) -> Option<String>) -> String {
        let peer = peer.and_then(address);
        let client = match self {
            Self::Peer => peer,
            Self::Cloudflare => header("CF-Connecting-IP").as_deref().and_then(address),
            Self::Header { name, proxies } => {
                let is_proxy = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
                // A proxy that connects through a Unix socket has no address.
                if peer.is_none_or(|peer| is_proxy(&peer)) {
                    let listed = header(name).unwrap_or_default();
                    // Each proxy adds the address of its client at the end. A client can write the start of the list.
                    let mut hops = listed.rsplit(',').map(address);
                    hops.find(|hop| hop.is_none_or(|hop| !is_proxy(&hop))).flatten().or(peer)
                } else {
                    peer
                }
            }
        };
        client.map(network).unwrap_or_default()
    }
}

/// Parses an address with or without a port. workerd and some proxies add the port of the connection. An IPv4 address
/// that is written as an IPv6 address is the same client.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = text.parse::<SocketAddr>().map(|address| address.ip());
    let without = || text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    with_port.or_else(|_| without()).ok().map(|address| address.to_canonical())
}

fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => Ipv6Net::new_assert(address, 64).trunc().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str, peer: Option<&str>, value: Option<&str>) -> String {
        ClientAddress::parse(source).unwrap().of(peer, |_| value.map(str::to_owned))
    }

    #[test]
    fn a_client_does_not_choose_its_address() {
        let forwarded = "X-Forwarded-For from 127.0.0.1, ::1, 10.0.0.0/8";
        for (source, peer, header, expected) in [
            ("peer", Some("192.0.2.1"), Some("198.51.100.7"), "192.0.2.1"),
            ("", Some("192.0.2.1"), None, "192.0.2.1"),
            ("", Some("192.0.2.1:44888"), Some("198.51.100.7"), "192.0.2.1"),
            ("", Some("[::ffff:192.0.2.1]:44888"), None, "192.0.2.1"),
            (forwarded, Some("192.0.2.1:44888"), Some("198.51.100.7"), "192.0.2.1"),
            (forwarded, Some("127.0.0.1:52420"), Some("198.51.100.7:9000"), "198.51.100.7"),
            ("cloudflare", Some("127.0.0.1"), Some("198.51.100.7"), "198.51.100.7"),
            (forwarded, Some("192.0.2.1"), Some("198.51.100.7"), "192.0.2.1"),
            (forwarded, Some("127.0.0.1"), Some("198.51.100.7"), "198.51.100.7"),
            (forwarded, Some("::ffff:127.0.0.1"), Some("198.51.100.7"), "198.51.100.7"),
            // The client wrote the first address, and the second proxy has an address of its own.
            (forwarded, Some("127.0.0.1"), Some("203.0.113.9, 198.51.100.7, 10.1.1.1"), "198.51.100.7"),
            (forwarded, Some("127.0.0.1"), Some("203.0.113.9, unknown"), "127.0.0.1"),
            (forwarded, Some("127.0.0.1"), None, "127.0.0.1"),
            (forwarded, None, Some("198.51.100.7"), "198.51.100.7"),
            ("peer", None, Some("198.51.100.7"), ""),
        ] {
            assert_eq!(of(source, peer, header), expected, "{source} {peer:?} {header:?}");
        }
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        let one = of("peer", Some("2001:db8:1:2:3:4:5:6"), None);
        assert_eq!(one, "2001:db8:1:2::/64");
        assert_eq!(of("peer", Some("2001:db8:1:2:ffff::1"), None), one);
        assert_ne!(of("peer", Some("2001:db8:1:3::1"), None), one);
    }

    #[test]
    fn a_wrong_source_is_refused_with_the_reason() {
        for text in ["X-Forwarded-For", "X-Forwarded-For from nowhere", "X-Real-IP from 10.0.0.0/99"] {
            assert!(ClientAddress::parse(text).is_err(), "{text}");
        }
    }
}
