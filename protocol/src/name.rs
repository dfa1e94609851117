//! This module defines the valid names of sites, devices, lines and people.
//!
//! Names are used in URLs, scopes, tags and file names. A name therefore contains only characters that need no escaping
//! in URLs, scopes, tags and file names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum length of a [`Name`], in bytes.
pub const MAX_NAME: usize = 40;

/// The maximum length of a [`UserName`], in bytes.
pub const MAX_USER_NAME: usize = 64;

/// The reason why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a name must not be empty")]
    Empty,
    /// The text is too long. The field contains the maximum length, in bytes.
    #[error("a name must not have more than {0} characters")]
    TooLong(usize),
    /// The text contains a character that is not allowed in the name.
    #[error("the character {0:?} is not allowed in a name")]
    Character(char),
    /// The first character of the text is not a letter or digit.
    #[error("a name must start with a letter or a digit")]
    Start,
}

/// The name of a site, a device or a GPIO line. A name contains only `a`–`z`, `0`–`9`, `-` and `_`. A name starts with
/// a letter or digit and has at most [`MAX_NAME`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// The name with which a person logs in. A user name follows the rules of [`Name`], but can also contain `.`, `@` and
/// `+`. A user name has at most [`MAX_USER_NAME`] bytes. Upper case letters are converted to lower case, so `Ann` and
/// `ann` are the same person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

fn check(text: &str, most: usize, extra: &str) -> Result<(), NameError> {
    let first = text.chars().next().ok_or(NameError::Empty)?;
    if text.len() > most {
        return Err(NameError::TooLong(most));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if let Some(odd) = text.chars().find(|&c| !(plain(c) || c == '-' || c == '_' || extra.contains(c))) {
        return Err(NameError::Character(odd));
    }
    if plain(first) { Ok(()) } else { Err(NameError::Start) }
}

/// Converts a text to a valid name that resembles the text: lower-case letters, without accents, and with `-` between
/// words. The result is empty if the text contains no letter or digit that a name can contain.
fn resembling(text: &str, most: usize, extra: &str) -> String {
    let mut name = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        let plain = match c {
            'ä' | 'æ' => "ae",
            'ö' | 'ø' | 'œ' => "oe",
            'ü' => "ue",
            'ß' => "ss",
            'à' | 'á' | 'â' | 'ã' | 'å' | 'ą' => "a",
            'ç' | 'ć' | 'č' => "c",
            'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' => "e",
            'ì' | 'í' | 'î' | 'ï' => "i",
            'ł' => "l",
            'ñ' | 'ń' | 'ň' => "n",
            'ò' | 'ó' | 'ô' | 'õ' => "o",
            'ř' => "r",
            'ś' | 'š' | 'ş' => "s",
            'ù' | 'ú' | 'û' | 'ů' => "u",
            'ý' | 'ÿ' => "y",
            'ź' | 'ż' | 'ž' => "z",
            'a'..='z' | '0'..='9' | '_' => "",
            _ if extra.contains(c) => "",
            _ => "-",
        };
        match plain {
            "" => name.push(c),
            "-" if name.is_empty() || name.ends_with('-') => {}
            plain => name.push_str(plain),
        }
    }
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    name.get(..most).unwrap_or(name).trim_end_matches('-').to_owned()
}

impl Name {
    /// Returns a valid name that resembles the text, for example `garten-haus` for `Garten Haus`.
    pub fn resembling(text: &str) -> Option<Self> {
        Self::new(resembling(text, MAX_NAME, "")).ok()
    }

    /// Validates a text as a name.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        check(&text, MAX_NAME, "")?;
        Ok(Self(text))
    }
}

impl UserName {
    /// Returns a valid user name that resembles the text, for example `ann-smith` for `Ann Smith`.
    pub fn resembling(text: &str) -> Option<Self> {
        Self::new(resembling(text, MAX_USER_NAME, ".@+")).ok()
    }

    /// Converts a text to lower case and validates the text as a user name.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let mut text = text.into();
        text.make_ascii_lowercase();
        check(&text, MAX_USER_NAME, ".@+")?;
        Ok(Self(text))
    }
}

macro_rules! text_type {
    ($type:ident) => {
        impl $type {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
        impl std::str::FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}
text_type!(Name);
text_type!(UserName);

/// The schemas in the OpenAPI document.
#[cfg(test)]
pub(crate) mod schemas {
    use schemars::json_schema;

    use super::{MAX_NAME, MAX_USER_NAME, Name, UserName};

    /// Returns the pattern of a name.
    pub(crate) fn pattern() -> String {
        format!("[a-z0-9][a-z0-9_-]{{0,{}}}", MAX_NAME - 1)
    }

    crate::schema::schemas! {
        Name = |_| json_schema!({
            "description": "The name of a site, a device or a GPIO line.",
            "type": "string",
            "pattern": format!("^{}$", pattern()),
            "examples": ["porch"],
        });

        UserName = |_| json_schema!({
            "description": "The name with which a person logs in. Upper-case letters are converted to lower case.",
            "type": "string",
            "pattern": format!("^[A-Za-z0-9][A-Za-z0-9_.@+-]{{0,{}}}$", MAX_USER_NAME - 1),
            "examples": ["ann@example.org"],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_urls_and_scopes_can_hold() {
        assert!(Name::new("front-door_2").is_ok());
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert_eq!(Name::new("-door"), Err(NameError::Start));
        assert_eq!(Name::new("Door"), Err(NameError::Character('D')));
        assert_eq!(Name::new("a/b"), Err(NameError::Character('/')));
        assert_eq!(Name::new("dоor"), Err(NameError::Character('о')), "a Cyrillic look-alike");
        assert_eq!(Name::new("x".repeat(41)), Err(NameError::TooLong(40)));
    }

    #[test]
    fn a_name_is_suggested_for_a_text_that_is_none() {
        for (text, name) in [
            ("Garten Haus", "garten-haus"),
            ("  Büro (2. Stock) ", "buero-2-stock"),
            ("Café – Straße", "cafe-strasse"),
            ("_shed", "shed"),
            ("front-door_2", "front-door_2"),
        ] {
            assert_eq!(Name::resembling(text).map(String::from).as_deref(), Some(name), "{text}");
        }
        assert_eq!(Name::resembling("дом"), None);
        assert_eq!(Name::resembling(""), None);
        let long = Name::resembling(&"x y".repeat(40)).unwrap();
        assert!(long.as_str().len() <= MAX_NAME, "{long}");
        assert_eq!(UserName::resembling("Ann Smith!").unwrap().as_str(), "ann-smith");
        assert_eq!(UserName::resembling("Ann@Example.org").unwrap().as_str(), "ann@example.org");
    }

    #[test]
    fn a_user_name_folds_case() {
        assert_eq!(UserName::new("Ann@Example.org").unwrap().as_str(), "ann@example.org");
        assert_eq!(UserName::new("ann:x"), Err(NameError::Character(':')));
    }
}
