//! This module explains the contents of a token and lists every reason to refuse the token, not only the first reason.
//!
//! An explanation calls the check functions of the policy in the policy's order. An explanation therefore always agrees
//! with a verification.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use crate::jwt::refusal::Refusal;
use crate::jwt::span::span;
use crate::jwt::strict::{Object, Unverified, object};
use crate::keys::KeySet;
use crate::policy::{self, Terms};
use crate::sealed::{self, KeyAlgorithm};

/// The explanation of a token.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The form of the token: `jws` (signed, compact form), `jwe` (encrypted), `json_serialization` (never accepted) or
    /// `unknown`.
    pub form: &'static str,
    /// The members of the token's header, sorted by name. The list is empty if the header cannot be parsed.
    pub header: Vec<Member>,
    /// The token's claims, sorted by name. The list is empty if the claims cannot be parsed.
    pub claims: Vec<Member>,
    /// The policy's checks of the token, in the policy's order.
    pub checks: Vec<Check>,
    /// Whether the token is accepted. `None` means that no check failed, but at least one check was not possible.
    pub accepted: Option<bool>,
}

/// One member of the token's header, or one claim.
#[derive(Debug, Clone, Serialize)]
pub struct Member {
    /// The name of the header member or claim.
    pub name: String,
    /// The value of the header member or claim.
    pub value: Value,
    /// The meaning of the header member or claim. `None` means that the meaning is unknown.
    pub meaning: Option<String>,
}

/// One check of the policy and its result.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// The name of the part of the token that was checked.
    pub name: &'static str,
    /// The result of the check.
    pub outcome: CheckResult,
}

/// The possible results of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// The token passed the check.
    Passed,
    /// The token failed the check.
    Refused {
        /// The stable error code, as returned by [`Refusal::code`].
        code: &'static str,
        /// The reason for the failure as text, without secrets.
        reason: String,
    },
    /// The token does not have this part, and the check does not require it.
    Absent,
    /// The check was not possible.
    NotChecked {
        /// The reason why the check was not possible.
        why: &'static str,
    },
}

/// Explains a text that may be a token. The function returns an explanation for every text.
pub fn explain(token: &str, keys: Option<&KeySet>, terms: &Terms<'_>) -> Explanation {
    let mut explanation =
        Explanation { form: form_of(token), header: vec![], claims: vec![], checks: vec![], accepted: None };
    match Unverified::parse(token) {
        Ok(parsed) => {
            explanation.header = members(&parsed.header, header_meaning, terms.now);
            explanation.claims = members(&parsed.payload, claim_meaning, terms.now);
            explanation.checks.push(Check { name: "form", outcome: CheckResult::Passed });
            explanation.check(token, &parsed, keys, terms);
        }
        Err(_) if explanation.form == "jwe" => {
            let header = token.split('.').next().and_then(|part| object(part, "the header").ok());
            explanation.header = header.map(|it| members(&it, header_meaning, terms.now)).unwrap_or_default();
            explanation.note("form", sealed::check(token));
            explanation.skip("content", "only the recipient's key can decrypt the content");
        }
        Err(refusal) => {
            // The parts of the token that can be parsed are shown, even if the token is refused.
            let mut parts = token.split('.');
            let header = parts.next().and_then(|part| object(part, "the header").ok());
            let payload = parts.next().and_then(|part| object(part, "the payload").ok());
            explanation.header = header.map(|it| members(&it, header_meaning, terms.now)).unwrap_or_default();
            explanation.claims = payload.map(|it| members(&it, claim_meaning, terms.now)).unwrap_or_default();
            explanation.checks.push(Check { name: "form", outcome: refused(&refusal) });
        }
    }
    let any =
        |wanted: fn(&CheckResult) -> bool| explanation.checks.iter().any(|check| wanted(&check.outcome));
    explanation.accepted = if any(|outcome| matches!(outcome, CheckResult::Refused { .. })) {
        Some(false)
    } else if any(|outcome| matches!(outcome, CheckResult::NotChecked { .. })) {
        None
    } else {
        Some(true)
    };
    explanation
}

impl Explanation {
    fn check(&mut self, token: &str, parsed: &Unverified, keys: Option<&KeySet>, terms: &Terms<'_>) {
        let claims = &*parsed.payload;
        self.note("header", policy::check_header(parsed));
        let typ = policy::check_typ(parsed, &terms.typ);
        self.note_optional("typ", typ.map(|()| parsed.header.get("typ")));
        let selected = keys.map(|keys| policy::select(parsed, keys, &terms.typ));
        match &selected {
            None => {
                self.skip("key", "no key was given for the check");
                self.skip("signature", "no key was given for the check");
            }
            Some(Err(refusal)) => {
                self.note("key", Err(refusal.clone()));
                self.skip("signature", "no configured key matches the token");
            }
            Some(Ok((key, alg))) => {
                self.note("key", Ok(()));
                self.note("signature", key.verify(token, parsed, *alg));
            }
        }
        self.note("iat", policy::check_iat(claims, terms).map(drop));
        self.note("exp", policy::check_exp(claims, terms).map(drop));
        if claims.contains_key("nbf") {
            self.note("nbf", policy::check_nbf(claims, terms));
        }
        self.note_optional("iss", policy::check_issuer(claims, terms));
        self.note_optional("aud", policy::check_audience(claims, terms));
        self.note_optional("sub", policy::text(claims, "sub"));
        self.note_optional("jti", policy::text(claims, "jti"));
    }

    fn note(&mut self, name: &'static str, outcome: Result<(), Refusal>) {
        let outcome = outcome.map_or_else(|refusal| refused(&refusal), |()| CheckResult::Passed);
        self.checks.push(Check { name, outcome });
    }

    /// Adds the result of a check of a part that the token may lack. `None` means that the token lacks the part.
    fn note_optional<T>(&mut self, name: &'static str, outcome: Result<Option<T>, Refusal>) {
        match outcome {
            Ok(None) => self.checks.push(Check { name, outcome: CheckResult::Absent }),
            outcome => self.note(name, outcome.map(drop)),
        }
    }

    fn skip(&mut self, name: &'static str, why: &'static str) {
        self.checks.push(Check { name, outcome: CheckResult::NotChecked { why } });
    }
}

fn refused(refusal: &Refusal) -> CheckResult {
    CheckResult::Refused { code: refusal.code(), reason: refusal.to_string() }
}

fn form_of(token: &str) -> &'static str {
    let parts = token.split('.').take(6).count();
    match parts {
        _ if token.trim_start().starts_with('{') => "json_serialization",
        3 => "jws",
        5 => "jwe",
        _ => "unknown",
    }
}

type Meaning = fn(&str, &Value, Option<u64>) -> Option<String>;

fn members(object: &Object, meaning: Meaning, now: Option<u64>) -> Vec<Member> {
    let members = object.iter().map(|(name, value)| Member {
        name: name.clone(),
        value: value.clone(),
        meaning: meaning(name, value, now),
    });
    members.collect()
}

/// Returns the meaning of a header member that RFC 7515 §4.1, RFC 7516 §4.1 or RFC 7797 defines.
fn header_meaning(name: &str, value: &Value, _now: Option<u64>) -> Option<String> {
    let text = match name {
        "alg" if value.as_str().is_some_and(|alg| alg.eq_ignore_ascii_case("none")) => {
            "the token has no signature, so the token is never accepted"
        }
        "alg" => match value.as_str().and_then(KeyAlgorithm::by_name) {
            Some(_) => "the algorithm that encrypts the content key, which decrypts the token's content",
            None => "the signature algorithm; a configured key must allow this algorithm",
        },
        "typ" => "the kind of the token",
        "kid" => "the id of the key that verifies or decrypts the token",
        "cty" => "the content type: `JWT` in an encrypted token",
        "enc" => "the algorithm with which the content key encrypts the content",
        "epk" => "a public key that the sender made for this token; the content key depends on this key",
        "apu" | "apv" => "information about sender and recipient; the content key depends on this value",
        "p2s" | "p2c" => "a parameter for encryption with a password; tokens with this member are rejected",
        "crit" => {
            "extensions that a verifier must understand; Pinlatch supports none and rejects tokens with this member"
        }
        "b64" => "whether the payload is encoded (RFC 7797); tokens with this member are rejected",
        "zip" => "the compression of the content; tokens with this member are rejected",
        "jwk" => "a key inside the token; tokens with this member are rejected",
        "jku" | "x5u" => "the URL of a key, which is never fetched; tokens with this member are rejected",
        "x5c" => "certificates inside the token; tokens with this member are rejected",
        "x5t" | "x5t#S256" => "the fingerprint of a certificate; verifiers ignore this member",
        _ => return None,
    };
    Some(text.into())
}

/// Returns the meaning of a claim that RFC 7519 §4.1, RFC 8693 §4.2, RFC 9068, OpenID Connect Core §2 or Pinlatch
/// defines.
fn claim_meaning(name: &str, value: &Value, now: Option<u64>) -> Option<String> {
    let text = match name {
        "iat" => return moment("issued", value, now),
        "nbf" => return moment("not valid before", value, now),
        "exp" => return moment("expires", value, now),
        "auth_time" => return moment("the person logged in", value, now),
        "iss" => "the issuer of the token",
        "sub" => {
            "the subject: the person, program or device that sends the token; in a reading or receipt, the line"
        }
        "aud" => "the audience: the intended recipient of the token",
        "azp" | "client_id" => "the client that requested the token",
        "jti" => "the id of the token; an owner can revoke the token by this id",
        "scope" => "the permissions of this token",
        "cnf" => {
            "the public key whose private key the sender of the token, or the holder of the grant, must have"
        }
        "gen" => "the site's generation number; a higher number at the site makes this token invalid",
        "family" => {
            "the login that the token belongs to; without `scope`, the token has the person's permissions at the site"
        }
        "challenge" => "the challenge of the device; the call ends soon after the device made it",
        "max_age_ms" => "the time for which the call is valid after the challenge, in milliseconds",
        "name" => "the name that the owner chose for the holder of the key",
        "offline" => "whether the grant also counts on a device that does not know the time",
        "number" => "the number of the list: the time of signing, in milliseconds since 1970",
        "grants" => "the ids of revoked grants",
        "keys" => "the thumbprints of revoked keys",
        "void_before" => return moment("revokes all grants signed before", value, now),
        "session" => "the nonce of the connection that the token is for",
        "senml" => "the level of the line as a SenML record (RFC 8428)",
        "eat_nonce" => "the nonce of the caller that asked for the reading",
        "time_ms" => "the time of the statement, in milliseconds since 1970",
        "time_source" => "the source of the time: `edge`, `system` or `none`",
        "time_uncertainty_ms" => "the width of the interval that contains the time, in milliseconds",
        "boot" => "the run of the device's agent; each start of the agent has another id",
        "n" => "the number of the reading or receipt in this run; a missing number is a missing statement",
        "line" => "the name of the line",
        "action" => "the action of the command or call",
        "args" => "the arguments of the action",
        "status" => "the final status of the command",
        "code" => "the reason why the device refused the command",
        "level" => "the level of the line right after the command",
        "unit" => "the unit of the sensor",
        "command" => "the id of the command that the receipt is about",
        "command_s256" => "the SHA-256 digest of the command's token",
        "deadline" => "the command's deadline, in milliseconds since 1970",
        "nonce" => "a random text that binds a login to the browser that started the login",
        _ => return None,
    };
    Some(text.into())
}

fn moment(verb: &str, value: &Value, now: Option<u64>) -> Option<String> {
    /// The first second of the year 10000. The date format cannot represent times in the year 10000 or later.
    const FAR: u64 = 253_402_300_800;
    let seconds = value.as_u64().filter(|seconds| *seconds < FAR)?;
    let at = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds));
    let past = if verb == "expires" { "expired" } else { verb };
    Some(match now {
        Some(now) if seconds > now => format!("{verb} {at}, in {}", span(seconds - now)),
        Some(now) if seconds < now => format!("{past} {at}, {} ago", span(now - seconds)),
        Some(_) => format!("{verb} {at}, just now"),
        None => format!("{verb} {at}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::minting::MintingKey;
    use crate::policy::Typ;
    use serde_json::json;

    const NOW: u64 = 1_790_000_000;

    fn terms() -> Terms<'static> {
        Terms { typ: Typ::Usual, issuer: None, audiences: None, now: Some(NOW), leeway: 0, max_life: None }
    }

    fn secret() -> Vec<u8> {
        (0..32).map(|byte: u8| byte.wrapping_mul(73)).collect()
    }

    fn token(claims: Value) -> String {
        let key = MintingKey::read(&secret(), None).unwrap();
        key.sign("JWT", None, claims.as_object().unwrap().clone()).unwrap()
    }

    fn refused(explanation: &Explanation) -> Vec<(&'static str, &'static str)> {
        let faults = explanation.checks.iter().filter_map(|check| match &check.outcome {
            CheckResult::Refused { code, .. } => Some((check.name, *code)),
            _ => None,
        });
        faults.collect()
    }

    #[test]
    fn a_good_token_is_accepted_and_its_times_are_told() {
        let keys = KeySet::from_key_file(&secret(), &[]).unwrap();
        let token = token(json!({ "sub": "ann", "iat": NOW - 7_260, "exp": NOW + 59 }));
        let explanation = explain(&token, Some(&keys), &terms());
        assert_eq!((explanation.accepted, explanation.form), (Some(true), "jws"));
        let meaning = |name| {
            let member = explanation.claims.iter().find(|member| member.name == name).unwrap();
            member.meaning.clone().unwrap()
        };
        assert_eq!(meaning("exp"), "expires 2026-09-21T14:14:19Z, in 59 s");
        assert!(meaning("iat").ends_with("2 h ago"), "{}", meaning("iat"));
        assert_eq!(
            explain(&token, None, &terms()).accepted,
            None,
            "without a key, the signature is not checked"
        );
    }

    #[test]
    fn an_absent_claim_is_not_called_passed() {
        let keys = KeySet::from_key_file(&secret(), &[]).unwrap();
        let explanation =
            explain(&token(json!({ "iss": "joe", "iat": NOW, "exp": NOW + 1 })), Some(&keys), &terms());
        let absent = explanation.checks.iter().filter(|check| check.outcome == CheckResult::Absent);
        assert_eq!(absent.map(|check| check.name).collect::<Vec<_>>(), ["aud", "sub", "jti"]);
        let long_ago = token(json!({ "iat": NOW - 600_000_000, "exp": NOW - 495_063_870 }));
        let exp = explain(&long_ago, Some(&keys), &terms()).claims.remove(0).meaning.unwrap();
        assert!(exp.starts_with("expired 20") && exp.ends_with(", 15 years ago"), "{exp}");
        // A required claim that is absent is refused.
        let required = Terms { issuer: Some("joe"), audiences: Some(&[]), ..terms() };
        assert_eq!(
            refused(&explain(&long_ago, Some(&keys), &required))[1..],
            [("iss", "missing_claim"), ("aud", "missing_claim")]
        );
    }

    #[test]
    fn every_fault_is_named_not_only_the_first() {
        let other: Vec<u8> = (1..=32).collect();
        let keys = KeySet::from_key_file(&other, &[]).unwrap();
        let token = token(json!({ "sub": 7, "iat": NOW - 60, "exp": NOW - 1, "aud": "x" }));
        let audiences = ["y".to_owned()];
        let terms = Terms { issuer: Some("https://issuer"), audiences: Some(&audiences), ..terms() };
        let explanation = explain(&token, Some(&keys), &terms);
        assert_eq!(explanation.accepted, Some(false));
        let wanted = [
            ("signature", "bad_signature"),
            ("exp", "expired"),
            ("iss", "missing_claim"),
            ("aud", "wrong_audience"),
            ("sub", "bad_claim"),
        ];
        assert_eq!(refused(&explanation), wanted);
    }

    #[test]
    fn other_forms_are_recognised_and_refused() {
        for (text, form) in [
            ("", "unknown"),
            ("a.b.c.d.e", "jwe"),
            (r#"{"payload":"e30","signatures":[]}"#, "json_serialization"),
            ("a.b.c", "jws"),
        ] {
            let explanation = explain(text, None, &terms());
            assert_eq!((explanation.form, explanation.accepted), (form, Some(false)), "{text}");
        }
        let sealed = crate::EdgeKeys::generate().unwrap().published();
        let sealed = crate::SealingKey::read(sealed.to_string().as_bytes()).unwrap().seal("a.b.c").unwrap();
        let explanation = explain(&sealed, None, &terms());
        assert_eq!((explanation.form, explanation.accepted), ("jwe", None));
        let names: Vec<&str> = explanation.header.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["alg", "cty", "enc", "epk", "kid"]);
        assert!(explanation.header.iter().all(|member| member.meaning.is_some()));
        let unsigned = "eyJhbGciOiJub25lIn0.e30.";
        let explanation = explain(unsigned, None, &terms());
        assert_eq!(
            explanation.header[0].meaning.as_deref(),
            Some("the token has no signature, so the token is never accepted")
        );
    }

    #[test]
    fn times_beyond_all_calendars_are_only_numbers() {
        let token = token(json!({ "iat": NOW, "exp": 9_007_199_254_740_991u64 }));
        let explanation = explain(&token, None, &terms());
        assert_eq!(explanation.claims[0].meaning, None);
    }
}
