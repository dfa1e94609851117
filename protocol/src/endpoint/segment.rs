//! Reads and writes the parameters in the path of a request (RFC 3986 §3.3).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::name::{Name, UserName};

/// The characters that are encoded in a parameter. The characters `@` and `+`, which user names contain, have no other
/// meaning in a path.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@').remove(b'+');

/// A type of path parameters.
pub(super) trait Parameter: Sized {
    /// Returns the parameter's value from the decoded text of its segment.
    fn read(text: String) -> Option<Self>;
}

impl Parameter for Name {
    fn read(text: String) -> Option<Self> {
        Self::new(text).ok()
    }
}

impl Parameter for UserName {
    fn read(text: String) -> Option<Self> {
        Self::new(text).ok()
    }
}

impl Parameter for String {
    fn read(text: String) -> Option<Self> {
        (!text.is_empty()).then_some(text)
    }
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// Returns the decoded values of the template's parameters, in order, if the path matches the template.
pub(super) fn values(template: &str, path: &str) -> Option<std::vec::IntoIter<String>> {
    let mut found = Vec::new();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        if is_parameter(expected) {
            found.push(percent_decode_str(segment).decode_utf8().ok()?.into_owned());
        } else if segment != expected {
            return None;
        }
    }
    segments.next().is_none().then(|| found.into_iter())
}

/// Replaces the template's parameters by their values, in order.
pub(super) fn fill(template: &str, values: &[&str]) -> String {
    let mut values = values.iter();
    let segments: Vec<String> = template
        .split('/')
        .map(|segment| match is_parameter(segment) {
            true => utf8_percent_encode(values.next().unwrap_or(&""), ENCODED).to_string(),
            false => segment.to_owned(),
        })
        .collect();
    segments.join("/")
}
