//! The reasons to refuse a token.

/// Why a token is refused, with enough detail for the owner of the token to fix it. Other callers receive only
/// `invalid_token`. The error never contains a secret or a whole token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The token does not have three parts (encrypted: five parts) of canonical base64url, or the token is too long.
    #[error("not a valid token: {0}")]
    Malformed(&'static str),
    /// The header or payload is not one JSON object with unique members of the right types.
    #[error("{0} is not valid JSON for a token: {1}")]
    Json(&'static str, String),
    /// The header has an extension such as `crit` or `b64`. No extension is supported (RFC 7515 §4.1.11, RFC 7797).
    #[error("the header uses the extension {0}, which is not supported")]
    Extension(&'static str),
    /// The header contains a key or the URL of a key.
    #[error("the header contains {0:?}; keys are never taken from a token")]
    EmbeddedKey(&'static str),
    /// `typ` is missing or is the `typ` of another kind.
    #[error("typ is {found:?} instead of {expected:?}")]
    WrongKind {
        /// The header's value.
        found: String,
        /// The accepted values.
        expected: String,
    },
    /// No configured key has this `kid`. Or the token has no `kid`, and there is not exactly one key that fits.
    #[error("no key has the kid {0:?}")]
    UnknownKey(String),
    /// The header's `alg` is not an algorithm of the key.
    #[error("alg is {found:?}, but the key is for {expected}")]
    WrongAlgorithm {
        /// The header's value.
        found: String,
        /// The key's algorithms.
        expected: String,
    },
    /// The signature is invalid.
    #[error("the signature does not match")]
    BadSignature,
    /// A required claim is missing.
    #[error("the claim {0:?} is missing")]
    MissingClaim(&'static str),
    /// A claim is invalid.
    #[error("the claim {0:?} is invalid: {1}")]
    BadClaim(&'static str, String),
    /// `exp` has passed, by this many seconds.
    #[error("expired {0} s ago")]
    Expired(u64),
    /// `nbf` or `iat` is in the future, by this many seconds.
    #[error("not valid yet: it becomes valid in {0} s")]
    NotYetValid(u64),
    /// The token's lifetime is longer than the accepted lifetime.
    #[error("the token is valid for {found} s, but at most {most} s are accepted")]
    TooLongLived {
        /// The lifetime in seconds, `exp` − `iat`.
        found: u64,
        /// The longest accepted lifetime, in seconds.
        most: u64,
    },
    /// `iss` is a different issuer.
    #[error("the issuer is {found:?} instead of {expected:?}")]
    WrongIssuer {
        /// The token's value.
        found: String,
        /// The accepted value.
        expected: String,
    },
    /// `aud` contains no accepted audience.
    #[error("the audience is {found:?} instead of {expected:?}")]
    WrongAudience {
        /// The token's value.
        found: String,
        /// The accepted value.
        expected: String,
    },
    /// The session nonce belongs to another connection.
    #[error("the token was made for another connection")]
    WrongSession,
    /// The command's deadline has passed or can have passed, by this many milliseconds.
    #[error("the deadline has passed or may have passed, by {0} ms")]
    DeadlinePassed(u64),
    /// The HMAC of a code or challenge is invalid, or an encrypted state cannot be decrypted.
    #[error("the seal does not match: it was not made by this edge, or the text was changed")]
    BadSeal,
    /// The `alg` or `enc` of an encrypted token is not supported.
    #[error("{member} is {found:?}, but sealed tokens must use {expected}")]
    WrongEncryption {
        /// `alg` or `enc`.
        member: &'static str,
        /// The header's value.
        found: String,
        /// The supported values.
        expected: String,
    },
    /// The `cty` of an encrypted token is not `JWT`.
    #[error("cty is {0:?} instead of \"JWT\"")]
    WrongContentType(String),
    /// The ephemeral key of an encrypted token is missing or invalid.
    #[error("the header's epk is invalid: {0}")]
    BadEphemeralKey(&'static str),
    /// The recipient has no key that decrypts tokens.
    #[error("the recipient has no key for sealed tokens")]
    NoEncryptionKey,
    /// An encrypted token could not be decrypted. The error does not contain the reason (RFC 7516 §11.5).
    #[error("the token cannot be decrypted: it was sealed for another key, or it was changed")]
    NotDecrypted,
    /// The decrypted content of a token does not have the form of a signed JWT.
    #[error("the sealed content is not a signed JWT: {0}")]
    BadContent(&'static str),
}

impl Refusal {
    /// All codes.
    pub const CODES: [&str; 24] = [
        "malformed",
        "json",
        "extension",
        "embedded_key",
        "wrong_kind",
        "unknown_key",
        "wrong_algorithm",
        "bad_signature",
        "missing_claim",
        "bad_claim",
        "expired",
        "not_yet_valid",
        "too_long_lived",
        "wrong_issuer",
        "wrong_audience",
        "wrong_session",
        "deadline_passed",
        "bad_seal",
        "wrong_encryption",
        "wrong_content_type",
        "bad_epk",
        "no_encryption_key",
        "not_decrypted",
        "bad_content",
    ];

    /// The stable code, for logs and for the owner.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Json(..) => "json",
            Self::Extension(_) => "extension",
            Self::EmbeddedKey(_) => "embedded_key",
            Self::WrongKind { .. } => "wrong_kind",
            Self::UnknownKey(_) => "unknown_key",
            Self::WrongAlgorithm { .. } => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::MissingClaim(_) => "missing_claim",
            Self::BadClaim(..) => "bad_claim",
            Self::Expired(_) => "expired",
            Self::NotYetValid(_) => "not_yet_valid",
            Self::TooLongLived { .. } => "too_long_lived",
            Self::WrongIssuer { .. } => "wrong_issuer",
            Self::WrongAudience { .. } => "wrong_audience",
            Self::WrongSession => "wrong_session",
            Self::DeadlinePassed(_) => "deadline_passed",
            Self::BadSeal => "bad_seal",
            Self::WrongEncryption { .. } => "wrong_encryption",
            Self::WrongContentType(_) => "wrong_content_type",
            Self::BadEphemeralKey(_) => "bad_epk",
            Self::NoEncryptionKey => "no_encryption_key",
            Self::NotDecrypted => "not_decrypted",
            Self::BadContent(_) => "bad_content",
        }
    }
}

/// A part of a token that is safe to show: short and without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
