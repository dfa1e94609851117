//! The words of the token inspector.

use pinlatch_token::{Kind, Outcome};

use crate::manage::inspect::Verdict;

/// What the page does.
pub const TEXT: &str = "Paste a token to see what it says and whether it would be accepted. It is looked at in this page alone: nothing of it leaves the browser, and it is forgotten when you leave.";
/// Asks for the token.
pub const TOKEN: &str = "Token";
/// What it can be.
pub const TOKEN_HINT: &str = "A JWT, or a guest link that has one in it.";
/// Asks for the key.
pub const KEY: &str = "Check it with";
/// The site's keys.
pub const KEY_SITE: &str = "This site's keys";
/// A key of one's own.
pub const KEY_GIVEN: &str = "A key of my own";
/// Asks for the key.
pub const KEY_PASTE: &str = "Key";
/// What it can be.
pub const KEY_HINT: &str = "A public key as PEM, a JWK or JWK Set, or a shared secret.";
/// Asks for the issuer.
pub const ISSUER: &str = "Issuer that it must name";
/// Asks for the audience.
pub const AUDIENCE: &str = "Audience that it must name";
/// What an empty one means.
pub const ANY: &str = "Empty: any.";
/// Where the site's keys cannot be had.
pub const NO_KEYS: &str = "The site's keys cannot be read now, so the signature is not checked.";
/// Clears the page.
pub const CLEAR: &str = "Clear";
/// The headings.
pub const HEADER: &str = "Header";
/// Of the claims.
pub const CLAIMS: &str = "Claims";
/// Of the checks.
pub const CHECKS: &str = "Checks";
/// A check that was passed.
pub const PASSED: &str = "in order";

/// The verdict, in a word or two.
pub fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "It would be accepted",
        Verdict::Genuine => "It is genuine",
        Verdict::Verified => "The signature is good",
        Verdict::Refused => "It would be refused",
        Verdict::Open => "Not decided",
        Verdict::Sealed => "It is sealed",
    }
}

/// What the verdict means.
pub fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => {
            "This site's edge has signed it, and it is for this site and good now. Whether it was revoked, only the edge knows."
        }
        Verdict::Genuine => "This site's edge has signed it, but it is not for the API.",
        Verdict::Verified => {
            "The key has signed it, and it is good now. Whether this edge takes it depends on the issuers that it is configured for."
        }
        Verdict::Refused => "For this:",
        Verdict::Open => "Nothing speaks against it, but its signature was not checked: that takes a key.",
        Verdict::Sealed => {
            "It is encrypted for the edge, which alone can open it. Only its header can be read here."
        }
    }
}

/// What a kind of token is.
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Access => "An access token, for people and programs at the edge.",
        Kind::Guest => "A guest link's token.",
        Kind::DeviceCert => "A device's certificate.",
        Kind::DeviceProof => "A device's answer to a challenge.",
        Kind::Reading => "A reading that a device has signed.",
        Kind::DeviceCall => "A call from one device to another.",
        Kind::Grant => "A grant for commands on the local network.",
        Kind::Command => "One command to one device, which alone takes it.",
        Kind::KeySet => "The edge's keys, signed by the owner's root key.",
        Kind::Welcome => "The edge's signed time.",
    }
}

/// A check's name.
pub fn check(name: &str) -> &str {
    match name {
        "form" => "Form",
        "header" => "Header",
        "typ" => "Kind",
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

/// What came of a check.
pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => PASSED.into(),
        Outcome::Refused { code, reason } => format!("{reason} ({code})"),
        Outcome::NotChecked { why } => format!("not checked: {why}"),
    }
}

/// The name of what came of a check, as tests and style sheets read it.
pub fn outcome_mark(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Refused { .. } => "refused",
        Outcome::NotChecked { .. } => "open",
    }
}
