//! This module lists the reasons for refusing a key or a key set.

use std::ops::RangeInclusive;

use crate::keys::alg::Algorithm;

/// The accepted sizes of an RSA modulus, in bits.
pub const RSA_BITS: RangeInclusive<usize> = 2048..=4096;

// Texts without placeholders contain these numbers, for example in `minting.rs`.
const _: () = assert!(*RSA_BITS.start() == 2048 && *RSA_BITS.end() == 4096);

/// The reason why a key or a key set is refused. If one key of a set is invalid, the whole set is refused. The error
/// text never contains key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The data is not a key in a supported form.
    #[error("the key is not valid: {0}")]
    Form(&'static str),
    /// Two keys of the set have the same `kid`.
    #[error("two keys of the set have the same kid {0:?}")]
    DuplicateKid(String),
    /// The `kty`, `crv`, `alg`, `use` or `key_ops` of the key does not fit the purpose of the key.
    #[error("the key does not fit its purpose: {0}")]
    Unfit(&'static str),
    /// The data is a private key, but a public key is required.
    #[error("the key is a private key; use the public key instead")]
    Private,
    /// The key set has no key of the required type.
    #[error("the key set has no {0}")]
    Missing(&'static str),
    /// The key set contains both shared secrets and public keys. A public key in this set could be used as a shared
    /// secret.
    #[error("a set of public keys must not contain shared secrets; use separate sets")]
    Mixed,
    /// The RSA modulus has a size outside the range [`RSA_BITS`] (RFC 7518 §3.3).
    #[error("the RSA key has {0} bits; use an RSA key of {least} to {most} bits", least = RSA_BITS.start(), most = RSA_BITS.end())]
    RsaSize(usize),
    /// The exponent of the RSA key is not 65537.
    #[error("the RSA key's exponent is not 65537; generate a key with the exponent 65537")]
    RsaExponent,
    /// The secret is shorter than the output of the algorithm's hash function (RFC 7518 §3.2).
    #[error("the secret has {found} bytes; {algorithm} needs at least {least} random bytes")]
    ShortSecret {
        /// The algorithm that the secret is for.
        algorithm: Algorithm,
        /// The length of the secret, in bytes.
        found: usize,
        /// The minimum length of the secret, in bytes.
        least: usize,
    },
    /// The secret was published in a specification, a tutorial or a list of leaked secrets.
    #[error("the secret is publicly known from documentation or a leak; use a random secret")]
    PublishedSecret,
    /// The secret consists of a few bytes that are repeated.
    #[error("the secret consists of a few repeated bytes; use a random secret")]
    MonotonousSecret,
}

impl KeyError {
    /// All stable codes of key errors.
    pub const CODES: [&str; 11] = [
        "key_form",
        "duplicate_kid",
        "unfit_key",
        "private_key",
        "missing_key",
        "mixed_set",
        "rsa_size",
        "rsa_exponent",
        "short_secret",
        "published_secret",
        "monotonous_secret",
    ];

    /// Returns the stable code of the key error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "key_form",
            Self::DuplicateKid(_) => "duplicate_kid",
            Self::Unfit(_) => "unfit_key",
            Self::Private => "private_key",
            Self::Missing(_) => "missing_key",
            Self::Mixed => "mixed_set",
            Self::RsaSize(_) => "rsa_size",
            Self::RsaExponent => "rsa_exponent",
            Self::ShortSecret { .. } => "short_secret",
            Self::PublishedSecret => "published_secret",
            Self::MonotonousSecret => "monotonous_secret",
        }
    }
}
