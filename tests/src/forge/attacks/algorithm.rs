//! Attacks on `alg`: the value `none`, another algorithm, and a public key used as a secret (RFC 8725 §2.1, §3.1).

use serde_json::{Value, json};

use crate::forge::subject::{refused, text};
use crate::forge::{Attempt, Object, Signer, Subject, encode};

/// All combinations of upper and lower case of a word's letters.
fn spellings(word: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for letter in word.chars() {
        let (lower, upper) = (letter.to_ascii_lowercase(), letter.to_ascii_uppercase());
        all = all.iter().flat_map(|start| [format!("{start}{lower}"), format!("{start}{upper}")]).collect();
    }
    all
}

/// An unsecured token (RFC 7519 §6). It has two parts and an empty third part.
pub fn alg_none_without_a_signature(s: &Subject) -> Vec<Attempt> {
    let unsigned = |alg: &String| {
        let mut header = s.header.clone();
        header.insert("alg".into(), alg.as_str().into());
        format!("{}.{}.", encode(text(&header)), encode(text(&s.claims)))
    };
    refused("malformed", spellings("none").iter().map(unsigned))
}

/// The algorithm `none` in every spelling, with a valid signature.
pub fn alg_none_in_every_spelling(s: &Subject) -> Vec<Attempt> {
    let odd = ["", " none", "none ", "none\0", "ｎｏｎｅ", "nonе", "null", "false"].map(str::to_owned);
    refused("wrong_algorithm", spellings("none").iter().chain(&odd).map(|alg| s.header("alg", alg.as_str())))
}

/// A missing `alg`, or an `alg` that is not a string.
pub fn alg_missing_or_not_a_text(s: &Subject) -> Vec<Attempt> {
    let odd =
        [json!(null), json!(1), json!(true), json!([]), json!(["none"]), json!([s.signer.alg()]), json!({})];
    let mut all = refused("json", odd.map(|alg| s.header("alg", alg)));
    all.extend(refused("wrong_algorithm", [s.without_header("alg")]));
    all
}

/// The correct algorithm in another spelling. Names are case-sensitive (RFC 7515 §4.1.1).
pub fn alg_in_another_spelling(s: &Subject) -> Vec<Attempt> {
    let alg = s.signer.alg();
    let odd =
        [alg.to_lowercase(), format!("{alg} "), format!(" {alg}"), format!("{alg}\0"), format!("{alg},none")];
    refused("wrong_algorithm", odd.iter().map(|alg| s.header("alg", alg.as_str())))
}

/// The name of every other algorithm with a valid signature. This includes the algorithms of the key's family.
pub fn alg_of_another_family_or_hash(s: &Subject) -> Vec<Attempt> {
    let names = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
        "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448", "A256KW", "dir", "RSA-OAEP",
    ];
    let others = names.into_iter().filter(|name| *name != s.signer.alg());
    refused("wrong_algorithm", others.map(|alg| s.header("alg", alg)))
}

/// HMAC tokens whose secret is public data.
fn by_public_secret(s: &Subject, secrets: impl IntoIterator<Item = Vec<u8>>) -> Vec<Attempt> {
    let forged = secrets.into_iter().map(|secret| {
        let mut header = s.header.clone();
        header.insert("alg".into(), "HS256".into());
        s.signed_by(&Signer::Hs256(secret), text(&header), text(&s.claims))
    });
    refused("wrong_algorithm", forged)
}

/// The public key's PEM as an HMAC secret. The PEM is unchanged, without the final newline, with CRLF, and without
/// newlines.
pub fn the_public_pem_as_a_secret(s: &Subject) -> Vec<Attempt> {
    let Some(pem) = s.signer.public_pem() else { return vec![] };
    let spellings =
        [pem.clone(), pem.trim_end().to_owned(), pem.replace('\n', "\r\n"), pem.replace('\n', "")];
    by_public_secret(s, spellings.map(String::into_bytes))
}

/// The public key's PEM with leading white space as an HMAC secret. The white space hides the PEM from libraries that
/// check how the text begins.
pub fn the_public_pem_with_leading_white_space_as_a_secret(s: &Subject) -> Vec<Attempt> {
    let Some(pem) = s.signer.public_pem() else { return vec![] };
    by_public_secret(
        s,
        [" ", "\n", "\t", "\r\n", "\u{feff}"].map(|space| format!("{space}{pem}").into_bytes()),
    )
}

/// The public key's DER and its raw encodings as HMAC secrets.
pub fn the_public_der_as_a_secret(s: &Subject) -> Vec<Attempt> {
    by_public_secret(s, s.signer.public_der().into_iter().chain(s.signer.public_raw()))
}

/// The public JWK as an HMAC secret. The JWK is used alone, with `kid`, and in a JWK Set.
pub fn the_public_jwk_as_a_secret(s: &Subject) -> Vec<Attempt> {
    let Some(jwk) = s.signer.public_jwk() else { return vec![] };
    let mut named = jwk.clone();
    if let Some(kid) = s.header.get("kid") {
        named["kid"] = kid.clone();
    }
    let set = json!({ "keys": [named] });
    by_public_secret(s, [&jwk, &named, &set].map(|jwk: &Value| jwk.to_string().into_bytes()))
}

/// Empty and guessable secrets, including the `kid`.
pub fn an_empty_secret(s: &Subject) -> Vec<Attempt> {
    let kid = s.header.get("kid").and_then(Value::as_str).unwrap_or("key");
    let mut all = Vec::new();
    for secret in [vec![], vec![0], vec![0; 32], kid.as_bytes().to_vec(), b"secret".to_vec()] {
        let mut header: Object = s.header.clone();
        header.insert("alg".into(), "HS256".into());
        let token = s.signed_by(&Signer::Hs256(secret), text(&header), text(&s.claims));
        let code = if s.signer.alg() == "HS256" { "bad_signature" } else { "wrong_algorithm" };
        all.push(Attempt { token, code });
    }
    all
}
