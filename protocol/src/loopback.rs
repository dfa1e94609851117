//! This module recognises loopback hosts, which are names and IP addresses of the local machine. Pinlatch connects
//! without TLS only to loopback hosts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns the IP addresses of `localhost` and of names that end in `.localhost`. The IPv4 address is the first.
/// Returns `None` for all other names.
///
/// Pinlatch resolves names of loopback hosts itself instead of asking the operating system (RFC 6761 §6.3). On a
/// machine without `/etc/hosts`, the operating system may not resolve `localhost`. A name server must also not be able
/// to redirect a connection that uses plain text.
#[must_use]
pub fn localhost(name: &str) -> Option<[IpAddr; 2]> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last_label = name.rsplit('.').next().unwrap_or(name);
    last_label
        .eq_ignore_ascii_case("localhost")
        .then_some([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)])
}

/// Returns whether the host of a URL is the local machine. The host is a name or an IP address. An IPv6 address can be
/// enclosed in brackets.
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
