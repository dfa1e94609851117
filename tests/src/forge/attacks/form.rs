//! Attacks on the format of a token. The attacks use ambiguous base64url, ambiguous JSON, excessive sizes, and deep
//! nesting.

use serde_json::{Value, json};

use crate::forge::subject::{refused, text};
use crate::forge::{Attempt, Subject, encode};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Returns copies of a token, in each of which one part is altered.
fn each_part(token: &str, alter: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let altered = (0..parts.len()).filter_map(|index| {
        let mut parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
        parts[index] = alter(&parts[index])?;
        Some(parts.join("."))
    });
    altered.collect()
}

/// Makes tokens with a different base64url encoding of the same bytes, in which unused bits of the last character are
/// set.
pub fn base64url_with_stray_bits(s: &Subject) -> Vec<Attempt> {
    // White space before a JSON object has no meaning. The added white space gives the parts of the tokens different
    // lengths.
    let tokens = (0..3).flat_map(|spaces| {
        let space = " ".repeat(spaces);
        let token = s.signed(format!("{space}{}", text(&s.header)), format!("{space}{}", text(&s.claims)));
        each_part(&token, |part| {
            let last = ALPHABET.iter().position(|one| Some(one) == part.as_bytes().last())?;
            // If the length of a part is a multiple of four, its last character has no unused bits.
            (part.len() % 4 != 0)
                .then(|| format!("{}{}", &part[..part.len() - 1], char::from(ALPHABET[last | 1])))
        })
    });
    refused("malformed", tokens)
}

/// Makes tokens with a part that ends with padding (`=` or `%3D`).
pub fn base64url_with_padding(s: &Subject) -> Vec<Attempt> {
    let padded = |part: &str| Some(format!("{part}{}", "=".repeat((4 - part.len() % 4).clamp(1, 2))));
    let mut tokens = each_part(&s.honest(), padded);
    tokens.extend(each_part(&s.honest(), |part| Some(format!("{part}%3D"))));
    refused("malformed", tokens)
}

/// Makes tokens in the standard Base64 alphabet, which has `+` and `/` instead of `-` and `_`.
pub fn base64_of_the_standard_alphabet(s: &Subject) -> Vec<Attempt> {
    let standard = |token: &str| token.replace('-', "+").replace('_', "/");
    let mut tokens = (0..).map(|n| s.claim("padding", n)).filter(|token| standard(token) != *token);
    refused("malformed", tokens.next().map(|token| standard(&token)))
}

/// Makes tokens with white space inside, before or after the token.
pub fn white_space(s: &Subject) -> Vec<Attempt> {
    let honest = s.honest();
    let mut tokens = Vec::new();
    for space in [" ", "\t", "\n", "\r\n", "\u{a0}", "\u{200b}", "\u{feff}"] {
        tokens.extend([format!("{space}{honest}"), format!("{honest}{space}")]);
        tokens.push(honest.replacen('.', &format!("{space}."), 1));
        tokens.push(honest.replacen('.', &format!(".{space}"), 1));
        tokens.push(format!("{}{space}{}", &honest[..10], &honest[10..]));
    }
    tokens.push(format!("Bearer {honest}"));
    refused("malformed", tokens)
}

/// Makes tokens that are followed by additional bytes.
pub fn trailing_bytes(s: &Subject) -> Vec<Attempt> {
    let honest = s.honest();
    let tails =
        [".", "..", ".e30", ".AAAA.AAAA", "\0", "%00", "%2e", ",", ";x=1", "\"", "#", "&access_token=x", "é"];
    // Additional base64url characters become additional bytes of the signature.
    let longer = ["AAAA", "AAAAAAAA"].map(|tail| format!("{honest}{tail}"));
    [refused("malformed", tails.map(|tail| format!("{honest}{tail}"))), refused("bad_signature", longer)]
        .concat()
}

/// Makes tokens with too few parts, too many parts, or empty parts.
pub fn parts_missing_or_empty(s: &Subject) -> Vec<Attempt> {
    let honest = s.honest();
    let parts: Vec<&str> = honest.split('.').collect();
    let [header, payload, signature] = parts[..] else { return vec![] };
    let malformed = [
        String::new(),
        ".".into(),
        "..".into(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!(".{header}.{payload}.{signature}"),
        format!("{header}..{payload}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
    ];
    let empty = [format!(".{payload}.{signature}"), format!("{header}..{signature}")];
    [refused("malformed", malformed), refused("json", empty)].concat()
}

/// Makes a token that consists only of dots, and a valid token that is followed by dots.
pub fn a_hundred_thousand_dots(s: &Subject) -> Vec<Attempt> {
    let dots = ".".repeat(100_000);
    refused("malformed", [dots.clone(), format!("{}{dots}", s.honest())])
}

pub fn a_header_of_a_megabyte(s: &Subject) -> Vec<Attempt> {
    refused("malformed", [s.header("kid", "k".repeat(1 << 20)), s.header("x", "y".repeat(1 << 20))])
}

/// Makes a token that is slightly longer than Pinlatch's limit of 8 KiB.
pub fn a_token_beyond_eight_kibibytes(s: &Subject) -> Vec<Attempt> {
    let longer = |more: usize| s.claim("padding", "p".repeat(more));
    let token = (6_000..).step_by(64).map(longer).find(|token| token.len() > 8 * 1024);
    refused("malformed", token)
}

/// Makes tokens with deeply nested arrays or objects in the header or the payload.
pub fn deeply_nested_json(s: &Subject) -> Vec<Attempt> {
    let lists = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let mut tokens = Vec::new();
    for deep in [lists(8), lists(127), lists(1_500), objects(8), objects(300)] {
        let within = |rest: &str| format!("{{\"deep\":{deep},{}", &rest[1..]);
        tokens.push(s.signed(within(&text(&s.header)), text(&s.claims)));
        tokens.push(s.signed(text(&s.header), within(&text(&s.claims))));
    }
    tokens.retain(|token| token.len() <= 8 * 1024);
    refused("json", tokens)
}

/// Makes tokens whose header or payload is not a JSON object.
pub fn json_that_is_no_object(s: &Subject) -> Vec<Attempt> {
    let (header, claims) = (text(&s.header), text(&s.claims));
    let mut tokens = Vec::new();
    for odd in ["null", "[]", "1", "\"text\"", "{", "{}}", " ", "{'alg':'none'}", "{\"alg\":\"none\",}"] {
        tokens.extend([s.signed(odd, &claims), s.signed(&header, odd)]);
    }
    for around in [
        |json: &str| format!("[{json}]"),
        |json: &str| format!("{json}{json}"),
        |json: &str| format!("\u{feff}{json}"),
    ] {
        tokens.extend([s.signed(around(&header), &claims), s.signed(&header, around(&claims))]);
    }
    let broken = |json: &str| [json.trim_end_matches('}').as_bytes(), b",\"x\":\"\xff\xfe\"}"].concat();
    tokens.extend([s.signed(broken(&header), &claims), s.signed(&header, broken(&claims))]);
    refused("json", tokens)
}

/// Makes tokens with a duplicate header member. The duplicate is the first or the last member, and its name can contain
/// JSON escapes.
pub fn a_header_member_twice(s: &Subject) -> Vec<Attempt> {
    let rest = text(&s.header);
    let inside = &rest[1..rest.len() - 1];
    let alg = s.signer.alg();
    let twice = [
        format!("{{\"alg\":\"none\",{inside}}}"),
        format!("{{{inside},\"alg\":\"none\"}}"),
        format!("{{{inside},\"alg\":\"{alg}\"}}"),
        format!("{{\"\\u0061lg\":\"none\",{inside}}}"),
        format!("{{{inside},\"\\u0061\\u006c\\u0067\":\"HS256\"}}"),
        format!("{{{inside},\"t\\u0079p\":\"JWT\"}}"),
        format!("{{{inside},\"x\":{{\"a\":1,\"a\":2}}}}"),
    ];
    refused("json", twice.map(|header| s.signed(header, text(&s.claims))))
}

/// Makes tokens with a duplicate claim in the payload.
pub fn a_claim_twice(s: &Subject) -> Vec<Attempt> {
    let rest = text(&s.claims);
    let inside = &rest[1..rest.len() - 1];
    let later = s.now + 30;
    let twice = [
        format!("{{\"exp\":{later},{inside}}}"),
        format!("{{{inside},\"exp\":{later}}}"),
        format!("{{{inside},\"\\u0065xp\":{later}}}"),
        format!("{{{inside},\"sub\":\"owner\"}}"),
        format!("{{{inside},\"\\u0073ub\":\"owner\"}}"),
        format!("{{{inside},\"x\":[{{\"a\":1,\"\\u0061\":2}}]}}"),
    ];
    refused("json", twice.map(|claims| s.signed(text(&s.header), claims)))
}

/// Makes tokens whose header member `crit` is invalid or contains unknown names (RFC 7515 §4.1.11).
pub fn crit_empty_null_or_unknown(s: &Subject) -> Vec<Attempt> {
    let odd = [
        json!([]),
        json!(null),
        json!(["exp"]),
        json!(["unknown"]),
        json!([""]),
        json!("exp"),
        json!({}),
        json!(true),
    ];
    refused("extension", odd.map(|crit| s.header("crit", crit)))
}

/// Makes tokens that use the option `b64` for an unencoded payload (RFC 7797).
pub fn b64_false(s: &Subject) -> Vec<Attempt> {
    let changes = |crit: bool| {
        let mut changes = s.header.clone();
        changes.insert("b64".into(), false.into());
        if crit {
            changes.insert("crit".into(), json!(["b64"]));
        }
        changes
    };
    let mut all = refused(
        "extension",
        [s.with_header(&changes(true)), s.with_header(&changes(false)), s.header("b64", true)],
    );
    let header = encode(text(&changes(true)));
    let signed = format!("{header}.{}", text(&s.claims));
    let token = format!("{signed}.{}", encode(s.signer.sign(&signed)));
    all.extend(refused("malformed", [token]));
    all
}

/// Makes tokens that declare a compressed payload (RFC 7516 §4.1.3). A compressed payload could have any size after
/// decompression.
pub fn zip_def(s: &Subject) -> Vec<Attempt> {
    refused("extension", ["DEF", "none", ""].map(|zip| s.header("zip", zip)))
}

/// Makes tokens in the flattened JSON serialisation (RFC 7515 §7.2.2).
pub fn the_flattened_json_serialisation(s: &Subject) -> Vec<Attempt> {
    let honest = s.honest();
    let parts: Vec<&str> = honest.split('.').collect();
    let flat = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] });
    let mut unprotected = flat.clone();
    unprotected["header"] = Value::Object(s.header.clone());
    refused("malformed", [flat.to_string(), unprotected.to_string(), encode(flat.to_string())])
}

/// Makes tokens in the general JSON serialisation (RFC 7515 §7.2.1).
pub fn the_general_json_serialisation(s: &Subject) -> Vec<Attempt> {
    let honest = s.honest();
    let parts: Vec<&str> = honest.split('.').collect();
    let signatures = json!([{ "protected": parts[0], "signature": parts[2] }]);
    let general = json!({ "payload": parts[1], "signatures": signatures });
    let none = json!({ "payload": parts[1], "signatures": [] });
    refused("malformed", [general.to_string(), none.to_string()])
}
