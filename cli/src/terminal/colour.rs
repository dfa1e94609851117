//! Colours text on terminals. Colours only repeat the meaning of words, so every text is complete without colours.

use std::io::{Stderr, Stdout, stderr, stdout};

use anstream::AutoStream;
use anstyle::{AnsiColor, Reset, Style};
use clap::ColorChoice;

use crate::terminal::text::escape;

/// The meaning of a text, from which its colour follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    #[default]
    Plain,
    /// A success, or a device that is online.
    Good,
    /// A GPIO line that is on.
    On,
    Warning,
    /// A failure, a refusal, or a device that is offline.
    Bad,
    /// A text of less importance, such as an expired token or the head of a table.
    Faint,
}

impl Tone {
    const ALL: [Self; 6] = [Self::Plain, Self::Good, Self::On, Self::Warning, Self::Bad, Self::Faint];

    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::On => AnsiColor::Yellow.on_default().bold(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

/// Sets when text is coloured: always, never, or only on terminals. With `auto`, the variables `NO_COLOR`,
/// `CLICOLOR_FORCE`, `CLICOLOR` and `TERM` also count.
pub fn choose(choice: ColorChoice) {
    match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Marks a text with the colour of its meaning. [`for_stdout`] and [`for_stderr`] remove the colour if necessary.
pub fn paint(tone: Tone, text: &str) -> String {
    let style = tone.style();
    format!("{style}{text}{style:#}")
}

/// Prepares a text for stdout: escapes everything that could control the terminal, except line breaks and the colours
/// of [`paint`].
pub fn for_stdout(text: &str) -> String {
    prepared(text, AutoStream::<Stdout>::choice(&stdout()) != anstream::ColorChoice::Never)
}

/// Prepares a text for stderr in the same way as [`for_stdout`].
pub fn for_stderr(text: &str) -> String {
    prepared(text, AutoStream::<Stderr>::choice(&stderr()) != anstream::ColorChoice::Never)
}

fn prepared(mut text: &str, coloured: bool) -> String {
    let mut marks: Vec<String> = Tone::ALL.iter().map(|tone| tone.style().render().to_string()).collect();
    marks.push(Reset.render().to_string());
    marks.retain(|mark| !mark.is_empty());
    let mut shown = String::with_capacity(text.len());
    while let Some(c) = text.chars().next() {
        let mark =
            (c == '\u{1b}').then(|| marks.iter().find(|mark| text.starts_with(mark.as_str()))).flatten();
        let length = mark.map_or(c.len_utf8(), String::len);
        match mark {
            Some(mark) if coloured => shown.push_str(mark),
            Some(_) => {}
            None if c == '\n' => shown.push(c),
            None => escape(c, &mut shown),
        }
        text = text.get(length..).unwrap_or_default();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_colours_reach_a_terminal() {
        let text = format!("{}\n\u{1b}[2J\u{1b}[32;5mx", paint(Tone::Good, "online"));
        assert_eq!(prepared(&text, true), "\u{1b}[32monline\u{1b}[0m\n\\u001b[2J\\u001b[32;5mx");
        assert_eq!(prepared(&text, false), "online\n\\u001b[2J\\u001b[32;5mx");
        assert_eq!(paint(Tone::Plain, "x"), "x");
    }

    #[test]
    fn every_tone_but_plain_has_a_colour() {
        for tone in Tone::ALL.into_iter().filter(|tone| *tone != Tone::Plain) {
            let painted = paint(tone, "text");
            assert!(painted.starts_with('\u{1b}') && painted.ends_with("text\u{1b}[0m"), "{tone:?}");
            assert_eq!(prepared(&painted, false), "text", "{tone:?}");
            assert_eq!(prepared(&painted, true), painted, "{tone:?}");
        }
    }
}
