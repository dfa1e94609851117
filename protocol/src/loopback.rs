//! Loopback hosts. Pinlatch connects without TLS only to these hosts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IP addresses of `localhost` and of all names that end in `.localhost`, IPv4 first. `None` for other names.
///
/// These names are resolved here and not by the system (RFC 6761 §6.3). A machine can have no `/etc/hosts`, and a name
/// server must not be able to redirect a connection that can be plain text.
#[must_use]
pub fn localhost(name: &str) -> Option<[IpAddr; 2]> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last_label = name.rsplit('.').next().unwrap_or(name);
    last_label
        .eq_ignore_ascii_case("localhost")
        .then_some([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)])
}

/// Whether the host of a URL is this machine. The host is a name or an IP address; an IPv6 address can be in brackets.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    address.parse::<IpAddr>().map_or_else(|_| localhost(host).is_some(), |ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_and_names_below_it_are_this_machine() {
        for host in [
            "localhost",
            "LocalHost",
            "localhost.",
            "a.b.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_not() {
        for host in [
            "",
            ".",
            "localhost.example",
            "notlocalhost",
            "127.0.0.1.example",
            "10.0.0.1",
            "::2",
            "[::1",
            "localhost..",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
