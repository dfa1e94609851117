//! This module lists the reasons for refusing a token.

use crate::jwt::span::span;

/// The reason why a token is refused. The error text contains enough detail for the token's owner to fix the problem. A
/// caller of the edge receives only the code `invalid_token`. The error text never contains a secret or a whole token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The token is too long, or the token does not have three parts of canonical base64url. An encrypted token must
    /// have five parts.
    #[error("the token is not valid: {0}")]
    Malformed(&'static str),
    /// The header or the payload is not a JSON object with unique members of the right types.
    #[error("{0} is not valid JSON for a token: {1}")]
    Json(&'static str, String),
    /// The header contains an extension such as `crit` or `b64`. Pinlatch supports no extensions (RFC 7515 §4.1.11, RFC
    /// 7797).
    #[error("the token's header contains the extension {0}, which is not supported")]
    Extension(&'static str),
    /// The header contains a key or the URL of a key.
    #[error("the token's header contains {0:?}; Pinlatch never uses a key from a token")]
    EmbeddedKey(&'static str),
    /// The header member `typ` is missing or is the `typ` of another kind of token.
    #[error("the token's typ is {found:?} instead of {expected:?}")]
    WrongKind {
        /// The `typ` in the token's header.
        found: String,
        /// The accepted values of `typ`.
        expected: String,
    },
    /// No configured key has the token's `kid`. The error also occurs if the token has no `kid` but needs a `kid` to
    /// select the key.
    #[error("the token's kid {0:?} selects no configured key")]
    UnknownKey(String),
    /// The `alg` in the header is not an algorithm of the key.
    #[error("the token's alg is {found:?}, but the key is for {expected}")]
    WrongAlgorithm {
        /// The `alg` in the token's header.
        found: String,
        /// The algorithms that the key allows.
        expected: String,
    },
    /// The signature of the token is invalid.
    #[error("the signature is invalid; another key signed the token, or the token was changed")]
    BadSignature,
    /// A required claim is missing. The field contains the name of the claim.
    #[error("the claim {0:?} is missing")]
    MissingClaim(&'static str),
    /// A claim is invalid. The fields contain the name of the claim and the reason.
    #[error("the claim {0:?} is invalid: {1}")]
    BadClaim(&'static str, String),
    /// The token has expired. The field contains the number of seconds since `exp`.
    #[error("expired {} ago", span(*.0))]
    Expired(u64),
    /// The token's `nbf` or `iat` is in the future. The field contains the number of seconds until the token becomes
    /// valid.
    #[error("the token is not valid yet; it becomes valid in {}", span(*.0))]
    NotYetValid(u64),
    /// The lifetime of the token is longer than the verifier accepts.
    #[error("the token's lifetime is {found} s, but the longest accepted lifetime is {most} s")]
    TooLongLived {
        /// The lifetime of the token in seconds, which is `exp` minus `iat`.
        found: u64,
        /// The longest lifetime that the verifier accepts, in seconds.
        most: u64,
    },
    /// The token has a different issuer than the verifier requires.
    #[error("the token's issuer is {found:?} instead of {expected:?}")]
    WrongIssuer {
        /// The `iss` of the token.
        found: String,
        /// The `iss` that the verifier requires.
        expected: String,
    },
    /// The token has no audience that the verifier accepts.
    #[error("the token's audience is {found:?} instead of {expected:?}")]
    WrongAudience {
        /// The `aud` of the token.
        found: String,
        /// The audiences that the verifier accepts.
        expected: String,
    },
    /// The session nonce in the token belongs to another connection.
    #[error("the token was signed for another connection of the device")]
    WrongSession,
    /// A reading does not contain the nonce of the caller that asked for the reading.
    #[error("the reading does not contain the nonce of the question, so it can be an older reading")]
    WrongNonce,
    /// The deadline of the command has passed or may have passed. The field contains the number of milliseconds since
    /// the deadline.
    #[error("the command's deadline has passed, or may have passed, up to {0} ms ago")]
    DeadlinePassed(u64),
    /// The HMAC of a code or challenge is invalid, or an encrypted state cannot be decrypted.
    #[error("the code, challenge or token was changed or was not issued with a current key of this edge")]
    BadSeal,
    /// The `alg` or the `enc` of an encrypted token is not supported.
    #[error("{member} is {found:?}, but sealed tokens must use {expected}")]
    WrongEncryption {
        /// The name of the header member: `alg` or `enc`.
        member: &'static str,
        /// The value of the header member.
        found: String,
        /// The values that Pinlatch supports.
        expected: String,
    },
    /// The `cty` of an encrypted token is not `JWT`. The field contains the `cty`.
    #[error("the token's cty is {0:?} instead of \"JWT\"")]
    WrongContentType(String),
    /// The ephemeral key (`epk`) of an encrypted token is missing or invalid.
    #[error("the ephemeral key (epk) in the token's header is invalid: {0}")]
    BadEphemeralKey(&'static str),
    /// The recipient of an encrypted token has no key that decrypts tokens.
    #[error("the recipient has no key that decrypts sealed tokens")]
    NoEncryptionKey,
    /// An encrypted token could not be decrypted. The error contains no reason, because a reason would help an attacker
    /// (RFC 7516 §11.5).
    #[error("the token cannot be decrypted, because the token was encrypted for another key or was changed")]
    NotDecrypted,
    /// The decrypted content of an encrypted token does not have the form of a signed JWT.
    #[error("the content of the sealed token is not a signed JWT: {0}")]
    BadContent(&'static str),
}

impl Refusal {
    /// All stable codes of refusals.
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

    /// Returns the stable code of the refusal, for logs and for the owner of the token.
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
            Self::WrongNonce => "wrong_nonce",
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

/// Returns an excerpt of a token that is safe to show. The excerpt is short and contains no control characters.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
