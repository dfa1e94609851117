//! Finds free ports of `localhost`, which has the two IP addresses 127.0.0.1 and ::1.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use anyhow::{Context, Result};

/// The number of ports that are tried before the search fails.
const ATTEMPTS: usize = 20;

/// Returns the IP addresses of `localhost` on this machine. Some machines have no IPv6 address.
pub fn loopback_addresses() -> Vec<IpAddr> {
    let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    both.into_iter().filter(|ip| ip.is_ipv4() || TcpListener::bind((*ip, 0)).is_ok()).collect()
}

/// Returns a port that is free on all IP addresses of `localhost`.
pub fn free_port() -> Result<u16> {
    for _ in 0..ATTEMPTS {
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free on 127.0.0.1")?;
        let port = probe.local_addr()?.port();
        drop(probe);
        if is_free(port) {
            return Ok(port);
        }
    }
    anyhow::bail!("found no port that is free on both 127.0.0.1 and ::1")
}

/// Returns whether a port is free on all IP addresses of `localhost`.
pub fn is_free(port: u16) -> bool {
    loopback_addresses().into_iter().all(|ip| TcpListener::bind((ip, port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_not_free_on_either_address() {
        for ip in loopback_addresses() {
            let taken = TcpListener::bind((ip, 0)).unwrap();
            assert!(!is_free(taken.local_addr().unwrap().port()), "{ip}");
        }
        assert!(is_free(free_port().unwrap()));
    }
}
