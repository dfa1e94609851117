//! Prints the results and errors of commands. All text except the output of [`print_verbatim`] and [`say`] is prepared
//! for terminals: text from unknown people cannot control the terminal.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Error, Result};
use pinlatch_token::KeyError;
use serde::Serialize;
use serde_json::json;

use crate::explained::problem;
use crate::terminal::colour::{Tone, for_stderr, for_stdout, paint};
use crate::terminal::text::plain;

/// The beginning of each error.
const OWN: &str = "pinlatch:";

/// Prints the result of a command: the document with --json, otherwise the text.
pub fn print(json: bool, document: &impl Serialize, text: &str) -> Result<()> {
    if json { say_json(document) } else { say(&for_stdout(text)) }
}

/// Prints the result of a command in the same way as [`print`], but without any change to the text. This function is
/// for texts that programs read, such as tokens and scripts.
pub fn print_verbatim(json: bool, document: &impl Serialize, text: &str) -> Result<()> {
    if json { say_json(document) } else { say(text) }
}

/// Prints a negative result: the document on stdout with --json, otherwise the sentence on stderr. `mark` is the
/// beginning of the sentence, which has the colour of a failure.
pub fn print_refusal(json: bool, document: &impl Serialize, mark: &str, sentence: &str) -> Result<()> {
    if json {
        return say_json(document);
    }
    complain(Tone::Bad, mark, sentence);
    Ok(())
}

/// Prints an error. `other` is the code of an error that is neither a problem nor a refused key.
pub fn print_error(json: bool, error: &Error, other: &str) {
    let reason = format!("{error:#}");
    let key = error.downcast_ref().map(KeyError::code);
    let sentence = match key {
        Some(code) => format!("key refused ({code}): {reason}"),
        None => reason.clone(),
    };
    let printed = match (problem(error), key) {
        (Some(problem), _) => print_refusal(json, problem, OWN, &sentence),
        (None, Some(code)) => {
            print_refusal(json, &json!({ "error": "key", "code": code, "reason": reason }), OWN, &sentence)
        }
        (None, None) => print_refusal(json, &json!({ "error": other, "reason": reason }), OWN, &sentence),
    };
    if printed.is_err() {
        complain(Tone::Bad, OWN, &sentence);
    }
}

/// Prints a warning on stderr.
pub fn warn(sentence: &str) {
    complain(Tone::Warning, "pinlatch: warning:", sentence);
}

/// Prints a text on stderr that is neither a warning nor an error.
pub fn note(text: &str) {
    eprintln!("{}", for_stderr(text));
}

fn complain(tone: Tone, mark: &str, sentence: &str) {
    eprintln!("{} {}", for_stderr(&paint(tone, mark)), for_stderr(&plain(sentence)));
}

/// Writes the text to stdout in one call. With several calls, a reader such as `head -1` could close the pipe before
/// the text is complete. Returns an error if the write fails, because a command whose output is lost must not report
/// success.
pub fn say(text: &str) -> Result<()> {
    let text = format!("{}\n", text.trim_end());
    std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write to stdout")
}

/// Writes one JSON document to stdout.
pub fn say_json(document: &impl Serialize) -> Result<()> {
    say(&plain(&serde_json::to_string(document)?))
}

/// Returns whether the error is a broken pipe. A broken pipe means that the program that reads our stdout, such as
/// `head`, has exited.
pub fn is_unread(error: &Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_known_through_its_context() {
        let error = std::io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_unread(&Error::new(error).context("cannot write to stdout")));
        assert!(!is_unread(&anyhow::anyhow!("something else")));
    }
}
