//! This module recognises characters that a person cannot see, or that change the direction of the text around them.
//! A text with such characters can look like another text. It also recognises texts in base64url, which have only
//! visible characters.

use std::ops::RangeInclusive;

/// Returns whether a character is a control character, is invisible, or changes the direction of text. An ordinary
/// space and the joiners of scripts in combined letters (variation selectors) are not invisible in this sense.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // The soft hyphen, joiners without a width, and fillers of the Hangul and Khmer scripts.
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{3164}' | '\u{ffa0}'
            // The direction marks, and the spaces without a width between them.
            | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            // The controls of shorthands, of musical notes and of hieroglyphs.
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // The tags, which can hide a whole sentence in one word.
            | '\u{e0000}'..='\u{e007f}')
}

/// Returns a text without the characters of [`is_unseen`], and without spaces at the start and the end.
#[must_use]
pub fn seen(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !is_unseen(*c)).collect();
    shown.trim().to_owned()
}

/// Returns whether a text has only the characters of base64url (RFC 4648 §5) without padding, and a permitted length.
#[must_use]
pub fn is_base64url(text: &str, length: RangeInclusive<usize>) -> bool {
    length.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_has_no_padding_and_a_limited_length() {
        for valid in ["abc", "A-_9z"] {
            assert!(is_base64url(valid, 3..=5), "{valid}");
        }
        for invalid in ["", "ab", "abcdef", "abc=", "ab+c", "ab/c", "ab c", "abé", "ab\n", "a.b"] {
            assert!(!is_base64url(invalid, 3..=5), "{invalid}");
        }
    }

    /// The marks that Unicode's rules for source code name (UTS #55), and other characters without a shape.
    const UNSEEN: &str = "\u{0}\u{1b}\u{7f}\u{9b}\u{ad}\u{61c}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\
        \u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2060}\u{2064}\u{2066}\u{2067}\u{2068}\u{2069}\u{206f}\u{3164}\u{feff}\
        \u{fff9}\u{1d173}\u{e0001}\u{e0041}\u{e007f}";

    #[test]
    fn what_a_person_cannot_see_is_known() {
        for c in UNSEEN.chars() {
            assert!(is_unseen(c), "{c:?}");
        }
        for c in " aZ0°%é鍵ا我ü²\u{a0}\u{300}\u{fe0f}😀".chars() {
            assert!(!is_unseen(c), "{c:?}");
        }
    }

    #[test]
    fn a_text_keeps_what_can_be_seen() {
        assert_eq!(seen("\u{200e}°C\u{202c} "), "°C");
        assert_eq!(seen(UNSEEN), "");
        assert_eq!(seen("m/s²"), "m/s²");
    }
}
