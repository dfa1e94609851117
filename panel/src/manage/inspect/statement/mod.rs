//! Verifies statements: device identities, readings and receipts. The person enters the owner's public root key and the
//! device's identity. The site's keys are not used, because a hostile edge could replace them.

#[cfg(test)]
mod tests;

use pinlatch_token::identity::DeviceIdentity;
use pinlatch_token::reading::Reading;
use pinlatch_token::receipt::Receipt;
use pinlatch_token::{
    Check, CheckResult, Explanation, KeyError, KeySet, Kind, PublicKey, ROOT, Refusal, Terms, Typ,
    device_audience, explain, site_audience, unverified_kind, unverified_site,
};
use serde_json::Value;

use super::{Finding, LEEWAY, Verdict, token};
use crate::manage::words::statement as text;

/// A key or an identity that the person can enter.
#[derive(Debug, Clone)]
pub enum Given<T, E> {
    Absent,
    /// The entered text cannot be used.
    Wrong(E),
    Valid(T),
}

/// The input that verifies a statement.
#[derive(Debug, Clone)]
pub struct Trust {
    pub root: Given<PublicKey, KeyError>,
    pub identity: Given<DeviceIdentity, Refusal>,
}

/// The input without which a statement cannot be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Root,
    RootUnusable,
    Identity,
}

/// The contents of a verified statement.
#[derive(Debug, Clone)]
pub enum Contents {
    Identity(DeviceIdentity),
    Reading(DeviceIdentity, Reading),
    Receipt(DeviceIdentity, Receipt),
}

/// The reason why no key can verify a statement.
enum Obstacle<'a> {
    Missing(Missing),
    /// The root key did not sign the device's identity.
    Identity(&'a Refusal),
}

/// The owner of the key that signs a statement.
enum Signer<'a> {
    Root(&'a PublicKey),
    Device(&'a DeviceIdentity),
}

impl Trust {
    /// Reads the entered texts. The root key verifies the identity, so an identity without a root key is not used.
    pub fn read(root: &str, identity: &str, now: u64) -> Self {
        let root = match root_key(root) {
            None => Given::Absent,
            Some(Err(error)) => Given::Wrong(error),
            Some(Ok(key)) => Given::Valid(key),
        };
        let identity = match (&root, token(identity)) {
            (Given::Valid(root), identity) if !identity.is_empty() => match verified(identity, root, now) {
                Ok(device) => Given::Valid(device),
                Err(refusal) => Given::Wrong(refusal),
            },
            _ => Given::Absent,
        };
        Self { root, identity }
    }

    fn signer(&self, kind: Kind) -> Result<Signer<'_>, Obstacle<'_>> {
        match (&self.root, &self.identity) {
            (Given::Absent, _) => Err(Obstacle::Missing(Missing::Root)),
            (Given::Wrong(_), _) => Err(Obstacle::Missing(Missing::RootUnusable)),
            (Given::Valid(root), _) if kind == Kind::Device => Ok(Signer::Root(root)),
            (_, Given::Absent) => Err(Obstacle::Missing(Missing::Identity)),
            (_, Given::Wrong(refusal)) => Err(Obstacle::Identity(refusal)),
            (_, Given::Valid(device)) => Ok(Signer::Device(device)),
        }
    }
}

impl Obstacle<'_> {
    fn why(&self) -> &'static str {
        match self {
            Self::Missing(missing) => text::not_checked(*missing),
            Self::Identity(_) => text::IDENTITY_REFUSED,
        }
    }
}

impl Signer<'_> {
    fn keys(&self) -> KeySet {
        match self {
            Self::Root(root) => KeySet::from((*root).clone()),
            Self::Device(device) => KeySet::from(device.key.clone()),
        }
    }

    fn issuer(&self) -> String {
        match self {
            Self::Root(_) => ROOT.into(),
            Self::Device(device) => device_audience(&device.site, &device.device),
        }
    }

    fn verify(&self, token: &str, kind: Kind, nonce: Option<&str>, now: u64) -> Result<Contents, Refusal> {
        match self {
            Self::Root(root) => verified(token, root, now).map(Contents::Identity),
            Self::Device(device) if kind == Kind::Receipt => Receipt::verify(token, device)
                .map(|receipt| Contents::Receipt(DeviceIdentity::clone(device), receipt)),
            Self::Device(device) => Reading::verify(token, device, nonce)
                .map(|reading| Contents::Reading(DeviceIdentity::clone(device), reading)),
        }
    }
}

/// Returns the kind of a statement. Returns `None` for any other token.
pub fn kind(token: &str) -> Option<Kind> {
    unverified_kind(token).filter(|kind| matches!(kind, Kind::Device | Kind::Reading | Kind::Receipt))
}

/// Whether a pasted text contains a private key. The page must not keep such a text.
pub fn is_private(pasted: &str) -> bool {
    if pasted.contains("PRIVATE KEY") || pasted.contains("AGE-SECRET-KEY") {
        return true;
    }
    match serde_json::from_str(pasted.trim()) {
        Ok(value) => has_private(&value),
        // The text can be a part of a file, for example a line of `.dev.vars`.
        Err(_) => pasted.contains("\"d\""),
    }
}

fn has_private(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key("d") || members.values().any(has_private),
        Value::Array(items) => items.iter().any(has_private),
        _ => false,
    }
}

/// Reads a public root key as a JWK, or as the line `ROOT_KEY` of the file `.dev.vars`.
fn root_key(pasted: &str) -> Option<Result<PublicKey, KeyError>> {
    let text = pasted.trim();
    let text = text.strip_prefix("ROOT_KEY=").unwrap_or(text).trim_matches('\'');
    if text.is_empty() {
        return None;
    }
    let jwk = serde_json::from_str(text).map_err(|_| KeyError::Form("the text is not a JWK"));
    Some(jwk.and_then(|jwk: Value| PublicKey::from_jwk(&jwk)))
}

/// Verifies a device identity of any site.
fn verified(token: &str, root: &PublicKey, now: u64) -> Result<DeviceIdentity, Refusal> {
    // The clock of the owner's computer can be ahead of this one.
    DeviceIdentity::verify_any_site(token, root, Some(now.saturating_add(LEEWAY)))
}

/// Checks a statement. `kind` is the kind that [`kind`] has returned. `nonce` is the nonce that a reading must contain.
/// `now` is the current time, in seconds of Unix time.
pub fn check(token: &str, kind: Kind, trust: &Trust, nonce: Option<&str>, now: u64) -> Finding {
    let signer = trust.signer(kind);
    let known = signer.as_ref().ok();
    let (keys, issuer) = (known.map(Signer::keys), known.map(Signer::issuer));
    let audience = match known {
        Some(Signer::Device(device)) => Some(site_audience(&device.site)),
        _ => unverified_site(token).as_ref().map(site_audience),
    };
    let audiences: Vec<String> = audience.into_iter().collect();
    let terms = Terms {
        typ: Typ::Kind(kind),
        issuer: issuer.as_deref(),
        audiences: (!audiences.is_empty()).then_some(&audiences),
        // A reading or receipt is about the past and contains the source of its time.
        now: (kind == Kind::Device).then_some(now),
        leeway: LEEWAY,
        max_life: None,
    };
    let mut explanation = explain(token, keys.as_ref(), &terms);
    let outcome = signer.map(|signer| signer.verify(token, kind, nonce, now));
    note(&mut explanation, &outcome);
    let verdict = match (&outcome, explanation.accepted) {
        (Err(Obstacle::Missing(missing)), None) => Verdict::Needs(*missing),
        (Ok(Ok(_)), Some(true)) => Verdict::Proven,
        _ => Verdict::Refused,
    };
    let contents = outcome.ok().and_then(Result::ok).filter(|_| verdict == Verdict::Proven);
    Finding { kind: Some(kind), explanation, verdict, contents }
}

/// Adds the check of the contents. A refusal that the explanation contains already is not added again.
fn note(explanation: &mut Explanation, outcome: &Result<Result<Contents, Refusal>, Obstacle<'_>>) {
    let refused = |refusal: &Refusal, reason| CheckResult::Refused { code: refusal.code(), reason };
    let result = match outcome {
        Ok(Ok(_)) => CheckResult::Passed,
        Ok(Err(_)) if explanation.accepted == Some(false) => return,
        Ok(Err(refusal)) => refused(refusal, refusal.to_string()),
        Err(Obstacle::Identity(refusal)) => refused(refusal, text::identity_refused(refusal)),
        Err(Obstacle::Missing(missing)) => CheckResult::NotChecked { why: text::not_checked(*missing) },
    };
    if let Err(obstacle) = outcome {
        for check in &mut explanation.checks {
            if let ("key" | "signature", CheckResult::NotChecked { why }) = (check.name, &mut check.outcome) {
                *why = obstacle.why();
            }
        }
    }
    if matches!(result, CheckResult::Refused { .. }) {
        explanation.accepted = Some(false);
    }
    explanation.checks.push(Check { name: "content", outcome: result });
}
