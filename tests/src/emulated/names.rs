//! Runs a DNS server for emulated boards. QEMU forwards DNS queries of a guest to the first DNS server in the host's
//! `/etc/resolv.conf`. A bind mount replaces `/etc/resolv.conf` for the QEMU process only. The bind mount and the use
//! of port 53 require root.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;

/// The IP address of the DNS server, as guests see it.
pub const NAME_SERVER: &str = "10.0.2.3";

/// A DNS server on a free IP address of the host's loopback network. The server's thread runs until the test process
/// ends.
pub struct Names {
    folder: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Names {
    /// Starts a DNS server that knows only the given names and IP addresses.
    pub fn serve(names: &[(&str, Ipv4Addr)]) -> Self {
        let names: HashMap<String, Ipv4Addr> =
            names.iter().map(|(name, address)| ((*name).to_owned(), *address)).collect();
        let socket = (0..100).find_map(|_| {
            let [a, b, c, ..] = RandomState::new().hash_one(0).to_be_bytes();
            UdpSocket::bind((Ipv4Addr::new(127, a, b, c.clamp(1, 254)), 53)).ok()
        });
        let socket = socket.expect("port 53 at a free address of the loopback network");
        let folder = tempfile::tempdir().expect("a folder");
        let address = socket.local_addr().expect("an address").ip();
        std::fs::write(folder.path().join("resolv.conf"), format!("nameserver {address}\n")).expect("a file");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let Some((name, answer)) = answer(&packet[..length], &names) else { continue };
                log.lock().unwrap_or_else(PoisonError::into_inner).push(name);
                // Sending the response fails if the client's socket is closed. A client that still needs the response
                // repeats its query, so the error is ignored.
                let _ = socket.send_to(&answer, from);
            }
        });
        Self { folder, asked }
    }

    /// Returns all names that clients have queried, oldest first.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Wraps a command so that its `/etc/resolv.conf` contains only this DNS server.
    pub(super) fn around(&self, command: &Command) -> Command {
        let mut outer = Command::new("unshare");
        outer.args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""]);
        outer.arg(self.folder.path().join("resolv.conf"));
        outer.arg(command.get_program()).args(command.get_args());
        outer
    }
}

/// Parses a DNS query for an IP address, and returns the queried name and the response (RFC 1035 §4). Returns `None` if
/// the packet is not a DNS query.
fn answer(packet: &[u8], names: &HashMap<String, Ipv4Addr>) -> Option<(String, Vec<u8>)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*packet.get(at)?);
        if length == 0 {
            break;
        }
        labels.push(std::str::from_utf8(packet.get(at + 1..at + 1 + length)?).ok()?.to_lowercase());
        at += 1 + length;
    }
    let name = labels.join(".");
    let question = packet.get(12..at + 5)?;
    let is_for_ipv4 = packet.get(at + 1..at + 3)? == [0, 1];
    let known = names.get(&name);
    let address = known.filter(|_| is_for_ipv4);
    let mut answer = packet.get(..2)?.to_vec();
    // These bytes are the flags of a recursive DNS response with the result "no error" or "no such name", and the
    // numbers of records.
    answer.extend([
        0x81,
        if known.is_some() { 0x80 } else { 0x83 },
        0,
        1,
        0,
        u8::from(address.is_some()),
        0,
        0,
        0,
        0,
    ]);
    answer.extend(question);
    if let Some(address) = address {
        // These bytes are a pointer to the queried name, the type A, the class IN, a TTL of 60 seconds, and the length
        // of an IPv4 address.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    Some((name, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_addresses_that_they_are_given() {
        let names = HashMap::from([("edge.test".to_owned(), Ipv4Addr::new(10, 0, 2, 2))]);
        let ask = |name: &[u8], kind: u8| {
            let mut packet = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            packet.extend(name);
            packet.extend([0, kind, 0, 1]);
            answer(&packet, &names)
        };
        let (name, answer) = ask(b"\x04Edge\x04test\x00", 1).unwrap();
        assert_eq!(name, "edge.test");
        assert_eq!(
            (&answer[..4], &answer[answer.len() - 4..]),
            (&[7, 9, 0x81, 0x80][..], &[10, 0, 2, 2][..])
        );
        let (_, no_ipv6) = ask(b"\x04edge\x04test\x00", 28).unwrap();
        assert_eq!((no_ipv6[3], no_ipv6[7]), (0x80, 0));
        assert_eq!(ask(b"\x05other\x00", 1).unwrap().1[3], 0x83);
        assert!(ask(b"\x3f", 1).is_none());
    }
}
