//! Texts of the token inspector.

use pinlatch_token::{CheckResult, Kind};

use super::statement;
use crate::manage::inspect::{Finding, Verdict};

pub const TEXT: &str = "Paste a token to see its contents and whether it would be accepted. The token is checked in your browser and is not sent anywhere. The token is deleted when you leave this page.";
pub const TOKEN: &str = "Token";
pub const TOKEN_HINT: &str = "Paste a JWT, or a guest link that contains a JWT.";
pub const KEY: &str = "Verify with";
pub const KEY_SITE: &str = "This site's keys";
pub const KEY_GIVEN: &str = "Another key";
pub const KEY_PASTE: &str = "Key";
pub const KEY_HINT: &str = "Paste a public key (PEM, JWK or JWK Set) or a shared secret.";
pub const ISSUER: &str = "Expected issuer";
pub const AUDIENCE: &str = "Expected audience";
pub const ANY: &str = "Leave empty to accept any value.";
pub const NO_KEYS: &str =
    "The site's keys could not be loaded, so the signature is not checked. Reload the page to try again.";
pub const CLEAR: &str = "Clear";
pub const HEADER: &str = "Header";
pub const CLAIMS: &str = "Claims";
/// The reasons why the signature was not checked.
pub const KEY_UNUSABLE: &str = "the key that you entered cannot be used";
pub const KEYS_NOT_LOADED: &str = "the site's keys are not loaded";
pub const PASSED: &str = "passed";

/// Explains why a pasted key cannot be used. `wrong` is the error message of the crate `token`.
pub fn bad_key(wrong: &str) -> String {
    format!("This key cannot be used: {wrong}.")
}

pub fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "The token would be accepted",
        Verdict::Genuine => "The token is genuine",
        Verdict::Verified => "The signature is valid",
        Verdict::Proven => "The statement is valid",
        Verdict::Refused => "The token would be refused",
        Verdict::Open | Verdict::Needs(_) => "The signature was not checked",
        Verdict::Sealed => "The token is encrypted",
    }
}

/// Explains a verdict.
pub fn meaning(finding: &Finding) -> &'static str {
    match finding.verdict {
        Verdict::Proven => finding.contents.as_ref().map_or("", statement::proven),
        Verdict::Needs(missing) => statement::missing(missing),
        Verdict::Accepted => {
            "The edge of this site signed the token. The token is for this site and is valid now. Only the edge can check whether the token was revoked."
        }
        Verdict::Genuine => "The edge of this site signed the token, but the token is not for the API.",
        Verdict::Verified => {
            "The token was signed with this key, and the token is valid now. The edge of this site accepts the token only if the issuer of the token is configured."
        }
        Verdict::Refused => "The token would be refused for these reasons:",
        Verdict::Open => "No check failed. To check the signature, choose a key.",
        Verdict::Sealed => "Only the edge can decrypt the token. This page can read only the token's header.",
    }
}

pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Access => "This is an access token. A person or a program uses this token to call the edge.",
        Kind::Guest => "This is the token of a guest link.",
        Kind::DeviceCert => "This is the certificate of a device.",
        Kind::DeviceProof => {
            "With this token, a device proves to the edge that it has the private key of its certificate."
        }
        Kind::Device => "With this token, the owner states that a key is the key of a device.",
        Kind::Reading => "This is the level of a line at one time, signed by a device.",
        Kind::Receipt => "With this token, a device states what it did with a command.",
        Kind::Call => "This is a call: the holder of a key asks a device for one action on one line.",
        Kind::Grant => "This is a grant: the owner allows the holder of a key to operate lines.",
        Kind::Revoked => "This is the owner's list of revoked grants and keys.",
        Kind::Command => "This is a command for one device. Other devices refuse this command.",
        Kind::KeySet => "This is the set of the edge's keys, signed with the owner's root key.",
        Kind::Welcome => "This is the time of the edge, signed by the edge.",
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

/// Summarises the checks, for example `11 of 11 checks passed`.
pub fn summary(passed: usize, all: usize) -> String {
    format!("{passed} of {all} checks passed")
}

/// Describes the result of a check.
pub fn outcome(outcome: &CheckResult) -> String {
    match outcome {
        CheckResult::Passed => PASSED.into(),
        CheckResult::Refused { code, reason } => format!("{reason} ({code})"),
        CheckResult::Absent => "not present, not required".into(),
        CheckResult::NotChecked { why } => format!("not checked: {why}"),
    }
}

/// Returns the value of the attribute `data-outcome`.
pub fn outcome_mark(outcome: &CheckResult) -> &'static str {
    match outcome {
        CheckResult::Passed => "passed",
        CheckResult::Refused { .. } => "refused",
        CheckResult::Absent => "absent",
        CheckResult::NotChecked { .. } => "open",
    }
}
