//! Reads one-time codes. A code makes a person the owner or a member of a site, and other users of a machine can read
//! the arguments of running programs. Therefore a code comes from a prompt or from stdin.

use std::io::{self, BufRead};

use anyhow::{Context, Result, bail};
use pinlatch_protocol::api::Secret;

use crate::terminal::output::warn;
use crate::terminal::password::{ask_on_terminal, is_terminal_available};

/// The maximum size of a line on stdin, in bytes.
const MOST: u64 = 4096;

/// Reads a code: from the argument, from the first line of stdin if the argument is `-`, or from the terminal if there is
/// no argument. `name` is the name of the code in prompts and errors, such as `setup code`.
pub fn code(given: Option<&str>, name: &str) -> Result<Secret> {
    let code = match given {
        Some("-") => first_line(io::stdin().lock(), name)?,
        Some(code) => {
            warn_of_argument(
                name,
                "leave out --code to be asked for it, or use `--code -` to read it from stdin",
            );
            Secret::new(code.trim())
        }
        None => ask(name)?,
    };
    if code.expose().is_empty() {
        bail!("the {name} is empty");
    }
    Ok(code)
}

/// Warns that a secret was given as an argument. `instead` is the safe way.
pub fn warn_of_argument(name: &str, instead: &str) {
    warn(&format!(
        "other users of this machine can read the arguments of running programs, and so the {name}; {instead}"
    ));
}

/// Reads the first line, and leaves the next lines for the password.
fn first_line(stdin: impl BufRead, name: &str) -> Result<Secret> {
    let mut line = String::new();
    stdin.take(MOST).read_line(&mut line).with_context(|| format!("cannot read the {name} from stdin"))?;
    Ok(Secret::new(line.trim()))
}

fn ask(name: &str) -> Result<Secret> {
    if !is_terminal_available() {
        bail!("there is no terminal to ask for the {name}; use `--code -` to read it from stdin");
    }
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let prompt: String = first.into_iter().chain(letters).chain(": ".chars()).collect();
    let code =
        ask_on_terminal(&prompt).with_context(|| format!("cannot read the {name} from the terminal"))?;
    Ok(Secret::new(code.expose().trim()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_code_is_one_line_and_the_rest_is_left() {
        let mut stdin = io::Cursor::new("  the-code \r\nthe password\n");
        assert_eq!(first_line(&mut stdin, "setup code").unwrap().expose(), "the-code");
        let mut rest = String::new();
        stdin.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "the password\n");
        assert_eq!(first_line(io::Cursor::new(""), "setup code").unwrap().expose(), "");
    }
}
