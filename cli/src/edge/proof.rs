//! Proves again, with a password, that the user is the person of the login session (RFC 9470). The edge needs a proof
//! of the last few minutes for each request that would outlive a stolen login.

use std::io;

use anyhow::{Error, Result};
use pinlatch_protocol::api::{MAX_PROOF_AGE, ProofRequest, Secret, TokenReply};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::problem::{Code, Problem};

use crate::edge::api::{Api, has_code};
use crate::terminal::password::ask_on_terminal;
use crate::terminal::times::spoken;

/// The maximum number of times that the user can type the password for one proof.
const ATTEMPTS: u32 = 3;

const QUESTION: &str = "This request would outlive a stolen login, so confirm with your password that it is you.\n\
                        Password: ";

/// Sends the password to the edge. The edge returns the new tokens of the login session.
pub fn send(api: &Api, password: Secret) -> Result<TokenReply> {
    api.send(&Endpoint::ProveIdentity, &ProofRequest { password }).map_err(explained)
}

/// Asks for the password on the terminal, and calls `prove` with the password. `needed` is the edge's refusal of a
/// request without a proof. Without a terminal, this function returns the refusal, with advice.
pub fn ask<T>(needed: Error, prove: impl FnMut(Secret) -> Result<T>) -> Result<T> {
    ask_with(needed, ask_on_terminal, prove)
}

fn ask_with<T>(
    needed: Error,
    ask: impl Fn(&str) -> io::Result<Secret>,
    mut prove: impl FnMut(Secret) -> Result<T>,
) -> Result<T> {
    let mut attempt = 1;
    let mut question = QUESTION;
    loop {
        let Ok(password) = ask(question) else { return Err(without_terminal(needed)) };
        match prove(password) {
            Err(error) if has_code(&error, Code::LoginFailed) && attempt < ATTEMPTS => attempt += 1,
            other => return other,
        }
        question = "The password is wrong. Password: ";
    }
}

fn without_terminal(needed: Error) -> Error {
    let minutes = MAX_PROOF_AGE / 60;
    needed.context(format!(
        "this request needs a password or login of the last {minutes} minutes, and no terminal is available to ask for \
         the password; run `pinlatch login` (with --password-stdin in a script), and then this command within \
         {minutes} minutes"
    ))
}

/// Adds advice to the edge's refusal of a proof.
fn explained(error: Error) -> Error {
    match error.downcast_ref::<Problem>() {
        Some(problem) if problem.is(Code::LoginFailed) => error.context(
            "the password is wrong; if you have no password because you use a login provider, log in again in the \
             panel, and repeat the request there",
        ),
        Some(Problem { retry_after: Some(seconds), .. }) => {
            let wait = spoken((*seconds).into());
            error.context(format!("there were too many attempts to log in; try again in {wait}"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for a proof that the edge answers with the given problems, and then accepts. Returns the result, and the
    /// number of requests.
    fn asked(answers: &[Problem]) -> (Result<TokenReply>, usize) {
        let mut count = 0;
        let result = ask_with(
            needed(),
            |_| Ok(Secret::new("long enough")),
            |_| {
                count += 1;
                match answers.get(count - 1) {
                    Some(problem) => Err(explained(problem.clone().into())),
                    None => Ok(serde_json::from_str(REPLY)?),
                }
            },
        );
        (result, count)
    }

    const REPLY: &str = r#"{"access_token":"a","token_type":"Bearer","expires_in":600,"refresh_token":"r"}"#;

    fn needed() -> Error {
        Problem::new(Code::InsufficientUserAuthentication).into()
    }

    #[test]
    fn a_wrong_password_can_be_corrected_twice() {
        let wrong = || Problem::new(Code::LoginFailed);
        let (result, count) = asked(&[wrong(), wrong()]);
        assert_eq!((result.unwrap().access_token.expose(), count), ("a", 3));
        let (result, count) = asked(&[wrong(), wrong(), wrong(), wrong()]);
        let error = result.unwrap_err();
        assert_eq!((has_code(&error, Code::LoginFailed), count), (true, 3));
        assert!(format!("{error:#}").contains("login provider"), "{error:#}");
    }

    #[test]
    fn a_throttled_proof_says_how_long_to_wait() {
        let (result, count) = asked(&[Problem::new(Code::Throttled).retry_after(90)]);
        assert_eq!(count, 1, "the password is not asked for again");
        let text = format!("{:#}", result.unwrap_err());
        assert!(text.contains("try again in 1m 30s"), "{text}");
    }

    #[test]
    fn without_a_terminal_the_refusal_says_what_to_do() {
        let no_proof = |_| -> Result<()> { panic!("no password") };
        let error = ask_with(needed(), |_| Err(io::ErrorKind::NotFound.into()), no_proof).unwrap_err();
        assert!(
            has_code(&error, Code::InsufficientUserAuthentication),
            "the document for --json stays the same"
        );
        let text = format!("{error:#}");
        assert!(text.contains("pinlatch login") && text.contains("within 5 minutes"), "{text}");
    }
}
