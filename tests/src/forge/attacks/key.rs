//! Attacks on the selection of the verification key. The forged token contains a key, contains the URL of a key, or
//! refers to an unknown key.

use serde_json::{Value, json};

use crate::forge::subject::{refused, text};
use crate::forge::{Attempt, Object, Signer, Subject, encode};

/// Makes tokens that the attacker's key signed. The header member `member` contains the attacker's key or the URL of
/// this key.
fn bringing(s: &Subject, member: &str, values: impl IntoIterator<Item = Value>) -> Vec<Attempt> {
    let stranger = if s.signer.public_jwk().is_some() { s.signer.stranger() } else { Signer::es256() };
    let forged = values.into_iter().map(|value| {
        let mut header = s.header.clone();
        header.insert("alg".into(), stranger.alg().into());
        header.insert(member.into(), value);
        s.signed_by(&stranger, text(&header), text(&s.claims))
    });
    let mut all = refused("embedded_key", forged);
    // A verifier must refuse a token with the header member `member` even if the rest of the token is valid.
    all.extend(refused("embedded_key", [s.header(member, Value::Null)]));
    all
}

/// Makes tokens whose header member `jwk` contains the attacker's verification key (CVE-2018-0114).
pub fn an_embedded_jwk(s: &Subject) -> Vec<Attempt> {
    let stranger = if s.signer.public_jwk().is_some() { s.signer.stranger() } else { Signer::es256() };
    let mut named = stranger.public_jwk().expect("a public key");
    named["kid"] = s.header.get("kid").cloned().unwrap_or_else(|| "key".into());
    let mut header = s.header.clone();
    header.insert("alg".into(), stranger.alg().into());
    header.insert("jwk".into(), named);
    let mut all = refused("embedded_key", [s.signed_by(&stranger, text(&header), text(&s.claims))]);
    all.extend(bringing(s, "jwk", [json!({}), json!({ "kty": "oct", "k": "AAAA" })]));
    all
}

/// Makes tokens whose header member `jku` is the URL of a JWK Set.
pub fn a_jku(s: &Subject) -> Vec<Attempt> {
    let places = ["https://evil.example/jwks.json", "http://127.0.0.1:1/", "file:///etc/passwd", ""];
    bringing(s, "jku", places.map(Value::from))
}

/// Makes tokens whose header member `x5u` is the URL of certificates.
pub fn an_x5u(s: &Subject) -> Vec<Attempt> {
    bringing(s, "x5u", ["https://evil.example/chain.pem", "file:///dev/zero"].map(Value::from))
}

/// Makes tokens whose header member `x5c` contains certificates.
pub fn an_x5c(s: &Subject) -> Vec<Attempt> {
    let der = encode(s.signer.stranger().public_der().unwrap_or_default());
    bringing(s, "x5c", [json!([der]), json!([]), json!("MIIB")])
}

/// Makes tokens with certificate thumbprints. A verifier ignores thumbprints, so they cannot select another key.
pub fn an_x5t_for_another_key(s: &Subject) -> Vec<Attempt> {
    let stranger = s.signer.stranger();
    let forged = ["x5t", "x5t#S256"].map(|member| {
        let mut header = s.header.clone();
        header.insert(member.into(), encode([7; 32]).into());
        s.signed_by(&stranger, text(&header), text(&s.claims))
    });
    refused("bad_signature", forged)
}

/// Makes a token that has the correct `kid` but was signed by an attacker's key.
pub fn another_key_of_the_same_kid(s: &Subject) -> Vec<Attempt> {
    let forged = s.signed_by(&s.signer.stranger(), text(&s.header), text(&s.claims));
    refused("bad_signature", [forged])
}

/// Makes tokens with wrong `kid` values and a valid signature. A verifier that selects keys by `kid` accepts only
/// configured `kid` values.
fn by_kid(s: &Subject, kids: impl IntoIterator<Item = String>) -> Vec<Attempt> {
    // A verifier with a single configured key accepts any `kid`.
    if !s.by_kid {
        return vec![];
    }
    refused("unknown_key", kids.into_iter().map(|kid| s.header("kid", kid)))
}

/// Makes tokens whose `kid` is blank or similar to the correct `kid`.
pub fn a_blank_or_similar_kid(s: &Subject) -> Vec<Attempt> {
    let kid = s.header.get("kid").and_then(Value::as_str).unwrap_or_default();
    let (start, _) = kid.split_at(kid.len() / 2);
    let similar =
        [format!("{kid} "), format!(" {kid}"), format!("{kid}\0"), kid.to_uppercase(), start.into()];
    by_kid(s, ["", " ", "\0"].map(str::to_owned).into_iter().chain(similar))
}

/// Makes tokens whose `kid` is a path, because a careless verifier could use `kid` as a file name.
pub fn a_kid_that_is_a_path(s: &Subject) -> Vec<Attempt> {
    let paths = [
        "../../../../../../dev/null",
        "..\\..\\windows\\win.ini",
        "/proc/sys/kernel/randomize_va_space",
        "file:///etc/passwd",
        "https://evil.example/key",
        "|/usr/bin/id",
        "$(id)",
    ];
    by_kid(s, paths.map(str::to_owned))
}

/// Makes tokens whose `kid` is an SQL fragment, because a careless verifier could insert `kid` into a query as text.
pub fn a_kid_that_is_sql(s: &Subject) -> Vec<Attempt> {
    let kid = s.header.get("kid").and_then(Value::as_str).unwrap_or_default();
    let pieces = [
        "' OR '1'='1".to_owned(),
        "' UNION SELECT 'AAAA' --".into(),
        format!("{kid}' --"),
        "x'; DROP TABLE people; --".into(),
    ];
    by_kid(s, pieces)
}

/// Makes a token whose `kid` is `/dev/null`, the path of an empty file. The token is signed with the empty content of
/// this file as the HMAC secret.
pub fn a_kid_of_dev_null_and_an_empty_secret(s: &Subject) -> Vec<Attempt> {
    let changes = json!({ "alg": "HS256", "kid": "/dev/null" });
    let mut header = s.header.clone();
    header.extend(changes.as_object().expect("an object").clone());
    let token = s.signed_by(&Signer::Hs256(vec![]), text(&header), text(&s.claims));
    let code = match (s.by_kid, s.signer.alg()) {
        (true, _) => "unknown_key",
        (false, "HS256") => "bad_signature",
        (false, _) => "wrong_algorithm",
    };
    vec![Attempt { token, code }]
}

/// Makes tokens whose `kid` is not a string.
pub fn a_kid_that_is_no_text(s: &Subject) -> Vec<Attempt> {
    let odd = [json!(null), json!(0), json!(true), json!([]), json!({}), json!([s.header.get("kid")])];
    refused("json", odd.map(|kid| s.header("kid", kid)))
}

/// Makes a token without `kid`. Tokens that Pinlatch issues always contain a `kid`.
pub fn no_kid(s: &Subject) -> Vec<Attempt> {
    if s.is_own() { refused("unknown_key", [s.without_header("kid")]) } else { vec![] }
}

/// Makes tokens that have the header and claims of an edge token, but are signed with an external issuer's key.
pub fn an_issuer_speaking_as_the_edge(s: &Subject) -> Vec<Attempt> {
    let edges = s.others.iter().filter(|_| !s.is_own()).filter(|other| other.matches('.').count() == 2);
    let mut all = Vec::new();
    for other in edges {
        let (mut header, claims): (Object, Object) = crate::forge::read(other);
        if header["typ"] != "at+jwt" {
            continue;
        }
        all.extend(refused("bad_signature", [s.signed_by(&s.signer, text(&header), text(&claims))]));
        header.insert("alg".into(), s.signer.alg().into());
        all.extend(refused("wrong_algorithm", [s.signed_by(&s.signer, text(&header), text(&claims))]));
        header.remove("kid");
        all.extend(refused("unknown_key", [s.signed_by(&s.signer, text(&header), text(&claims))]));
    }
    all
}
