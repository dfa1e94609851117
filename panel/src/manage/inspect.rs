//! The token inspector's verdict. The token crate checks the token, with the policy that the edge or the user's key
//! requires.

#[cfg(test)]
mod tests;

use pinlatch_protocol::name::Name;
use pinlatch_token::{
    EDGE, Explanation, KeyError, KeySet, Kind, CheckResult, ROOT, Terms, Typ, explain, site_audience,
};
use serde_json::Value;

/// Clock tolerance for external issuers, in seconds; the same as in the edge.
const LEEWAY: u64 = 60;

/// Keys for the check.
#[derive(Debug, Clone, Default)]
pub enum Keys {
    /// No keys: the token is only decoded.
    #[default]
    None,
    /// The public keys of the site's edge, with the edge's policy.
    Site(KeySet),
    /// Another key, with the entered issuer and audience.
    Given(KeySet),
}

/// Requirements for a token that is checked with another key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `None` allows any issuer, or none.
    pub issuer: Option<String>,
    /// `None` allows any audience, or none.
    pub audience: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Finding {
    /// The kind of Pinlatch token in the header's `typ`.
    pub kind: Option<Kind>,
    pub explanation: Explanation,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This edge accepts the token, unless it was revoked.
    Accepted,
    /// The signature is valid, but the token is not for the edge's API.
    Genuine,
    /// The token is valid for the given key, issuer and audience.
    Verified,
    Refused,
    /// No check failed, but the signature was not checked.
    Open,
    /// Encrypted; only the edge can decrypt it.
    Sealed,
}

impl Verdict {
    /// The value of `data-verdict`.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Genuine => "genuine",
            Self::Verified => "verified",
            Self::Refused => "refused",
            Self::Open => "open",
            Self::Sealed => "sealed",
        }
    }
}

/// Extracts the token from pasted text: removes white space, `Bearer`, and the guest link around it.
pub fn token(pasted: &str) -> &str {
    let text = pasted.trim();
    if let Some((_, token)) = text.split_once("#guest=") {
        return token;
    }
    let bearer = text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
    if bearer { text.get(7..).unwrap_or_default().trim() } else { text }
}

/// Checks a token. `now` is in seconds of Unix time.
pub fn check(token: &str, keys: &Keys, wanted: &Wanted, site: &Name, now: u64) -> Finding {
    let kind = kind(token);
    let (set, own) = match keys {
        Keys::None => (None, false),
        Keys::Site(set) => (Some(set), true),
        Keys::Given(set) => (Some(set), false),
    };
    let audiences: Vec<String> = match (own, kind) {
        (true, Some(Kind::Access | Kind::Guest | Kind::DeviceCert)) => vec![site_audience(site)],
        (true, _) => vec![],
        (false, _) => wanted.audience.iter().cloned().collect(),
    };
    let terms = Terms {
        typ: kind.map_or(Typ::Usual, Typ::Kind),
        issuer: match (own, kind) {
            (true, Some(Kind::KeySet)) => Some(ROOT),
            // Signed by a device, not by the edge.
            (true, Some(Kind::DeviceProof | Kind::Reading | Kind::DeviceCall)) => None,
            (true, _) => Some(EDGE),
            (false, _) => wanted.issuer.as_deref(),
        },
        audiences: (!audiences.is_empty()).then_some(&audiences),
        now: Some(now),
        leeway: if own { 0 } else { LEEWAY },
        max_life: None,
    };
    let explanation = explain(token, set, &terms);
    let verdict = match (explanation.accepted, own, kind) {
        (Some(false), _, _) => Verdict::Refused,
        (None, _, _) if explanation.form == "jwe" => Verdict::Sealed,
        (None, _, _) => Verdict::Open,
        (Some(true), true, Some(Kind::Access | Kind::Guest)) => Verdict::Accepted,
        (Some(true), true, _) => Verdict::Genuine,
        (Some(true), false, _) => Verdict::Verified,
    };
    Finding { kind, explanation, verdict }
}

/// The reasons of a refusal.
pub fn reasons(explanation: &Explanation) -> Vec<String> {
    let refused = explanation.checks.iter().filter_map(|check| match &check.outcome {
        CheckResult::Refused { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    refused.collect()
}

/// From the edge's published JWK Set.
pub fn site_keys(jwks: &Value) -> Result<KeySet, KeyError> {
    KeySet::from_jwks(jwks, &[])
}

/// From pasted text: PEM, JWK, JWK Set, or a shared secret.
pub fn given_key(pasted: &str) -> Result<KeySet, KeyError> {
    KeySet::from_key_file(pasted.as_bytes(), &[])
}

/// The kind in the header's `typ`. It is not verified and only selects the policy.
fn kind(token: &str) -> Option<Kind> {
    let any = Terms { typ: Typ::Usual, issuer: None, audiences: None, now: None, leeway: 0, max_life: None };
    let header = explain(token, None, &any).header;
    let typ = header.iter().find(|member| member.name == "typ")?.value.as_str()?.to_owned();
    Kind::ALL.into_iter().find(|kind| kind.is_named_by(&typ))
}
