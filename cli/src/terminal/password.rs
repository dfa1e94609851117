//! Reads passwords from the terminal or from stdin.

use std::io::{self, Read};

use anyhow::{Context, Result, bail};
use pinlatch_protocol::api::Secret;

/// Reads the password from stdin, or asks for the password on the terminal. On the terminal, the user must type a new
/// password twice.
pub fn password(from_stdin: bool, new: bool) -> Result<Secret> {
    if from_stdin {
        return Ok(Secret::new(stdin()?.trim_end_matches(['\r', '\n'])));
    }
    let first = ask("Password: ")?;
    if new && ask("Repeat the password: ")? != first {
        bail!("the repeated password differs from the first password; try again");
    }
    Ok(first)
}

/// Reads the current password and a new password. The passwords come from two lines of stdin, or from the terminal.
pub fn two_passwords(from_stdin: bool) -> Result<(Secret, Secret)> {
    if from_stdin {
        let text = stdin()?;
        let mut lines = text.lines().map(Secret::new);
        return match (lines.next(), lines.next(), lines.next()) {
            (Some(current), Some(new), None) => Ok((current, new)),
            _ => bail!("stdin must have two lines: the current password and the new password"),
        };
    }
    let current = ask("Current password: ")?;
    let new = ask("New password: ")?;
    if ask("Repeat the new password: ")? != new {
        bail!("the repeated password differs from the new password; try again");
    }
    Ok((current, new))
}

fn stdin() -> Result<String> {
    let mut text = String::new();
    io::stdin().take(4096).read_to_string(&mut text).context("cannot read the password from stdin")?;
    Ok(text)
}

/// Asks for a password on the terminal. Returns an error if no terminal is available.
pub fn ask_on_terminal(prompt: &str) -> io::Result<Secret> {
    rpassword::prompt_password(prompt).map(Secret::new)
}

fn ask(prompt: &str) -> Result<Secret> {
    if !is_terminal_available() {
        bail!("there is no terminal to ask for the password; use --password-stdin");
    }
    ask_on_terminal(prompt).context("cannot read the password from the terminal")
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
