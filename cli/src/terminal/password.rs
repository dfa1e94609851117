//! Reads passwords and passphrases from the terminal or from stdin.

use std::io::{self, BufRead, Read};

use anyhow::{Context, Result, bail};
use pinlatch_protocol::api::Secret;

/// The maximum size of a secret on stdin, in bytes.
const MOST: u64 = 4096;

/// A kind of secret: its name in prompts and errors, and the option with which the secret comes from stdin.
struct Kind {
    name: &'static str,
    option: &'static str,
}

const PASSWORD: Kind = Kind { name: "password", option: "--password-stdin" };
const PASSPHRASE: Kind = Kind { name: "passphrase", option: "--passphrase-stdin" };

/// Reads the password from stdin, or asks for the password on the terminal. On the terminal, the user must type a new
/// password twice.
pub fn password(from_stdin: bool, new: bool) -> Result<Secret> {
    read(&PASSWORD, "Password: ", from_stdin, new)
}

/// Reads the passphrase of a backup in the same way as [`password`].
pub fn passphrase(from_stdin: bool, new: bool) -> Result<Secret> {
    read(&PASSPHRASE, "Passphrase of the backup: ", from_stdin, new)
}

fn read(kind: &Kind, prompt: &str, from_stdin: bool, new: bool) -> Result<Secret> {
    let name = kind.name;
    if from_stdin {
        return Ok(Secret::new(stdin(kind)?.trim_end_matches(['\r', '\n'])));
    }
    let first = ask(prompt, kind)?;
    if new && ask(&format!("Repeat the {name}: "), kind)? != first {
        bail!("the repeated {name} differs from the first {name}; try again");
    }
    Ok(first)
}

/// Reads the passphrase of a backup from the first line of stdin, and leaves the next lines for the backup.
pub fn passphrase_line() -> Result<Secret> {
    let mut line = String::new();
    let read = io::stdin().lock().take(MOST).read_line(&mut line);
    read.context("cannot read the passphrase from stdin")?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

/// Reads the current password and a new password. The passwords come from two lines of stdin, or from the terminal.
pub fn two_passwords(from_stdin: bool) -> Result<(Secret, Secret)> {
    if from_stdin {
        let text = stdin(&PASSWORD)?;
        let mut lines = text.lines().map(Secret::new);
        return match (lines.next(), lines.next(), lines.next()) {
            (Some(current), Some(new), None) => Ok((current, new)),
            _ => bail!("stdin must have two lines: the current password and the new password"),
        };
    }
    let current = ask("Current password: ", &PASSWORD)?;
    let new = ask("New password: ", &PASSWORD)?;
    if ask("Repeat the new password: ", &PASSWORD)? != new {
        bail!("the repeated password differs from the new password; try again");
    }
    Ok((current, new))
}

fn stdin(kind: &Kind) -> Result<String> {
    let mut text = String::new();
    let read = io::stdin().take(MOST).read_to_string(&mut text);
    read.with_context(|| format!("cannot read the {} from stdin", kind.name))?;
    Ok(text)
}

/// Asks for a password on the terminal. Returns an error if no terminal is available.
pub fn ask_on_terminal(prompt: &str) -> io::Result<Secret> {
    rpassword::prompt_password(prompt).map(Secret::new)
}

fn ask(prompt: &str, kind: &Kind) -> Result<Secret> {
    let Kind { name, option } = kind;
    if !is_terminal_available() {
        bail!("there is no terminal to ask for the {name}; use {option}");
    }
    ask_on_terminal(prompt).with_context(|| format!("cannot read the {name} from the terminal"))
}

/// Returns whether a person can type a password, even if stdin and stdout are pipes.
#[cfg(unix)]
pub fn is_terminal_available() -> bool {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").is_ok()
}

#[cfg(not(unix))]
pub fn is_terminal_available() -> bool {
    io::IsTerminal::is_terminal(&io::stdin())
}
