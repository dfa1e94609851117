//! Computes the verdict of the token inspector. The crate `token` checks the token, either with the policy of the edge
//! or with a key that the person enters. [`statement`] verifies the statements of devices.

pub mod statement;
#[cfg(test)]
mod tests;

use pinlatch_protocol::name::Name;
use pinlatch_token::{
    CheckResult, EDGE, Explanation, KeyError, KeySet, Kind, ROOT, Terms, Typ, explain, site_audience,
};
use serde_json::Value;

use self::statement::{Contents, Missing};

/// The clock tolerance for tokens of external issuers, in seconds. The edge uses the same tolerance.
const LEEWAY: u64 = 60;

/// The keys with which a token is checked.
#[derive(Debug, Clone)]
pub enum Keys {
    /// There are no keys, so the token is only decoded. The text is the reason, if a key was expected.
    None(Option<&'static str>),
    /// The public keys of the site's edge. The token is checked with the policy of the edge.
    Site(KeySet),
    /// A key that the person has entered. The token is checked with the entered issuer and audience.
    Given(KeySet),
}

/// The required claims of a token that is checked with an entered key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The required issuer. If this field is `None`, any issuer is allowed, and also a token without an issuer.
    pub issuer: Option<String>,
    /// The required audience. If this field is `None`, any audience is allowed, and also a token without an audience.
    pub audience: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Finding {
    /// The kind of Pinlatch token that the header's `typ` states.
    pub kind: Option<Kind>,
    pub explanation: Explanation,
    pub verdict: Verdict,
    /// The contents of a verified statement.
    pub contents: Option<Contents>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This edge accepts the token, unless the token was revoked.
    Accepted,
    /// The signature of the edge is valid, but the token is not for the edge's API.
    Genuine,
    /// The token is valid for the given key, issuer and audience.
    Verified,
    /// The statement is valid for the given root key and device identity.
    Proven,
    Refused,
    /// No check failed, but the signature was not checked.
    Open,
    /// No check failed, but a statement was not verified, because input is missing.
    Needs(Missing),
    /// The token is encrypted, and only the edge can decrypt the token.
    Sealed,
}

impl Verdict {
    /// Returns the value of the attribute `data-verdict`.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Genuine => "genuine",
            Self::Verified | Self::Proven => "verified",
            Self::Refused => "refused",
            Self::Open | Self::Needs(_) => "open",
            Self::Sealed => "sealed",
        }
    }
}

/// Extracts the token from pasted text. Removes white space, the word `Bearer`, and the guest link that contains the
/// token.
pub fn token(pasted: &str) -> &str {
    let text = pasted.trim();
    if let Some((_, token)) = text.split_once("#guest=") {
        return token;
    }
    let bearer = text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
    if bearer { text.get(7..).unwrap_or_default().trim() } else { text }
}

/// Checks a token. `now` is the current time, in seconds of Unix time.
pub fn check(token: &str, keys: &Keys, wanted: &Wanted, site: &Name, now: u64) -> Finding {
    let kind = kind(token);
    let (set, own) = match keys {
        Keys::None(_) => (None, false),
        Keys::Site(set) => (Some(set), true),
        Keys::Given(set) => (Some(set), false),
    };
    let audiences: Vec<String> = match (own, kind) {
        (true, Some(Kind::Access | Kind::Guest | Kind::DeviceCert)) => vec![site_audience(site)],
        (true, _) => vec![],
        (false, _) => wanted.audience.iter().cloned().collect(),
    };
    let terms = Terms {
        typ: match kind {
            Some(kind) => Typ::Kind(kind),
            // The edge signs only tokens whose type states their kind.
            None if own => Typ::Kind(Kind::Access),
            None => Typ::Usual,
        },
        issuer: match (own, kind) {
            (true, Some(Kind::KeySet | Kind::Device | Kind::Grant | Kind::Revoked)) => Some(ROOT),
            // Tokens of these kinds are signed by a device or a holder and not by the edge.
            (true, Some(Kind::DeviceProof | Kind::Reading | Kind::Receipt | Kind::Call)) => None,
            (true, _) => Some(EDGE),
            (false, _) => wanted.issuer.as_deref(),
        },
        audiences: (!audiences.is_empty()).then_some(&audiences),
        now: Some(now),
        leeway: if own { 0 } else { LEEWAY },
        max_life: None,
    };
    let mut explanation = explain(token, set, &terms);
    if let Keys::None(Some(reason)) = keys {
        for check in &mut explanation.checks {
            if let ("key" | "signature", CheckResult::NotChecked { why }) = (check.name, &mut check.outcome) {
                *why = *reason;
            }
        }
    }
    let verdict = match (explanation.accepted, own, kind) {
        (Some(false), _, _) => Verdict::Refused,
        (None, _, _) if explanation.form == "jwe" => Verdict::Sealed,
        (None, _, _) => Verdict::Open,
        (Some(true), true, Some(Kind::Access | Kind::Guest)) => Verdict::Accepted,
        (Some(true), true, _) => Verdict::Genuine,
        (Some(true), false, _) => Verdict::Verified,
    };
    Finding { kind, explanation, verdict, contents: None }
}

/// Returns the reasons why the token is refused.
pub fn reasons(explanation: &Explanation) -> Vec<String> {
    let refused = explanation.checks.iter().filter_map(|check| match &check.outcome {
        CheckResult::Refused { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    refused.collect()
}

/// Reads the key set that the edge publishes as a JWK Set.
pub fn site_keys(jwks: &Value) -> Result<KeySet, KeyError> {
    KeySet::from_jwks(jwks, &[])
}

/// Reads a key set from pasted text. The text is a PEM key, a JWK, a JWK Set or a shared secret.
pub fn given_key(pasted: &str) -> Result<KeySet, KeyError> {
    KeySet::from_key_file(pasted.as_bytes(), &[])
}

/// Returns the kind that the header's `typ` states. The `typ` is not verified here, because it only selects the policy
/// of the check.
fn kind(token: &str) -> Option<Kind> {
    let any = Terms { typ: Typ::Usual, issuer: None, audiences: None, now: None, leeway: 0, max_life: None };
    let header = explain(token, None, &any).header;
    let typ = header.iter().find(|member| member.name == "typ")?.value.as_str()?.to_owned();
    Kind::ALL.into_iter().find(|kind| kind.is_named_by(&typ))
}
