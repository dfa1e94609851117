//! Why a token is refused.

/// Why a token is refused: precise enough for its owner to mend it. A stranger is told `invalid_token`
/// and no more. No variant holds a secret or a whole token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Not three parts (sealed: five) of canonical base64url, or longer than any token of ours.
    #[error("not in the compact form: {0}")]
    Malformed(&'static str),
    /// The header or payload is not one JSON object with unique members of the right types.
    #[error("{0} is not acceptable JSON: {1}")]
    Json(&'static str, String),
    /// `crit` or `b64` is present: no extension is understood here (RFC 7515 §4.1.11, RFC 7797).
    #[error("the header asks for an extension ({0}) that is not understood here")]
    Extension(&'static str),
    /// The header brings its own key or says where to fetch one.
    #[error("the header carries {0:?}, and keys are never taken from a token")]
    EmbeddedKey(&'static str),
    /// `typ` names another kind, or none.
    #[error("typ is {found:?}, not {expected:?}")]
    WrongKind {
        /// What the header says.
        found: String,
        /// What is accepted here.
        expected: String,
    },
    /// No configured key has this `kid`.
    #[error("no key has the kid {0:?}")]
    UnknownKey(String),
    /// The header's `alg` is not that of the key.
    #[error("alg is {found:?}, but the key is for {expected}")]
    WrongAlgorithm {
        /// What the header says.
        found: String,
        /// What the key is for.
        expected: String,
    },
    /// The signature does not verify.
    #[error("the signature does not match")]
    BadSignature,
    /// A required claim is absent.
    #[error("the claim {0:?} is missing")]
    MissingClaim(&'static str),
    /// A claim is there and not acceptable.
    #[error("the claim {0:?} is not acceptable: {1}")]
    BadClaim(&'static str, String),
    /// `exp` has passed.
    #[error("expired {0} s ago")]
    Expired(u64),
    /// `nbf` or `iat` lies ahead.
    #[error("not valid for another {0} s")]
    NotYetValid(u64),
    /// It lives longer than its kind may.
    #[error("valid for {found} s, and at most {most} s is accepted")]
    TooLongLived {
        /// `exp` − `iat`.
        found: u64,
        /// The kind's limit.
        most: u64,
    },
    /// `iss` is another.
    #[error("issuer {found:?} is not {expected:?}")]
    WrongIssuer {
        /// What the token says.
        found: String,
        /// What is accepted.
        expected: String,
    },
    /// `aud` names none of the accepted audiences.
    #[error("audience {found:?} is not {expected:?}")]
    WrongAudience {
        /// What the token says.
        found: String,
        /// What is accepted.
        expected: String,
    },
    /// The session nonce is that of another connection.
    #[error("made for another connection")]
    WrongSession,
    /// A command's deadline has passed, or may have.
    #[error("the deadline has passed, or may have, by {0} ms")]
    DeadlinePassed(u64),
    /// A code or challenge whose seal does not match.
    #[error("the seal does not match")]
    BadSeal,
    /// A sealed token's `alg` or `enc` is none of those that are understood here.
    #[error("{member} is {found:?}, and tokens are sealed with {expected}")]
    WrongEncryption {
        /// `alg` or `enc`.
        member: &'static str,
        /// What the header says.
        found: String,
        /// What is understood.
        expected: String,
    },
    /// A sealed token's `cty` does not say that a JWT is in it.
    #[error("cty is {0:?}, not \"JWT\"")]
    WrongContentType(String),
    /// A sealed token's ephemeral key is missing or none.
    #[error("the header's epk is not acceptable: {0}")]
    BadEphemeralKey(&'static str),
    /// Whoever shall open the sealed token has no key that opens any.
    #[error("there is no key here that opens sealed tokens")]
    NoEncryptionKey,
    /// A sealed token could not be opened. That it is not said why is the point (RFC 7516 §11.5).
    #[error("it cannot be decrypted: it was sealed for another key, or altered")]
    NotDecrypted,
    /// What is sealed is not the form of a signed JWT.
    #[error("what is sealed is not a signed JWT: {0}")]
    BadContent(&'static str),
}

impl Refusal {
    /// Every code.
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

/// A piece of a token that may be shown: short, and without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
