//! Attacks on the time claims `exp`, `iat` and `nbf`. The times are missing, malformed, in the past or in the future.

use serde_json::{Value, json};

use crate::forge::subject::{refused, text};
use crate::forge::{Attempt, Object, Subject};

const TIMES: [&str; 3] = ["exp", "iat", "nbf"];

/// Makes one token for each time claim and each value, in which the time claim has this value.
fn each(s: &Subject, values: &[Value]) -> Vec<Attempt> {
    let tokens = TIMES.iter().flat_map(|name| values.iter().map(|value| s.claim(name, value.clone())));
    refused("bad_claim", tokens)
}

/// Works like `each`, but inserts the values as raw JSON text, because `serde_json::Value` cannot represent them.
fn each_spelt(s: &Subject, code: &'static str, spellings: &[&str]) -> Vec<Attempt> {
    let tokens = TIMES.iter().flat_map(|name| {
        let mut rest = s.claims.clone();
        rest.remove(*name);
        let rest = text(&rest);
        spellings.iter().map(move |spelling| {
            let claims = format!("{{\"{name}\":{spelling},{}", &rest[1..]);
            s.signed(text(&s.header), claims)
        })
    });
    refused(code, tokens)
}

fn times(s: &Subject, iat: u64, exp: u64) -> String {
    s.with_claims(&Object::from_iter([("iat".into(), iat.into()), ("exp".into(), exp.into())]))
}

/// Makes tokens whose times are strings that contain numbers or dates.
pub fn times_as_strings(s: &Subject) -> Vec<Attempt> {
    let later = s.now + 60;
    each(
        s,
        &[
            json!(later.to_string()),
            json!(""),
            json!("never"),
            json!("2999-01-01T00:00:00Z"),
            json!("0x7fffffff"),
        ],
    )
}

/// Makes tokens whose times have a fraction or are written with a decimal point.
pub fn times_as_floats(s: &Subject) -> Vec<Attempt> {
    let later = s.now + 60;
    each_spelt(s, "bad_claim", &[&format!("{later}.5"), &format!("{later}.0"), "1.79e9", "0.1", "-0.0"])
}

/// Makes tokens whose times are before 1970.
pub fn times_below_zero(s: &Subject) -> Vec<Attempt> {
    each_spelt(s, "bad_claim", &["-1", "-0", "-9223372036854775808", "-1e300"])
}

/// Makes tokens whose times are so large that libraries saturate or overflow.
pub fn times_beyond_all_clocks(s: &Subject) -> Vec<Attempt> {
    each_spelt(
        s,
        "bad_claim",
        &[
            "1e300",
            "1e19",
            "18446744073709551615",
            "18446744073709551616",
            "9223372036854775808",
            "9007199254740992",
        ],
    )
}

/// Makes tokens whose times are numbers that JSON does not allow, or a number outside the range of a 64-bit float.
pub fn times_that_are_no_json(s: &Subject) -> Vec<Attempt> {
    each_spelt(
        s,
        "json",
        &["1e999", "NaN", "Infinity", "-Infinity", "0x10", "01790000000", "+1", "1_000", ""],
    )
}

/// Makes tokens whose times are not numbers.
pub fn times_of_other_types(s: &Subject) -> Vec<Attempt> {
    each(
        s,
        &[json!(null), json!(true), json!([]), json!([s.now + 60]), json!({}), json!({ "exp": s.now + 60 })],
    )
}

pub fn no_exp(s: &Subject) -> Vec<Attempt> {
    refused("missing_claim", [s.without_claim("exp")])
}

pub fn no_iat(s: &Subject) -> Vec<Attempt> {
    refused("missing_claim", [s.without_claim("iat")])
}

/// Makes a token whose `exp` is the current second. Such a token has expired, because RFC 7519 §4.1.4 rejects a token
/// "on or after" `exp`.
pub fn exp_of_this_second(s: &Subject) -> Vec<Attempt> {
    if !s.has_clock() {
        return vec![];
    }
    let end = s.now - s.leeway();
    refused("expired", [times(s, end - 30, end)])
}

pub fn exp_long_ago(s: &Subject) -> Vec<Attempt> {
    if !s.has_clock() {
        return vec![];
    }
    refused("expired", [times(s, s.now - 86_400, s.now - 86_390), times(s, 0, 1)])
}

/// Makes tokens whose lifetime is zero or negative.
pub fn exp_not_after_iat(s: &Subject) -> Vec<Attempt> {
    let iat = s.now - 1;
    refused("bad_claim", [times(s, iat, iat), times(s, iat, iat - 1), times(s, iat, 0)])
}

/// Makes tokens whose lifetime is longer than the limit for their kind.
pub fn a_life_too_long(s: &Subject) -> Vec<Attempt> {
    let iat = s.now - 1;
    let most = (1 << 53) - 1;
    refused("too_long_lived", [times(s, iat, iat + s.max_life + 1), times(s, 0, most)])
}

/// Makes tokens whose `iat` is ten minutes or a day in the future.
pub fn iat_in_the_future(s: &Subject) -> Vec<Attempt> {
    if !s.has_clock() {
        return vec![];
    }
    let later = s.now + 600;
    refused("not_yet_valid", [times(s, later, later + 30), times(s, s.now + 86_400, s.now + 86_430)])
}

/// Makes tokens whose `nbf` is ten minutes or a day in the future.
pub fn nbf_in_the_future(s: &Subject) -> Vec<Attempt> {
    if !s.has_clock() {
        return vec![];
    }
    refused("not_yet_valid", [s.claim("nbf", s.now + 600), s.claim("nbf", s.now + 86_400)])
}
