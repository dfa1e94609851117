//! Why a key or a key set is refused.

use crate::alg::Algorithm;

/// Why a key or a key set is refused. One invalid key refuses the whole set. The error never contains key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a key in a supported form.
    #[error("not a valid key: {0}")]
    Form(&'static str),
    /// Two keys of a set have the same `kid`.
    #[error("two keys have the same kid {0:?}")]
    DuplicateKid(String),
    /// The key's `kty`, `crv`, `alg`, `use` or `key_ops` does not fit its purpose.
    #[error("the key cannot be used here: {0}")]
    Unfit(&'static str),
    /// A private key instead of a public key.
    #[error("this is a private key; use its public key here")]
    Private,
    /// The set has no key of the required type.
    #[error("the key set has no {0}")]
    Missing(&'static str),
    /// A set that contains secrets and public keys. A public key in this set could be used as a secret.
    #[error("the key set mixes shared secrets with public keys; use separate sets")]
    Mixed,
    /// An RSA modulus outside 2048 to 4096 bits (RFC 7518 §3.3).
    #[error("the RSA key has {0} bits; use 2048 to 4096 bits")]
    RsaSize(usize),
    /// An RSA exponent other than 65537.
    #[error("the RSA key's exponent is not 65537; generate a new key")]
    RsaExponent,
    /// A secret shorter than the hash's output (RFC 7518 §3.2).
    #[error("the secret has {found} bytes; {algorithm} needs at least {least} random bytes")]
    ShortSecret {
        /// The algorithm.
        algorithm: Algorithm,
        /// The secret's length, in bytes.
        found: usize,
        /// The shortest accepted length, in bytes.
        least: usize,
    },
    /// A secret from a specification, a tutorial or a list of leaked secrets.
    #[error("the secret is publicly known, from documentation or a leak; use random bytes")]
    PublishedSecret,
    /// A secret of a few repeated bytes.
    #[error("the secret repeats a few bytes; use random bytes")]
    MonotonousSecret,
}

impl KeyError {
    /// All codes.
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

    /// The stable code.
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
