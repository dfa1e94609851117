//! The token inspector's judgement: the token crate's own, under the terms by which the token would be checked.

#[cfg(test)]
mod tests;

use pinlatch_protocol::name::Name;
use pinlatch_token::{
    EDGE, Explanation, KeyError, KeySet, Kind, Outcome, ROOT, Terms, Typ, explain, site_audience,
};
use serde_json::Value;

/// How far a foreign signer's clock may differ, in seconds: what the edge grants issuers from outside.
const LEEWAY: u64 = 60;

/// What a token is checked with.
#[derive(Debug, Clone, Default)]
pub enum Keys {
    /// Nothing: it is only read.
    #[default]
    None,
    /// The public keys of the site's edge, under its terms.
    Site(KeySet),
    /// A key of somebody else's, under the terms that were asked for.
    Given(KeySet),
}

/// What is asked of a token that a given key should verify.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The issuer; any, and none, where it is not said.
    pub issuer: Option<String>,
    /// The audience; any, and none, where it is not said.
    pub audience: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which of our kinds the token says it is.
    pub kind: Option<Kind>,
    /// Header, claims and checks.
    pub explanation: Explanation,
    /// In short.
    pub verdict: Verdict,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This edge would take it, unless it was revoked.
    Accepted,
    /// It is what it says, but it is not for the edge's API.
    Genuine,
    /// It is good by the key and terms that were given.
    Verified,
    /// It would be refused.
    Refused,
    /// Nothing speaks against it, but its signature was not checked.
    Open,
    /// It is sealed, and only the edge can open it.
    Sealed,
}

impl Verdict {
    /// Its name as tests and style sheets read it.
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

/// The token in what was pasted: without white space around it, `Bearer`, or the guest link that it stands in.
pub fn token(pasted: &str) -> &str {
    let text = pasted.trim();
    if let Some((_, token)) = text.split_once("#guest=") {
        return token;
    }
    let bearer = text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
    if bearer { text.get(7..).unwrap_or_default().trim() } else { text }
}

/// Judges a token at a time, seconds of Unix time.
pub fn judge(token: &str, keys: &Keys, wanted: &Wanted, site: &Name, now: u64) -> Finding {
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
            // A device signs these, and no key of the edge's is for them.
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

/// Why it is refused, in words.
pub fn reasons(explanation: &Explanation) -> Vec<String> {
    let refused = explanation.checks.iter().filter_map(|check| match &check.outcome {
        Outcome::Refused { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    refused.collect()
}

/// The edge's public keys, as it publishes them.
pub fn site_keys(jwks: &Value) -> Result<KeySet, KeyError> {
    KeySet::from_jwks(jwks, &[])
}

/// A key that was pasted: PEM, JWK, JWK Set, or a shared secret.
pub fn given_key(pasted: &str) -> Result<KeySet, KeyError> {
    KeySet::from_key_file(pasted.as_bytes(), &[])
}

/// Which of our kinds a token says it is; believed no further than to choose the terms.
fn kind(token: &str) -> Option<Kind> {
    let any = Terms { typ: Typ::Usual, issuer: None, audiences: None, now: None, leeway: 0, max_life: None };
    let header = explain(token, None, &any).header;
    let typ = header.iter().find(|member| member.name == "typ")?.value.as_str()?.to_owned();
    Kind::ALL.into_iter().find(|kind| kind.is_named_by(&typ))
}
