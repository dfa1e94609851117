//! Limits how often callers can make an isolate use a private key for sealed tokens.
//!
//! The counts are in the memory of one isolate, so they bound the work of each isolate and not of the whole deployment.

use pinlatch_protocol::problem::{Code, Problem};

use crate::pressure::Pressure;

/// The number of new sealed tokens that one address can send at once.
pub const ADDRESS_AT_ONCE: u64 = 20;

/// The number of new sealed tokens that one address can send per second, after [`ADDRESS_AT_ONCE`].
pub const ADDRESS_PER_S: u64 = 5;

/// The number of new sealed tokens that all unknown addresses together can send at once, and that all known addresses
/// together can send at once.
pub const TOGETHER_AT_ONCE: u64 = 20;

/// The number of new sealed tokens that all unknown addresses together can send per second, after [`TOGETHER_AT_ONCE`].
/// All known addresses together can send as many.
pub const TOGETHER_PER_S: u64 = 20;

/// How long an address is known after a valid sealed token, in milliseconds.
pub const KNOWN_MS: u64 = 24 * 3_600_000;

/// Counts the sealed tokens for which a private key was used.
pub struct Budget {
    addresses: Pressure,
    /// The tokens of all known addresses, and the tokens of all unknown addresses.
    together: Pressure,
    /// The addresses that sent a valid sealed token.
    known: Pressure,
}

impl Budget {
    pub const fn new() -> Self {
        Self {
            addresses: Pressure::new(1_000 / ADDRESS_PER_S),
            together: Pressure::new(1_000 / TOGETHER_PER_S),
            known: Pressure::new(KNOWN_MS),
        }
    }

    /// Counts one use of a private key. Beyond the limits, this function returns 429 `throttled` and counts nothing.
    pub fn admit(&mut self, address: &str, now_ms: u64) -> Result<(), Problem> {
        if self.addresses.count(address, now_ms) >= ADDRESS_AT_ONCE {
            return Err(throttled(&format!(
                "the edge decrypts at most {ADDRESS_PER_S} new sealed tokens per second from one address; use one sealed token until it expires"
            )));
        }
        let group = if self.knows(address, now_ms) { "known" } else { "unknown" };
        if self.together.count(group, now_ms) >= TOGETHER_AT_ONCE {
            return Err(throttled(
                "too many new sealed tokens at the moment; send the same token again later",
            ));
        }
        self.addresses.add(address, now_ms);
        self.together.add(group, now_ms);
        Ok(())
    }

    /// Remembers that the address sent a valid sealed token.
    pub fn trust(&mut self, address: &str, now_ms: u64) {
        // All clients whose address is unknown have the same empty address.
        if !address.is_empty() && !self.knows(address, now_ms) {
            self.known.add(address, now_ms);
        }
    }

    fn knows(&self, address: &str, now_ms: u64) -> bool {
        self.known.count(address, now_ms) > 0
    }
}

fn throttled(detail: &str) -> Problem {
    Problem::new(Code::Throttled).detail(detail).retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000_000;

    fn admitted(budget: &mut Budget, addresses: impl Iterator<Item = String>, now_ms: u64) -> u64 {
        addresses.map(|address| u64::from(budget.admit(&address, now_ms).is_ok())).sum()
    }

    #[test]
    fn one_address_has_a_rate() {
        let mut budget = Budget::new();
        let one = |count| (0..count).map(|_| "192.0.2.1".to_owned());
        assert_eq!(admitted(&mut budget, one(100), NOW), ADDRESS_AT_ONCE);
        assert_eq!(admitted(&mut budget, one(100), NOW + 1_000), ADDRESS_PER_S);
        assert_eq!(admitted(&mut budget, one(100), NOW + 11_000), ADDRESS_AT_ONCE);
        let problem = budget.admit("192.0.2.1", NOW + 11_000).unwrap_err();
        assert!(problem.is(Code::Throttled) && problem.retry_after == Some(1));
    }

    #[test]
    fn many_addresses_have_a_rate_together() {
        let mut budget = Budget::new();
        let many = |start: u64| (start..start + 500).map(|number| format!("client-{number}"));
        let mut sum = 0;
        for second in 0..10 {
            sum += admitted(&mut budget, many(second * 500), NOW + second * 1_000);
        }
        assert_eq!(sum, TOGETHER_AT_ONCE + 9 * TOGETHER_PER_S);
    }

    #[test]
    fn unknown_callers_do_not_delay_known_addresses() {
        let mut budget = Budget::new();
        budget.trust("192.0.2.1", NOW);
        budget.trust("", NOW);
        let many = (0..500).map(|number| format!("client-{number}"));
        assert_eq!(admitted(&mut budget, many, NOW), TOGETHER_AT_ONCE);
        assert!(budget.admit("192.0.2.1", NOW).is_ok());
        assert!(budget.admit("", NOW).is_err(), "an unknown address is never known");
        assert!(budget.admit("192.0.2.2", NOW).is_err());
        let (later, end) = (NOW + KNOWN_MS - 1, NOW + KNOWN_MS);
        for (now, known) in [(later, true), (end, false)] {
            admitted(&mut budget, (0..500).map(|number| format!("client-{number}")), now);
            assert_eq!(budget.admit("192.0.2.1", now).is_ok(), known);
        }
    }

    #[test]
    fn the_documentation_has_the_limits() {
        let docs = include_str!("../../../docs/tokens.md");
        assert_eq!(KNOWN_MS, 24 * 3_600_000, "the documentation says `for one day`");
        for sentence in [
            format!("{ADDRESS_AT_ONCE} at once, and then {ADDRESS_PER_S} per second, from one address"),
            format!(
                "{TOGETHER_AT_ONCE} at once, and then {TOGETHER_PER_S} per second, from all other addresses"
            ),
        ] {
            assert!(docs.contains(&sentence), "{sentence}");
        }
    }
}
