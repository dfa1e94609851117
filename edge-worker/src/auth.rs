//! Who is asking: the token that a request carries, verified before any object is touched.

use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::Principal;
use pinlatch_token::{AccessClaims, Refusal};

use crate::cookies;
use crate::incoming::Incoming;
use crate::now_s;

/// How the token travelled, which decides whether a page of another origin could have sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer` (RFC 6750 §2.1): only a program that holds the token sends it.
    Header,
    /// The panel's cookie: a browser adds it by itself, so writes need our own origin.
    Cookie,
}

/// The token of a bearer header, if there is one; 401 where the header is of another scheme.
pub fn bearer(incoming: &Incoming) -> Result<Option<String>, Problem> {
    let Some(header) = incoming.header("Authorization") else { return Ok(None) };
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim().to_owned())),
        _ => Err(Code::InvalidToken.into()),
    }
}

/// The verified principal of a request; 401 `invalid_token` without one. A stranger learns no more than
/// that; the refusal's code goes to the log.
pub fn principal(incoming: &Incoming) -> Result<(Principal, Carrier), Problem> {
    let header = incoming.header("Cookie").unwrap_or_default();
    let (token, carrier) = match (bearer(incoming)?, cookies::find(&header, cookies::SESSION)) {
        (Some(_), Some(_)) => return Err(Code::TwoCarriers.into()),
        (Some(token), None) => (token, Carrier::Header),
        (None, Some(token)) => (token.to_owned(), Carrier::Cookie),
        (None, None) => return Err(Code::InvalidToken.into()),
    };
    let deployment = &incoming.deployment;
    let (site, verified) =
        AccessClaims::verify(&token, deployment.keys.public(), deployment.sites(), now_s())
            .map_err(refused)?;
    let registered = verified.registered;
    let principal = Principal {
        site: site.clone(),
        person: UserName::new(registered.sub.clone()).ok(),
        iss: registered.iss,
        sub: registered.sub,
        jti: registered.jti,
        family: verified.custom.family,
        scope: verified.custom.scope,
        iat: registered.iat,
        exp: registered.exp,
        generation: verified.custom.generation,
    };
    Ok((principal, carrier))
}

/// As [`principal`], for a call that changes something: a cookie counts only from our own origin.
pub fn principal_for_write(incoming: &Incoming) -> Result<Principal, Problem> {
    let (principal, carrier) = principal(incoming)?;
    if carrier == Carrier::Cookie {
        incoming.require_own_origin()?;
    }
    Ok(principal)
}

/// A refused token as strangers see it.
pub fn refused(refusal: Refusal) -> Problem {
    worker::console_log!("token refused: {}", refusal.code());
    Code::InvalidToken.into()
}
