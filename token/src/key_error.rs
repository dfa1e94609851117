//! Why a key or a key set is refused.

use crate::alg::Algorithm;

/// Why a key or key set is refused, as a whole. It never shows key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a key of any form that is understood.
    #[error("not a key: {0}")]
    Form(&'static str),
    /// Two keys of a set have one `kid`.
    #[error("two keys have the kid {0:?}")]
    DuplicateKid(String),
    /// The key's `kty`, `crv`, `alg`, `use` or `key_ops` does not fit what it is for.
    #[error("the key is not usable here: {0}")]
    Unfit(&'static str),
    /// A private key stands where a public one belongs.
    #[error("it is a private key, and only the public half belongs here")]
    Private,
    /// A set without a key that can do what is needed.
    #[error("the set holds no {0}")]
    Missing(&'static str),
    /// Secrets and public keys in one set: a public key could then be used as a secret.
    #[error("the set mixes shared secrets with public keys")]
    Mixed,
    /// An RSA modulus outside 2048 to 4096 bits (RFC 7518 §3.3).
    #[error("the RSA key has {0} bits; 2048 to 4096 are accepted")]
    RsaSize(usize),
    /// An RSA exponent other than 65537.
    #[error("the RSA key's exponent is not 65537")]
    RsaExponent,
    /// A secret shorter than the hash's output (RFC 7518 §3.2).
    #[error("the secret has {found} bytes, and {algorithm} needs {least} or more, made at random")]
    ShortSecret {
        /// What it is for.
        algorithm: Algorithm,
        /// Its length in bytes.
        found: usize,
        /// The least.
        least: usize,
    },
    /// A secret that stands in a specification, a tutorial or a list of leaked ones.
    #[error("the secret is well known: it was published in documentation or leaked")]
    PublishedSecret,
    /// A secret of a few repeated bytes.
    #[error("the secret is a few repeated bytes, not a random one")]
    MonotonousSecret,
}

impl KeyError {
    /// Every code.
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
