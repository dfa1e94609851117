//! Prints the results and errors of commands. No other module writes to stdout or stderr, so every text is prepared for
//! terminals here: text from the edge, a device, a token or an issuer cannot control the terminal. Only the scripts and
//! manual pages of `pinlatch` itself are printed without a change ([`print_own`]).

use std::io::{ErrorKind, Write};

use anyhow::{Context, Error, Result};
use pinlatch_token::KeyError;
use serde::Serialize;
use serde_json::json;

use crate::explained::{Refused, problem};
use crate::terminal::colour::{Tone, for_stderr, for_stdout, paint};
use crate::terminal::text::plain;

/// The beginning of each error.
const OWN: &str = "pinlatch:";

/// Prints the result of a command: the document with --json, otherwise the text.
pub fn print(json: bool, document: &impl Serialize, text: &str) -> Result<()> {
    if json { say_json(document) } else { say(&for_stdout(text)) }
}

/// Prints the result of a command in the same way as [`print`], but without any change to the text. The text is a script
/// or a manual page that `pinlatch` itself has generated.
pub fn print_own(json: bool, document: &impl Serialize, text: &str) -> Result<()> {
    if json { say_json(document) } else { say(text) }
}

/// Prints a token or a link for a program that reads stdout: the document with --json, otherwise only the token or link
/// on one line. A valid token or link contains no character that is escaped.
pub fn print_token(json: bool, document: &impl Serialize, token: &str) -> Result<()> {
    if json { say_json(document) } else { say(&plain(token)) }
}

/// Prints a JSON document that the edge has sent, on one line.
pub fn print_json_line(line: &str) -> Result<()> {
    say(&plain(line))
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

/// Prints an error. `other` is the code of an error that has no code of its own.
pub fn print_error(json: bool, error: &Error, other: &str) {
    let reason = format!("{error:#}");
    let key = error.downcast_ref().map(KeyError::code);
    let sentence = match key {
        Some(code) => format!("key refused ({code}): {reason}"),
        None => reason.clone(),
    };
    let document = match (error.downcast_ref(), key) {
        (Some(Refused { code, reason }), _) => json!({ "error": "refused", "code": code, "reason": reason }),
        (None, Some(code)) => json!({ "error": "key", "code": code, "reason": reason }),
        (None, None) => json!({ "error": other, "reason": reason }),
    };
    let printed = match problem(error) {
        Some(problem) => print_refusal(json, problem, OWN, &sentence),
        None => print_refusal(json, &document, OWN, &sentence),
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
    say_on_stderr(&for_stderr(text));
}

fn complain(tone: Tone, mark: &str, sentence: &str) {
    say_on_stderr(&format!("{} {}", for_stderr(&paint(tone, mark)), plain(sentence)));
}

/// Writes the text to stderr in one call. A failed write is ignored, because no other stream is left to report it.
fn say_on_stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Writes the text to stdout in one call. With several calls, a reader such as `head -1` could close the pipe before
/// the text is complete. Returns an error if the write fails, because a command whose output is lost must not report
/// success.
fn say(text: &str) -> Result<()> {
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
    use std::path::Path;

    use super::*;

    /// The ways to print that go around this module, and the modules that need one of them.
    const AROUND: [(&str, &[&str]); 9] = [
        ("println!", &[]),
        ("print!", &[]),
        ("dbg!", &[]),
        ("stdout()", &["terminal/output.rs", "terminal/colour.rs", "terminal/columns.rs"]),
        ("stderr()", &["terminal/output.rs", "terminal/colour.rs"]),
        ("/dev/stdout", &[]),
        ("/dev/tty", &["terminal/password.rs"]),
        ("prompt_password", &["terminal/password.rs"]),
        ("print_own(", &["terminal/output.rs", "commands/generate.rs"]),
    ];

    fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// Returns the lines of the code that print with `way`, except in tests and comments.
    fn printing<'s>(source: &'s str, way: &str) -> Vec<&'s str> {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.filter(|line| line.contains(way)).collect()
    }

    #[test]
    fn nothing_is_printed_around_this_module() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        sources(&root, &mut files);
        assert!(files.len() > 40, "only {} files", files.len());
        let mut wrong = Vec::new();
        for file in files {
            let source = std::fs::read_to_string(&file).unwrap();
            let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            for (way, allowed) in AROUND {
                if !allowed.contains(&name.as_str()) {
                    wrong
                        .extend(printing(&source, way).iter().map(|line| format!("{name}: {}", line.trim())));
                }
            }
        }
        assert!(wrong.is_empty(), "use crate::terminal::output: {wrong:#?}");
        for (code, way) in
            [("    eprintln!(\"{}\", name);", "println!"), ("let _ = stdout().write(text)", "stdout()")]
        {
            assert_eq!(printing(code, way).len(), 1, "{code}");
        }
        assert!(printing("// println!\n#[cfg(test)]\nprintln!()", "println!").is_empty());
    }

    #[test]
    fn a_closed_pipe_is_known_through_its_context() {
        let error = std::io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_unread(&Error::new(error).context("cannot write to stdout")));
        assert!(!is_unread(&anyhow::anyhow!("something else")));
    }
}
