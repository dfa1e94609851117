//! This module defines the macro for enums whose variants have a fixed text on the wire and in the database.

/// Defines an enum with one text per variant. Serde, `as_str` and `from_word` use the same text.
macro_rules! wire_enum {
    ($(#[doc = $about:literal])+ pub enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $word:tt,)* }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[doc = $doc])+ #[serde(rename = $word)] $variant,)* }

        #[cfg(test)]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": concat!($($about, "\n",)+ $("\n", "`", $word, "`:", $($doc, "\n",)+)*),
                    "type": "string",
                    "enum": [$($word,)*],
                })
            }
        }

        impl $name {
            /// All variants, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the text of the variant, as used in messages and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Returns the variant with the given text.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|variant| variant.as_str() == word)
            }
        }
    };
}

pub(crate) use wire_enum;

#[cfg(test)]
mod tests {
    use crate::admin::TokenKind;
    use crate::command::{CommandStatus, SenderKind};
    use crate::line::LineKind;
    use crate::scope::Role;
    use serde_json::{from_value, json};

    #[test]
    fn serde_and_the_functions_use_the_same_text() {
        macro_rules! check {
            ($($name:ident)*) => { $(
                for variant in $name::ALL {
                    assert_eq!(json!(variant), variant.as_str());
                    assert_eq!(from_value::<$name>(json!(variant.as_str())).unwrap(), *variant);
                    assert_eq!($name::from_word(variant.as_str()), Some(*variant));
                }
                assert_eq!($name::from_word(""), None);
            )* };
        }
        check!(TokenKind CommandStatus SenderKind LineKind Role);
    }
}
