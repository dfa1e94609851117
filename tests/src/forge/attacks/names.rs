//! Attacks on the audience, the issuer, the subject, the token id and the token kind.

use serde_json::{Value, json};

use crate::forge::subject::refused;
use crate::forge::{Attempt, Role, Subject, read};

/// Values of the header member `typ` that Pinlatch or other systems use.
const TYPS: [&str; 19] = [
    "at+jwt",
    "guest+jwt",
    "devcert+jwt",
    "devproof+jwt",
    "device+jwt",
    "reading+jwt",
    "receipt+jwt",
    "call+jwt",
    "grant+jwt",
    "revoked+jwt",
    "cmd+jwt",
    "keyset+jwt",
    "welcome+jwt",
    "logout+jwt",
    "secevent+jwt",
    "dpop+jwt",
    "JWE",
    "JOSE+JSON",
    "JWT",
];

fn claims(
    s: &Subject,
    code: &'static str,
    name: &str,
    values: impl IntoIterator<Item = Value>,
) -> Vec<Attempt> {
    refused(code, values.into_iter().map(|value| s.claim(name, value)))
}

/// Makes tokens whose `aud` does not contain the expected audience.
pub fn aud_without_ours(s: &Subject) -> Vec<Attempt> {
    let own = s.text("aud");
    let joined = format!("{own} other");
    claims(
        s,
        "wrong_audience",
        "aud",
        [json!([]), json!(["other"]), json!(["other", ""]), json!([joined]), json!("*")],
    )
}

/// Makes tokens whose `aud` is empty or blank.
pub fn aud_blank(s: &Subject) -> Vec<Attempt> {
    claims(s, "wrong_audience", "aud", [json!(""), json!(" "), json!([""]), json!("\0")])
}

/// Makes tokens whose `aud` is neither a string nor an array of strings.
pub fn aud_of_another_type(s: &Subject) -> Vec<Attempt> {
    let own = s.text("aud");
    let odd = [
        json!({}),
        json!({ own: true }),
        json!(7),
        json!(null),
        json!(true),
        json!([{}]),
        json!([[own]]),
        json!([own, 1]),
    ];
    claims(s, "bad_claim", "aud", odd)
}

pub fn no_aud(s: &Subject) -> Vec<Attempt> {
    refused("missing_claim", [s.without_claim("aud")])
}

/// Makes tokens whose `aud` is similar to the correct audience. The audience is shortened, extended, in upper case, or
/// contains invisible or look-alike characters.
pub fn aud_almost_ours(s: &Subject) -> Vec<Attempt> {
    let own = s.text("aud");
    let near = [
        own[..own.len() - 1].to_owned(),
        own[1..].to_owned(),
        format!("{own}2"),
        format!("{own}/"),
        format!("{own} "),
        format!(" {own}"),
        format!("{own}\0"),
        format!("{own}\u{200b}"),
        own.to_uppercase(),
        own.replace('e', "е"),
    ];
    claims(s, "wrong_audience", "aud", near.into_iter().filter(|near| near != own).map(Value::from))
}

/// Makes tokens whose `aud` is not a site of the deployment.
pub fn a_token_for_another_site(s: &Subject) -> Vec<Attempt> {
    let own = s.text("aud");
    let others = [
        "urn:pinlatch:site:elsewhere",
        "urn:pinlatch:device:elsewhere/porch",
        "urn:pinlatch:site:",
        "urn:pinlatch:edge",
    ];
    claims(s, "wrong_audience", "aud", others.into_iter().filter(|other| *other != own).map(Value::from))
}

/// Returns the refusal code for a token with an unknown issuer. If `iss` of a bearer token is not a configured external
/// issuer, the verifier regards the token as a token of the edge. Therefore the `typ` of such a bearer token is wrong.
fn unknown_issuer(s: &Subject) -> &'static str {
    if s.role == Role::Issuer { "wrong_kind" } else { "wrong_issuer" }
}

/// Makes tokens whose `iss` is similar to the correct issuer: shortened, extended, or in upper case.
pub fn iss_almost_ours(s: &Subject) -> Vec<Attempt> {
    let own = s.text("iss");
    let near = [
        own[..own.len() - 1].to_owned(),
        format!("{own}/"),
        format!("{own}."),
        format!("{own} "),
        format!(" {own}"),
        format!("{own}\0"),
        format!("{own}#"),
        own.to_uppercase(),
    ];
    claims(s, unknown_issuer(s), "iss", near.map(Value::from))
}

/// Makes tokens whose `iss` contains look-alike or invisible characters.
pub fn iss_in_look_alike_letters(s: &Subject) -> Vec<Attempt> {
    let own = s.text("iss");
    let mut alike: Vec<String> =
        [('a', 'а'), ('e', 'е'), ('o', 'о'), ('p', 'р'), ('c', 'с'), ('s', 'ѕ'), (':', '：'), ('.', '․')]
            .into_iter()
            .map(|(plain, alike)| own.replace(plain, &alike.to_string()))
            .collect();
    alike.extend([
        format!("{own}\u{200b}"),
        format!("\u{feff}{own}"),
        format!("\u{202e}{own}"),
        own.replacen('e', "e\u{301}", 1),
    ]);
    claims(s, unknown_issuer(s), "iss", alike.into_iter().filter(|alike| alike != own).map(Value::from))
}

/// Makes tokens whose `iss` is not a string, is empty or is too long.
pub fn iss_of_another_type(s: &Subject) -> Vec<Attempt> {
    let own = s.text("iss");
    let code = if s.role == Role::Issuer { "wrong_kind" } else { "bad_claim" };
    claims(
        s,
        code,
        "iss",
        [json!(null), json!(7), json!([own]), json!({ own: own }), json!(""), json!("x".repeat(513))],
    )
}

pub fn no_iss(s: &Subject) -> Vec<Attempt> {
    let code = if s.role == Role::Issuer { "wrong_kind" } else { "missing_claim" };
    refused(code, [s.without_claim("iss")])
}

/// Makes tokens whose `sub` is missing, empty, too long or not a string.
pub fn sub_missing_or_odd(s: &Subject) -> Vec<Attempt> {
    let odd = [json!(""), json!(null), json!(7), json!(["owner"]), json!({}), json!("x".repeat(513))];
    let mut all = claims(s, "bad_claim", "sub", odd);
    all.extend(refused("missing_claim", [s.without_claim("sub")]));
    all
}

/// Makes tokens with a `jti` that would make a revocation impossible. A token of an external issuer may omit `jti`,
/// because the edge then assigns a token id.
pub fn jti_missing_or_odd(s: &Subject) -> Vec<Attempt> {
    let odd = [json!(""), json!(null), json!(7), json!(["a"]), json!({}), json!("x".repeat(513))];
    let mut all = claims(s, "bad_claim", "jti", odd);
    if s.is_own() {
        all.extend(refused("missing_claim", [s.without_claim("jti")]));
    }
    all
}

/// Makes tokens that have the claims of a valid token and the `typ` of another kind of token.
pub fn the_same_claims_as_every_other_kind(s: &Subject) -> Vec<Attempt> {
    let own = s.header["typ"].as_str().unwrap_or_default();
    let usual = |typ: &str| s.role == Role::Issuer && matches!(typ, "JWT" | "at+jwt");
    let others = TYPS.into_iter().filter(|typ| *typ != own && !usual(typ));
    refused("wrong_kind", others.map(|typ| s.header("typ", typ)))
}

/// Returns valid tokens of every other kind.
pub fn honest_tokens_of_every_other_kind(s: &Subject) -> Vec<Attempt> {
    let bearer = matches!(s.role, Role::Access | Role::Issuer);
    let mut all = Vec::new();
    for token in &s.others {
        if token.matches('.').count() != 2 {
            all.extend(refused("malformed", [token.clone()]));
            continue;
        }
        let (header, _) = read(token);
        let good = header["typ"] == s.header["typ"]
            || bearer && (header["typ"] == "JWT" || header["typ"] == "at+jwt");
        all.extend(refused("wrong_kind", (!good).then(|| token.clone())));
    }
    all
}

/// Makes tokens whose `typ` is missing or similar to the correct `typ`. Tokens that Pinlatch issues must have the exact
/// `typ` of their kind.
pub fn typ_missing_or_almost_ours(s: &Subject) -> Vec<Attempt> {
    let own = s.header["typ"].as_str().unwrap_or_default();
    let near = [
        "".to_owned(),
        format!("{own} "),
        format!(" {own}"),
        format!("{own};v=1"),
        format!("{own}\0"),
        format!("application/application/{own}"),
        format!("text/{own}"),
        own.replace('t', "т"),
        own.replace('+', " "),
    ];
    let mut all = refused(
        "wrong_kind",
        near.iter().filter(|near| *near != own).map(|typ| s.header("typ", typ.as_str())),
    );
    if s.is_own() {
        all.extend(refused("wrong_kind", [s.without_header("typ")]));
    }
    all
}

/// Makes tokens whose `typ` is not a string.
pub fn typ_of_another_type(s: &Subject) -> Vec<Attempt> {
    let own = s.header["typ"].clone();
    refused("json", [json!(null), json!(1), json!([own]), json!({})].map(|typ| s.header("typ", typ)))
}
