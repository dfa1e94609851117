//! Finds out whether a URL is in a private network. A self-hosted edge connects only to public addresses and to the
//! networks that its owner allows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use ipnet::IpNet;
use pinlatch_protocol::loopback::localhost;
use url::{Host, Url};

/// Returns an address of the URL's host that is in a private network or on this machine. The system's resolver resolves
/// names. A name that cannot be resolved has no address.
pub fn private_address(url: &Url) -> Option<IpAddr> {
    addresses(url).into_iter().find(|address| is_private(*address))
}

fn addresses(url: &Url) -> Vec<IpAddr> {
    match url.host() {
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        Some(Host::Domain(name)) => match localhost(name) {
            Some(local) => local.to_vec(),
            None => {
                let found = (name, url.port_or_known_default().unwrap_or(443)).to_socket_addrs();
                found.map(|all| all.map(|address: SocketAddr| address.ip()).collect()).unwrap_or_default()
            }
        },
        None => Vec::new(),
    }
}

/// Returns whether workerd counts the address to the network `private`: private networks, and this machine.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_private_v4(mapped),
            None => {
                let own = [address.is_loopback(), address.is_unspecified(), address.is_multicast()];
                own.contains(&true) || is_within(address, "fc00::/7") || is_within(address, "fe80::/10")
            }
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let own = [
        address.is_private(),
        address.is_loopback(),
        address.is_link_local(),
        address.is_unspecified(),
        address.is_broadcast(),
        address.is_multicast(),
    ];
    // Providers use this network between their customers and themselves (RFC 6598).
    let is_shared =
        address.octets().starts_with(&[100]) && address.octets().get(1).is_some_and(|b| b & 0xc0 == 64);
    own.contains(&true) || is_shared
}

fn is_within(address: Ipv6Addr, network: &str) -> bool {
    network.parse::<IpNet>().is_ok_and(|network| network.contains(&IpAddr::V6(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_networks_and_this_machine_are_private() {
        let found = |url: &str| private_address(&url.parse().unwrap());
        for url in [
            "http://127.0.0.1:8080/jwks",
            "http://localhost/",
            "https://10.0.0.5/",
            "https://172.16.3.4/",
            "https://192.168.1.10:8443/realms/home",
            "https://169.254.169.254/latest",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[fd00::5]/",
            "https://[fe80::1]/",
            "https://[::ffff:10.0.0.1]/",
        ] {
            assert!(found(url).is_some(), "{url}");
        }
        for url in
            ["https://192.0.2.1/", "https://8.8.8.8/", "https://100.128.0.1/", "https://[2001:db8::1]/"]
        {
            assert_eq!(found(url), None, "{url}");
        }
    }
}
