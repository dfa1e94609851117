//! Texts of the token inspector.

use pinlatch_token::{Kind, CheckResult};

use crate::manage::inspect::Verdict;

pub const TEXT: &str = "Paste a token to see its contents and whether it would be accepted. The check runs only in this page: the token is not sent anywhere, and it is deleted when you leave.";
pub const TOKEN: &str = "Token";
pub const TOKEN_HINT: &str = "A JWT, or a guest link that contains one.";
pub const KEY: &str = "Verify with";
pub const KEY_SITE: &str = "This site's keys";
pub const KEY_GIVEN: &str = "Another key";
pub const KEY_PASTE: &str = "Key";
pub const KEY_HINT: &str = "A public key as PEM, a JWK or JWK Set, or a shared secret.";
pub const ISSUER: &str = "Expected issuer";
pub const AUDIENCE: &str = "Expected audience";
pub const ANY: &str = "Empty: any.";
pub const NO_KEYS: &str =
    "The site's keys could not be loaded, so the signature is not checked. Reload the page to try again.";
pub const CLEAR: &str = "Clear";
pub const HEADER: &str = "Header";
pub const CLAIMS: &str = "Claims";
pub const CHECKS: &str = "Checks";
pub const PASSED: &str = "passed";

/// `wrong` is the reason from the token library.
pub fn bad_key(wrong: &str) -> String {
    format!("This key cannot be used: {wrong}.")
}

pub fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "The token would be accepted",
        Verdict::Genuine => "The token is genuine",
        Verdict::Verified => "The signature is valid",
        Verdict::Refused => "The token would be refused",
        Verdict::Open => "The signature was not checked",
        Verdict::Sealed => "The token is encrypted",
    }
}

/// Explanation of a verdict.
pub fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => {
            "The edge of this site signed the token. It is for this site and valid now. Only the edge can check whether it was revoked."
        }
        Verdict::Genuine => "The edge of this site signed the token, but the token is not for the API.",
        Verdict::Verified => {
            "The key signed the token, and the token is valid now. This edge accepts it only if the issuer is configured."
        }
        Verdict::Refused => "Reasons:",
        Verdict::Open => "All other checks passed. To check the signature, choose a key.",
        Verdict::Sealed => "Only the edge can decrypt the token. This page can read only its header.",
    }
}

pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Access => "An access token, for people and programs at the edge.",
        Kind::Guest => "A guest link's token.",
        Kind::DeviceCert => "A device's certificate.",
        Kind::DeviceProof => "A device's answer to a challenge.",
        Kind::Reading => "A reading signed by a device.",
        Kind::DeviceCall => "A call from one device to another.",
        Kind::Grant => "A grant for commands on the local network.",
        Kind::Command => "One command for one device. Other devices refuse it.",
        Kind::KeySet => "The edge's keys, signed by the owner's root key.",
        Kind::Welcome => "The edge's signed time.",
    }
}

pub fn check(name: &str) -> &str {
    match name {
        "form" => "Format",
        "header" => "Header",
        "typ" => "Type",
        "key" => "Key",
        "signature" => "Signature",
        "iat" => "Issued at",
        "exp" => "Expiry",
        "nbf" => "Not before",
        "iss" => "Issuer",
        "aud" => "Audience",
        "sub" => "Subject",
        "jti" => "Id",
        "content" => "Content",
        other => other,
    }
}

/// Result of a check.
pub fn outcome(outcome: &CheckResult) -> String {
    match outcome {
        CheckResult::Passed => PASSED.into(),
        CheckResult::Refused { code, reason } => format!("{reason} ({code})"),
        CheckResult::NotChecked { why } => format!("not checked: {why}"),
    }
}

/// The value of `data-outcome`.
pub fn outcome_mark(outcome: &CheckResult) -> &'static str {
    match outcome {
        CheckResult::Passed => "passed",
        CheckResult::Refused { .. } => "refused",
        CheckResult::NotChecked { .. } => "open",
    }
}
