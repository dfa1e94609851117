//! Attacks on the header member `alg`. The attacks use the value `none`, the name of another algorithm, or a public key
//! as an HMAC secret (RFC 8725 §2.1, §3.1).

use serde_json::{Value, json};

use crate::forge::subject::{refused, text};
use crate::forge::{Attempt, Object, Signer, Subject, encode};

/// Returns a word in all combinations of upper-case and lower-case letters.
fn spellings(word: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for letter in word.chars() {
        let (lower, upper) = (letter.to_ascii_lowercase(), letter.to_ascii_uppercase());
        all = all.iter().flat_map(|start| [format!("{start}{lower}"), format!("{start}{upper}")]).collect();
    }
    all
}

/// Makes unsecured tokens (RFC 7519 §6), whose third part is empty.
pub fn alg_none_without_a_signature(s: &Subject) -> Vec<Attempt> {
    let unsigned = |alg: &String| {
        let mut header = s.header.clone();
        header.insert("alg".into(), alg.as_str().into());
        format!("{}.{}.", encode(text(&header)), encode(text(&s.claims)))
    };
    refused("malformed", spellings("none").iter().map(unsigned))
}

/// Makes tokens with a valid signature whose `alg` is `none` in every spelling.
pub fn alg_none_in_every_spelling(s: &Subject) -> Vec<Attempt> {
    let odd = ["", " none", "none ", "none\0", "ｎｏｎｅ", "nonе", "null", "false"].map(str::to_owned);
    refused("wrong_algorithm", spellings("none").iter().chain(&odd).map(|alg| s.header("alg", alg.as_str())))
}

/// Makes tokens whose `alg` is missing or is not a string.
pub fn alg_missing_or_not_a_text(s: &Subject) -> Vec<Attempt> {
    let odd =
        [json!(null), json!(1), json!(true), json!([]), json!(["none"]), json!([s.signer.alg()]), json!({})];
    let mut all = refused("json", odd.map(|alg| s.header("alg", alg)));
    all.extend(refused("wrong_algorithm", [s.without_header("alg")]));
    all
}

/// Makes tokens whose `alg` is the correct algorithm in another spelling. Algorithm names are case-sensitive (RFC 7515
/// §4.1.1).
pub fn alg_in_another_spelling(s: &Subject) -> Vec<Attempt> {
    let alg = s.signer.alg();
    let odd =
        [alg.to_lowercase(), format!("{alg} "), format!(" {alg}"), format!("{alg}\0"), format!("{alg},none")];
    refused("wrong_algorithm", odd.iter().map(|alg| s.header("alg", alg.as_str())))
}

/// Makes tokens with a valid signature whose `alg` is the name of another algorithm. Some of the other algorithms use
/// the same type of key.
pub fn alg_of_another_family_or_hash(s: &Subject) -> Vec<Attempt> {
    let names = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
        "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448", "A256KW", "dir", "RSA-OAEP",
    ];
    let others = names.into_iter().filter(|name| *name != s.signer.alg());
    refused("wrong_algorithm", others.map(|alg| s.header("alg", alg)))
}

/// Makes HMAC tokens whose secret is public data.
fn by_public_secret(s: &Subject, secrets: impl IntoIterator<Item = Vec<u8>>) -> Vec<Attempt> {
    let forged = secrets.into_iter().map(|secret| {
        let mut header = s.header.clone();
        header.insert("alg".into(), "HS256".into());
        s.signed_by(&Signer::Hs256(secret), text(&header), text(&s.claims))
    });
    refused("wrong_algorithm", forged)
}

/// Makes HMAC tokens whose secret is the public key in PEM format. The PEM text is used unchanged, without the final
/// newline, with CRLF, and without newlines.
pub fn the_public_pem_as_a_secret(s: &Subject) -> Vec<Attempt> {
    let Some(pem) = s.signer.public_pem() else { return vec![] };
    let spellings =
        [pem.clone(), pem.trim_end().to_owned(), pem.replace('\n', "\r\n"), pem.replace('\n', "")];
    by_public_secret(s, spellings.map(String::into_bytes))
}

/// Makes HMAC tokens whose secret is the public key in PEM format after leading white space. The white space hides the
/// PEM text from libraries that check only how a secret begins.
pub fn the_public_pem_with_leading_white_space_as_a_secret(s: &Subject) -> Vec<Attempt> {
    let Some(pem) = s.signer.public_pem() else { return vec![] };
    by_public_secret(
        s,
        [" ", "\n", "\t", "\r\n", "\u{feff}"].map(|space| format!("{space}{pem}").into_bytes()),
    )
}

/// Makes HMAC tokens whose secret is the public key in DER format or in a raw encoding.
pub fn the_public_der_as_a_secret(s: &Subject) -> Vec<Attempt> {
    by_public_secret(s, s.signer.public_der().into_iter().chain(s.signer.public_raw()))
}

/// Makes HMAC tokens whose secret is the public JWK. The JWK is used alone, with `kid`, and in a JWK Set.
pub fn the_public_jwk_as_a_secret(s: &Subject) -> Vec<Attempt> {
    let Some(jwk) = s.signer.public_jwk() else { return vec![] };
    let mut named = jwk.clone();
    if let Some(kid) = s.header.get("kid") {
        named["kid"] = kid.clone();
    }
    let set = json!({ "keys": [named] });
    by_public_secret(s, [&jwk, &named, &set].map(|jwk: &Value| jwk.to_string().into_bytes()))
}

/// Makes HMAC tokens whose secret is empty or easy to guess, for example the key id `kid`.
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
