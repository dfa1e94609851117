//! Compares a thumbprint that a person gives with a key, for example the thumbprint on a device with the key that the
//! edge names.

use anyhow::Result;
use pinlatch_protocol::name::Name;
use pinlatch_token::{PublicKey, THUMBPRINT, is_thumbprint};

use crate::explained::refused;

/// Compares the thumbprint that the owner gives with the key that the edge names. `previous` is the thumbprint of another
/// key that the owner confirmed earlier.
pub fn compare(given: &str, key: &PublicKey, name: &Name, previous: Option<&str>) -> Result<()> {
    let text = given.trim();
    // A person can copy the whole line of `pinlatch-agent status`.
    let text = text.strip_prefix("key ").unwrap_or(text).trim();
    if text == "null" {
        return Err(refused(
            "no_thumbprint",
            "the device reports no key: update its agent, and check that the device is enrolled. Nothing was signed",
        ));
    }
    require_equal(text, key.thumbprint(), || differs(text, key.thumbprint(), name, previous))
}

/// Returns an error unless `given` is the whole expected thumbprint. `differs` explains a thumbprint of another key.
pub fn require_equal(given: &str, expected: &str, differs: impl FnOnce() -> String) -> Result<()> {
    if given == expected {
        return Ok(());
    }
    let (code, reason) = if given.is_empty() {
        ("no_thumbprint", "no thumbprint was given".into())
    } else if expected.starts_with(given) {
        (
            "incomplete_thumbprint",
            format!(
                "the thumbprint is incomplete: it has {} of {THUMBPRINT} characters. \
                 The beginning of a thumbprint proves nothing",
                given.len()
            ),
        )
    } else if !is_thumbprint(given) {
        // The text is not shown, because it can be a password that was pasted by mistake.
        (
            "not_a_thumbprint",
            format!("the answer is not a thumbprint, which has {THUMBPRINT} letters, digits, `-` and `_`"),
        )
    } else {
        ("thumbprint_differs", differs())
    };
    Err(refused(code, format!("{reason}. Nothing was signed")))
}

fn differs(given: &str, named: &str, name: &Name, previous: Option<&str>) -> String {
    let cause = if previous == Some(given) {
        "The device still has the key that you confirmed, so the edge names a key that is not the device's"
    } else {
        "Either someone is between the edge and the device, or the device was enrolled again in the meantime"
    };
    format!(
        "the key of the device differs from the key that the edge names for {name}. The device has {given}, \
         the edge names {named}. {cause}. Do not confirm the device. Check that you ran `pinlatch-agent status` on the \
         right device, and run this command again. If the keys still differ, find out who has access to the edge \
         before you enrol the device again with `pinlatch device enrol {name}`"
    )
}

#[cfg(test)]
mod tests {
    use pinlatch_token::SigningKey;

    use super::*;
    use crate::explained::Refused;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn code(result: Result<()>) -> (&'static str, String) {
        let error = result.unwrap_err();
        let Refused { code, reason } = error.downcast_ref().unwrap();
        (code, reason.clone())
    }

    #[test]
    fn only_the_whole_thumbprint_confirms_a_key() {
        let (key, other) = (SigningKey::generate().public(), SigningKey::generate().public());
        let given = |text: &str| compare(text, &key, &name("porch"), None);
        let thumbprint = key.thumbprint();
        assert_eq!(thumbprint.len(), THUMBPRINT);
        for right in [thumbprint, &format!("  {thumbprint}\r\n"), &format!("key       {thumbprint}\n")] {
            assert!(given(right).is_ok(), "{right}");
        }
        for (wrong, expected) in [
            ("", "no_thumbprint"),
            (" \n", "no_thumbprint"),
            ("null\n", "no_thumbprint"),
            (&thumbprint[..42], "incomplete_thumbprint"),
            (&thumbprint[..1], "incomplete_thumbprint"),
            ("Thumbprint on the device (empty to cancel):", "not_a_thumbprint"),
            ("key", "not_a_thumbprint"),
            (&format!("{thumbprint}{thumbprint}"), "not_a_thumbprint"),
            (&format!("{thumbprint} {thumbprint}"), "not_a_thumbprint"),
            (other.thumbprint(), "thumbprint_differs"),
            (&thumbprint.to_ascii_uppercase(), "thumbprint_differs"),
        ] {
            let (code, reason) = code(given(wrong));
            assert_eq!(code, expected, "{wrong}");
            assert!(reason.contains("Nothing was signed"), "{reason}");
        }
        let (_, reason) = code(given("hunter2 and more"));
        assert!(!reason.contains("hunter2"), "a password is not repeated: {reason}");
    }

    #[test]
    fn a_difference_says_whether_the_device_kept_the_confirmed_key() {
        let (key, device) = (SigningKey::generate().public(), SigningKey::generate().public());
        let mismatch =
            |previous: Option<&str>| code(compare(device.thumbprint(), &key, &name("porch"), previous)).1;
        let text = mismatch(None);
        for part in [device.thumbprint(), key.thumbprint(), "Do not confirm", "device enrol porch"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = mismatch(Some(device.thumbprint()));
        assert!(text.contains("still has the key that you confirmed"), "{text}");
    }
}
