//! Collects the errors of a configuration file.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use pinlatch_protocol::name::Name;
use toml::Spanned;

use super::super::settings::{Issue, place as place_of};

pub(super) struct Checker<'a> {
    pub(super) text: &'a str,
    pub(super) issues: Vec<Issue>,
}

impl Checker<'_> {
    pub(super) fn add(&mut self, code: &'static str, span: Option<Range<usize>>, message: impl Into<String>) {
        let at = span.map(|span| place_of(self.text, span.start));
        self.issues.push(Issue { code, at, message: message.into() });
    }

    /// Reports an error if a key is set that is not allowed for this line.
    pub(super) fn only<T>(&mut self, key: &str, value: &Option<Spanned<T>>, fits: bool, place: &str) {
        if let Some(value) = value
            && !fits
        {
            self.add("config_conflict", Some(value.span()), format!("`{key}` is allowed only for {place}"));
        }
    }

    /// Returns the number of a key and reports an error if the number is out of range.
    pub(super) fn number<T: PartialOrd + Copy + std::fmt::Display>(
        &mut self,
        key: &str,
        value: Option<&Spanned<T>>,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let value = value?;
        let number = *value.get_ref();
        if !range.contains(&number) {
            let (least, most) = range.into_inner();
            let message = format!("`{key}` is {number}, but must be from {least} to {most}");
            self.add("config_value", Some(value.span()), message);
        }
        Some(number)
    }

    pub(super) fn millis(
        &mut self,
        key: &str,
        value: Option<&Spanned<u32>>,
        range: RangeInclusive<u32>,
    ) -> Option<Duration> {
        self.number(key, value, range).map(|number| Duration::from_millis(number.into()))
    }

    pub(super) fn name(&mut self, name: &Spanned<String>) -> Option<Name> {
        match Name::new(name.get_ref().as_str()) {
            Ok(checked) => Some(checked),
            Err(error) => {
                self.add("config_name", Some(name.span()), format!("{:?}: {error}", name.get_ref()));
                None
            }
        }
    }
}
