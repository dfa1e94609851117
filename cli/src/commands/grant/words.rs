//! Describes the lines and the dates of a grant in words.

use pinlatch_protocol::scope::{Pattern, Scope, ScopeSet};

use crate::terminal::colour::Tone;

/// Returns one sentence part for each scope, such as `read and pulse the line door of the device porch`.
pub fn sentences(scope: &ScopeSet) -> Vec<String> {
    scope.iter().map(sentence).collect()
}

fn sentence(scope: &Scope) -> String {
    let Scope::Line { device, line, verb } = scope else { return scope.to_string() };
    // Every verb includes `read`.
    let action = match verb {
        None => "do every action on".to_owned(),
        Some("read") => "read".to_owned(),
        Some(verb) => format!("read and {verb}"),
    };
    let line = match line {
        Pattern::Any => "every line".to_owned(),
        Pattern::One(line) => format!("the line {line}"),
    };
    match device {
        Pattern::Any => format!("{action} {line} of every device, including devices that you enrol later"),
        Pattern::One(device) => format!("{action} {line} of the device {device}"),
    }
}

/// Returns the scopes without the prefix that all scopes of a grant have, such as `porch/door:pulse porch/*:read`.
pub fn short(scope: &ScopeSet) -> String {
    let texts = scope.iter().map(|scope| {
        let text = scope.to_string();
        text.strip_prefix("line:").map(str::to_owned).unwrap_or(text)
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// Describes, in one or two words, whether the dates of a grant include `now`, in seconds of Unix time.
pub fn validity(not_before: u64, expires: u64, now: u64) -> (Tone, &'static str) {
    if expires <= now {
        (Tone::Faint, "expired")
    } else if not_before > now {
        (Tone::Warning, "not yet")
    } else {
        (Tone::Good, "valid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_a_sentence() {
        for (scope, sentence, brief) in [
            ("line:porch/door:pulse", "read and pulse the line door of the device porch", "porch/door:pulse"),
            ("line:porch/*:read", "read every line of the device porch", "porch/*:read"),
            (
                "line:*/door:*",
                "do every action on the line door of every device, including devices that you enrol later",
                "*/door:*",
            ),
        ] {
            let scope = scope.parse().unwrap();
            assert_eq!(sentences(&scope), [sentence]);
            assert_eq!(short(&scope), brief);
        }
    }

    #[test]
    fn a_grant_is_invalid_at_its_expiry() {
        let state = |now| validity(100, 200, now).1;
        assert_eq!((state(99), state(100), state(199), state(200)), ("not yet", "valid", "valid", "expired"));
    }
}
