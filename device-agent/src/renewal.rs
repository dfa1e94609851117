//! When this device's certificate is to be renewed.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;

/// A certificate is renewed once less than this part of its life is left: four months of a year, which a device may be
/// away for.
const LEFT: u64 = 3;
const DAY: u64 = 86_400;

/// From when until when a certificate holds, in seconds of Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Term {
    /// When it was issued.
    iat: u64,
    /// When it expires.
    exp: u64,
}

impl Term {
    /// Reads it from a `devcert+jwt`, whose signature is the edge's to check. `None` where it is none.
    pub fn of(devcert: &str) -> Option<Self> {
        let payload = Base64UrlUnpadded::decode_vec(devcert.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&payload).ok()
    }

    /// Whether little of it is left. Before its beginning, and after its end, nothing is to be gained.
    pub fn is_due(&self, now_s: u64) -> bool {
        let (life, left) = (self.exp.saturating_sub(self.iat), self.exp.saturating_sub(now_s));
        now_s < self.exp && left.saturating_mul(LEFT) < life
    }

    /// When it expires, in seconds of Unix time.
    pub fn expires(&self) -> u64 {
        self.exp
    }

    /// How many whole days are left.
    pub fn days_left(&self, now_s: u64) -> u64 {
        self.exp.saturating_sub(now_s) / DAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(payload: &str) -> Option<Term> {
        Term::of(&format!("e30.{}.x", Base64UrlUnpadded::encode_string(payload.as_bytes())))
    }

    #[test]
    fn a_year_is_renewed_in_its_last_third() {
        let year = term(&format!("{{\"iat\":{DAY},\"exp\":{},\"x\":1}}", 367 * DAY)).unwrap();
        assert_eq!([0, 1, 200, 245].map(|day| year.is_due(day * DAY)), [false; 4]);
        assert_eq!([246, 300, 366].map(|day| year.is_due(day * DAY)), [true; 3]);
        assert!(!year.is_due(367 * DAY), "the edge refuses it, so that nobody can ask");
        assert_eq!((year.expires(), year.days_left(360 * DAY)), (367 * DAY, 7));
    }

    #[test]
    fn what_is_no_certificate_has_no_term() {
        for payload in ["", "{}", "[]", "{\"iat\":1}", "{\"iat\":-1,\"exp\":2}", "{\"iat\":\"1\",\"exp\":2}"]
        {
            assert_eq!(term(payload), None, "{payload}");
        }
        assert_eq!((Term::of(""), Term::of("a.b.c")), (None, None));
        assert!(!term("{\"iat\":9,\"exp\":2}").unwrap().is_due(1));
    }
}
