//! Attacks by the key: one that the token brings, one that it has fetched, one that nobody configured.

use serde_json::{Value, json};

use crate::forge::subject::{refused, text};
use crate::forge::{Attempt, Object, Signer, Subject, encode};

/// A stranger's token that says where its key is.
fn bringing(s: &Subject, member: &str, values: impl IntoIterator<Item = Value>) -> Vec<Attempt> {
    let stranger = if s.signer.public_jwk().is_some() { s.signer.stranger() } else { Signer::es256() };
    let forged = values.into_iter().map(|value| {
        let mut header = s.header.clone();
        header.insert("alg".into(), stranger.alg().into());
        header.insert(member.into(), value);
        s.signed_by(&stranger, text(&header), text(&s.claims))
    });
    let mut all = refused("embedded_key", forged);
    // However right the rest is.
    all.extend(refused("embedded_key", [s.header(member, Value::Null)]));
    all
}

/// `jwk` (CVE-2018-0114): the token brings the key that verifies it.
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

/// `jku`: where to fetch a JWK Set.
pub fn a_jku(s: &Subject) -> Vec<Attempt> {
    let places = ["https://evil.example/jwks.json", "http://127.0.0.1:1/", "file:///etc/passwd", ""];
    bringing(s, "jku", places.map(Value::from))
}

/// `x5u`: where to fetch certificates.
pub fn an_x5u(s: &Subject) -> Vec<Attempt> {
    bringing(s, "x5u", ["https://evil.example/chain.pem", "file:///dev/zero"].map(Value::from))
}

/// `x5c`: the token brings certificates.
pub fn an_x5c(s: &Subject) -> Vec<Attempt> {
    let der = encode(s.signer.stranger().public_der().unwrap_or_default());
    bringing(s, "x5c", [json!([der]), json!([]), json!("MIIB")])
}

/// Certificate thumbprints are looked at by nobody: they lead to no other key.
pub fn an_x5t_for_another_key(s: &Subject) -> Vec<Attempt> {
    let stranger = s.signer.stranger();
    let forged = ["x5t", "x5t#S256"].map(|member| {
        let mut header = s.header.clone();
        header.insert(member.into(), encode([7; 32]).into());
        s.signed_by(&stranger, text(&header), text(&s.claims))
    });
    refused("bad_signature", forged)
}

/// The right `kid` and a stranger's signature.
pub fn another_key_of_the_same_kid(s: &Subject) -> Vec<Attempt> {
    let forged = s.signed_by(&s.signer.stranger(), text(&s.header), text(&s.claims));
    refused("bad_signature", [forged])
}

/// A `kid` over a signature that is right: only the configured one counts.
fn by_kid(s: &Subject, kids: impl IntoIterator<Item = String>) -> Vec<Attempt> {
    // A key that was given by itself answers to every kid.
    if !s.by_kid {
        return vec![];
    }
    refused("unknown_key", kids.into_iter().map(|kid| s.header("kid", kid)))
}

/// Blank, and almost right.
pub fn a_blank_or_similar_kid(s: &Subject) -> Vec<Attempt> {
    let kid = s.header.get("kid").and_then(Value::as_str).unwrap_or_default();
    let (start, _) = kid.split_at(kid.len() / 2);
    let similar =
        [format!("{kid} "), format!(" {kid}"), format!("{kid}\0"), kid.to_uppercase(), start.into()];
    by_kid(s, ["", " ", "\0"].map(str::to_owned).into_iter().chain(similar))
}

/// Paths, as if a `kid` were a file's name.
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

/// Pieces of SQL, as if a `kid` were looked up by pasting.
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

/// A `kid` that names an empty file, and a signature by the empty secret in it.
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

/// A `kid` that is no text.
pub fn a_kid_that_is_no_text(s: &Subject) -> Vec<Attempt> {
    let odd = [json!(null), json!(0), json!(true), json!([]), json!({}), json!([s.header.get("kid")])];
    refused("json", odd.map(|kid| s.header("kid", kid)))
}

/// Our own tokens always name their key.
pub fn no_kid(s: &Subject) -> Vec<Attempt> {
    if s.is_own() { refused("unknown_key", [s.without_header("kid")]) } else { vec![] }
}

/// An issuer's own key under the claims, and under the header, of the edge.
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
