//! This module parses the private RSA keys of `EDGE_KEYS`. The crate does no private RSA operation: the platform's
//! cryptography decrypts with these keys (RUSTSEC-2023-0071).

use std::cmp::Ordering;

use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd};
use serde_json::Value;

use super::keys::bytes;
use crate::jwt::b64;
use crate::jwt::strict::Object;
use crate::keys::key_error::{KeyError, RSA_BITS};
use crate::keys::verifying::rsa_public;

const PUBLIC_MEMBERS: [&str; 3] = ["kty", "n", "e"];

/// The members of a private RSA key that Pinlatch writes to `EDGE_KEYS`. Other members of the JWK are dropped.
const MEMBERS: [&str; 9] = ["kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"];

/// A private RSA key with two primes, whose numbers belong together.
#[derive(Clone)]
pub(super) struct RsaKey {
    /// The members of the JWK that the owner wrote.
    written: Object,
    /// The private key as a JWK with all members of RFC 7518 §6.3. WebCrypto needs all of them, but the owner's JWK can
    /// omit `dp`, `dq` and `qi`.
    complete: Object,
    modulus_length: usize,
}

impl RsaKey {
    /// Parses a private JWK. The members `dp`, `dq` and `qi` are not read but computed from the other members.
    pub fn from_jwk(jwk: &Object) -> Result<Self, KeyError> {
        let part = |name| {
            bytes(jwk, name)
                .filter(|number| number.len() <= *RSA_BITS.end() / 8 + 1)
                .ok_or(KeyError::Form("the member `n`, `e`, `d`, `p` or `q` is missing or is not base64url"))
        };
        let (n, e) = rsa_public(&part("n")?, &part("e")?)?;
        if jwk.contains_key("oth") {
            return Err(KeyError::Unfit(
                "the RSA key has more than two primes; use an RSA key with two primes",
            ));
        }
        let [d, p, q] = [part("d")?, part("p")?, part("q")?];
        let numbers = PrivateNumbers::new(&n, &e, &d, &p, &q);
        let numbers = numbers.ok_or(KeyError::Form("the members of the JWK are not a valid RSA key"))?;
        let mut complete = numbers.members();
        complete.extend([("kty", "RSA".into()), ("n", encoded(&n)), ("e", encoded(&e))].map(named));
        Ok(Self { written: of(jwk, &MEMBERS), complete, modulus_length: n.len() })
    }

    /// Returns the private key as a JWK with the members that the owner wrote.
    pub fn written_jwk(&self) -> &Object {
        &self.written
    }

    /// Returns the private key as a JWK with all members.
    pub fn complete_jwk(&self) -> &Object {
        &self.complete
    }

    /// Returns a JWK that contains only the members of the public key.
    pub fn public_jwk(&self) -> Object {
        of(&self.written, &PUBLIC_MEMBERS)
    }

    /// Returns the length of the modulus in bytes, which is also the length of each text that the key decrypts.
    pub fn modulus_length(&self) -> usize {
        self.modulus_length
    }
}

/// The private numbers of an RSA key (RFC 8017 §3.2). `p` is the larger prime.
struct PrivateNumbers {
    d: BoxedUint,
    p: BoxedUint,
    q: BoxedUint,
    dp: BoxedUint,
    dq: BoxedUint,
    qi: BoxedUint,
}

impl PrivateNumbers {
    /// Returns `None` if the numbers do not belong together.
    fn new(n: &[u8], e: &[u8], d: &[u8], p: &[u8], q: &[u8]) -> Option<Self> {
        let [n, e, d, mut p, mut q] = [number(n)?, number(e)?, number(d)?, number(p)?, number(q)?];
        if p < q {
            std::mem::swap(&mut p, &mut q);
        }
        if d >= n || p.concatenating_mul(&q).cmp_vartime(&n) != Ordering::Equal {
            return None;
        }
        let [below_p, below_q] = [less_one(&p)?, less_one(&q)?];
        let de = d.concatenating_mul(&e);
        if [&below_p, &below_q].iter().any(|modulus| de.rem(*modulus) != BoxedUint::one()) {
            return None;
        }
        let (dp, dq) = (d.rem(&below_p), d.rem(&below_q));
        let odd_p = Odd::new(p.clone()).into_option()?;
        let qi = q.rem(&NonZero::new(p.clone()).into_option()?).invert_odd_mod(&odd_p).into_option()?;
        Some(Self { d, p, q, dp, dq, qi })
    }

    fn members(&self) -> Object {
        let Self { d, p, q, dp, dq, qi } = self;
        let numbers = [("d", d), ("p", p), ("q", q), ("dp", dp), ("dq", dq), ("qi", qi)];
        numbers.map(|(name, number)| named((name, encoded(&number.to_be_bytes())))).into_iter().collect()
    }
}

/// Parses a positive number. Leading zeros are allowed.
fn number(bytes: &[u8]) -> Option<BoxedUint> {
    let bytes = trimmed(bytes);
    let bits = u32::try_from(bytes.len() * 8).ok().filter(|bits| *bits > 0)?;
    BoxedUint::from_be_slice(bytes, bits).ok()
}

/// Returns the number minus one. Returns `None` if the result is zero.
fn less_one(number: &BoxedUint) -> Option<NonZero<BoxedUint>> {
    NonZero::new(number.wrapping_sub(BoxedUint::one())).into_option()
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Encodes a number without leading zeros (RFC 7518 §2, Base64urlUInt).
fn encoded(bytes: &[u8]) -> Value {
    b64::encode(trimmed(bytes)).into()
}

/// Returns a copy of a JWK that contains only the named members.
fn of(jwk: &Object, names: &[&str]) -> Object {
    names.iter().filter_map(|name| Some(((*name).to_owned(), jwk.get(*name)?.clone()))).collect()
}

fn named((name, value): (&str, Value)) -> (String, Value) {
    (name.to_owned(), value)
}

#[cfg(test)]
mod tests {
    use rsa::traits::{PrivateKeyParts, PublicKeyParts};
    use rsa::{BigUint, RsaPrivateKey, rand_core::OsRng};

    use super::*;

    fn jwk(numbers: [(&str, &BigUint); 5]) -> Object {
        let kty = [("kty".to_owned(), Value::from("RSA"))];
        let numbers = numbers.map(|(name, number)| named((name, encoded(&number.to_bytes_be()))));
        kty.into_iter().chain(numbers).collect()
    }

    /// Compares the computed numbers with the numbers of an independent implementation.
    #[test]
    fn the_missing_numbers_are_computed() {
        let mut key = RsaPrivateKey::new(&mut OsRng, 2048).unwrap();
        key.precompute().unwrap();
        let (p, q) = (&key.primes()[0], &key.primes()[1]);
        let (larger, smaller) = if p > q { (p, q) } else { (q, p) };
        let one = BigUint::from(1_u8);
        for (p, q) in [(larger, smaller), (smaller, larger)] {
            let mut jwk = jwk([("n", key.n()), ("e", key.e()), ("d", key.d()), ("p", p), ("q", q)]);
            // A wrong member is replaced.
            jwk.insert("dp".into(), "AQ".into());
            let read = RsaKey::from_jwk(&jwk).unwrap();
            assert_eq!(read.modulus_length(), 256);
            let member = |name| BigUint::from_bytes_be(&bytes(read.complete_jwk(), name).unwrap());
            assert_eq!((&member("p"), &member("q")), (larger, smaller));
            assert_eq!(member("dp"), key.d() % (larger - &one));
            assert_eq!(member("dq"), key.d() % (smaller - &one));
            assert_eq!(member("qi") * smaller % larger, one);
            assert_eq!((read.complete_jwk().len(), read.written_jwk()), (9, &jwk));
            let public: Vec<_> = read.public_jwk().into_iter().map(|(name, _)| name).collect();
            assert_eq!(public, ["e", "kty", "n"]);
        }
    }

    #[test]
    fn leading_zeros_do_not_matter() {
        let key = RsaPrivateKey::new(&mut OsRng, 2048).unwrap();
        let (p, q) = (&key.primes()[0], &key.primes()[1]);
        let plain = jwk([("n", key.n()), ("e", key.e()), ("d", key.d()), ("p", p), ("q", q)]);
        let mut padded = plain.clone();
        for name in ["n", "e", "d", "p", "q"] {
            let number = [&[0][..], &bytes(&plain, name).unwrap()].concat();
            padded.insert(name.into(), b64::encode(&number).into());
        }
        let [plain, padded] = [&plain, &padded].map(|jwk| RsaKey::from_jwk(jwk).unwrap());
        assert_eq!(plain.complete_jwk(), padded.complete_jwk());
        assert_eq!(padded.modulus_length(), 256);
    }
}
