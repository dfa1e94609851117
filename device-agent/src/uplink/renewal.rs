//! Decides when to renew this device's certificate.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;

/// The agent renews the device's certificate when less than one third of the certificate's lifetime is left. If the
/// lifetime is one year, one third is four months. A device can therefore be offline for almost four months and still
/// renew its certificate.
const LEFT: u64 = 3;
const DAY: u64 = 86_400;

/// The validity period of a certificate, in seconds of Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Term {
    iat: u64,
    exp: u64,
}

impl Term {
    /// Reads the validity period from a device certificate (`devcert+jwt`). The function does not check the signature
    /// of the certificate, because the edge checks this signature. If the token cannot be parsed, the function returns
    /// `None`.
    pub fn of(devcert: &str) -> Option<Self> {
        let payload = Base64UrlUnpadded::decode_vec(devcert.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&payload).ok()
    }

    /// Returns whether the agent must renew the certificate now. The result is false before the certificate is valid.
    /// The result is also false after the certificate has expired, because the edge rejects an expired certificate.
    pub fn is_due(&self, now_s: u64) -> bool {
        let (life, left) = (self.exp.saturating_sub(self.iat), self.exp.saturating_sub(now_s));
        now_s < self.exp && left.saturating_mul(LEFT) < life
    }

    /// Returns the time at which the certificate expires, in seconds of Unix time.
    pub fn expires(&self) -> u64 {
        self.exp
    }

    /// Returns the number of whole days until the certificate expires.
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
        assert!(!year.is_due(367 * DAY), "the edge rejects an expired certificate");
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
