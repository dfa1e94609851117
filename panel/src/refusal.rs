//! The meaning of a refused API call for the session of the page.

use pinlatch_protocol::problem::{Code, Problem};

/// The step that must precede the next attempt of a refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Renew the session, because its token is missing, expired or revoked.
    Renew,
    /// Ask the person to confirm their identity (RFC 9470). The session continues.
    Prove,
    /// The refusal does not concern the session.
    None,
}

/// Returns the remedy for a refusal. The status 401 alone is not enough, because a session also continues after a wrong
/// password and after a request for a new proof.
pub fn remedy(problem: &Problem) -> Remedy {
    if problem.is(Code::InsufficientUserAuthentication) {
        Remedy::Prove
    } else if problem.status == 401 && !problem.is(Code::LoginFailed) {
        Remedy::Renew
    } else {
        Remedy::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refused_token_ends_a_session() {
        let of = |code: Code| remedy(&Problem::new(code));
        assert_eq!(of(Code::InvalidToken), Remedy::Renew);
        assert_eq!(of(Code::InsufficientUserAuthentication), Remedy::Prove);
        for code in [Code::LoginFailed, Code::PersonRequired, Code::InsufficientScope, Code::Throttled] {
            assert_eq!(of(code), Remedy::None, "{code}");
        }
    }

    #[test]
    fn the_status_401_of_a_proxy_ends_a_session() {
        let problem = Problem { code: String::new(), ..Problem::new(Code::InvalidToken) };
        assert_eq!(remedy(&problem), Remedy::Renew);
    }
}
