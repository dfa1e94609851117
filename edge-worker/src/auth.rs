//! Authentication: the token of a request is verified before the request reaches a Durable Object.

use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::Principal;
use pinlatch_token::{AccessClaims, Kind, TOKEN_SUBJECT_PREFIX, NotAdmitted, Refusal, is_sealed, unverified_kid};

use crate::cookies;
use crate::incoming::Incoming;
use crate::now_s;
use crate::published;

/// How the token was sent. This determines whether a page of another origin can have caused the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer` (RFC 6750 §2.1). Only a program that has the token can send it.
    Header,
    /// `access_token` in a form (RFC 6750 §2.2). Only a page whose author has the token can send it.
    Form,
    /// `access_token` in the query (RFC 6750 §2.3), if the owner enabled it.
    Query,
    /// The panel's cookie. The browser adds the cookie automatically, so writes are accepted only from our own origin.
    Cookie,
    /// The guest's cookie. Writes with this cookie are also accepted only from our own origin.
    Guest,
}

/// The token of the `Authorization: Bearer` header, if present. Returns 401 for a header with another scheme.
pub fn bearer(incoming: &Incoming) -> Result<Option<String>, Problem> {
    let Some(header) = incoming.header("Authorization") else { return Ok(None) };
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim().to_owned())),
        _ => Err(Code::InvalidToken.into()),
    }
}

/// The token of a request. A request with more than one token is refused, even if the tokens are equal (RFC 6750 §2).
fn token(incoming: &Incoming) -> Result<(String, Carrier), Problem> {
    let header = incoming.header("Cookie").unwrap_or_default();
    let mut found: Vec<(String, Carrier)> = Vec::new();
    found.extend(bearer(incoming)?.map(|token| (token, Carrier::Header)));
    found.extend(incoming.form_tokens().map(|token| (token.to_owned(), Carrier::Form)));
    found.extend(incoming.query_tokens().into_iter().map(|token| (token, Carrier::Query)));
    found.extend(cookie(incoming, &header));
    if found.len() > 1 {
        return Err(Code::TwoCarriers.into());
    }
    match found.pop() {
        Some((_, Carrier::Query)) if !incoming.deployment.query_tokens => {
            Err(Problem::new(Code::InvalidToken)
                .detail("a token in the query is not accepted; use the `Authorization` header"))
        }
        Some(one) => Ok(one),
        None => Err(Code::InvalidToken.into()),
    }
}

/// The token cookie of the browser. A browser can have both a login cookie and a guest cookie. The query `as=guest`
/// selects the guest cookie; this query parameter grants no permission.
fn cookie(incoming: &Incoming, header: &str) -> Option<(String, Carrier)> {
    let (name, carrier) = if is_guests(incoming) {
        (cookies::GUEST, Carrier::Guest)
    } else {
        (cookies::SESSION, Carrier::Cookie)
    };
    cookies::find(header, name).map(|token| (token.to_owned(), carrier))
}

/// The principal of the browser's cookie, if the cookie is valid.
pub fn visitor(incoming: &Incoming) -> Option<Principal> {
    let (token, carrier) = cookie(incoming, &incoming.header("Cookie")?)?;
    let kind = if carrier == Carrier::Guest { Kind::Guest } else { Kind::Access };
    of_edge(incoming, &token, kind).map_err(refused).ok()
}

/// Whether the request has the query `as=guest`, which selects the guest cookie.
pub fn is_guests(incoming: &Incoming) -> bool {
    incoming.query("as").is_some_and(|who| who == "guest")
}

/// The verified principal of a request. Returns 401 `invalid_token` if the request has no valid token. The response
/// contains no further detail; the code of the refusal goes to the log.
pub async fn principal(incoming: &Incoming) -> Result<(Principal, Carrier), Problem> {
    let (token, carrier) = token(incoming)?;
    // For an encrypted token, the checks below apply to the token inside it.
    let token = if is_sealed(&token) {
        incoming.deployment.keys.open_sealed(&token).map_err(refused)?
    } else {
        token
    };
    let principal = if carrier == Carrier::Guest {
        of_edge(incoming, &token, Kind::Guest).map_err(refused)?
    } else if incoming.deployment.issuers.claims_to_know(&token) {
        of_issuer(incoming, &token).await?
    } else {
        of_edge(incoming, &token, Kind::Access).map_err(refused)?
    };
    Ok((principal, carrier))
}

impl Carrier {
    /// Whether a browser adds the token automatically. If so, a page of another origin can have caused the request.
    pub fn is_ambient(self) -> bool {
        matches!(self, Self::Cookie | Self::Guest)
    }
}

/// The principal of a token that this edge signed.
fn of_edge(incoming: &Incoming, token: &str, kind: Kind) -> Result<Principal, Refusal> {
    let deployment = &incoming.deployment;
    let (keys, sites) = (deployment.keys.public(), deployment.sites());
    let cache = &mut *deployment.signatures();
    let (site, verified) = match kind {
        Kind::Guest => AccessClaims::verify_guest(token, keys, sites, Some(now_s()), cache),
        _ => AccessClaims::verify(token, keys, sites, now_s(), cache),
    }?;
    let registered = verified.registered;
    Ok(Principal {
        site: site.clone(),
        issued: registered.sub.starts_with(TOKEN_SUBJECT_PREFIX),
        person: UserName::new(registered.sub.clone()).ok(),
        iss: registered.iss,
        sub: registered.sub,
        jti: registered.jti,
        family: verified.custom.family,
        scope: verified.custom.scope,
        iat: registered.iat,
        exp: registered.exp,
        generation: verified.custom.generation,
    })
}

/// The principal of a token of an external issuer.
async fn of_issuer(incoming: &Incoming, token: &str) -> Result<Principal, Problem> {
    let deployment = &incoming.deployment;
    let issuer = deployment.issuers.meant(token).map_err(|error| match error {
        NotAdmitted::Refused(refusal) => refused(refusal),
        NotAdmitted::Broken(name) => {
            worker::console_error!("configuration: issuer {name:?} cannot be used");
            Problem::new(Code::Misconfigured).detail("the configuration of the token's issuer is invalid")
        }
    })?;
    let published = match issuer.jwks_uri() {
        Some(uri) => {
            Some(published::keys(&incoming.env, issuer, uri, unverified_kid(token).as_deref()).await?)
        }
        None => None,
    };
    let admitted = issuer.admit(token, published.as_deref(), now_s(), &mut deployment.signatures());
    let admitted = admitted.map_err(refused)?;
    Ok(Principal {
        site: admitted.site,
        person: None,
        issued: false,
        iss: admitted.iss,
        sub: admitted.sub,
        // The issuer chooses the ids of its tokens. The prefix keeps these ids distinct from the ids of our tokens and
        // of other issuers' tokens.
        jti: format!("{}:{}", issuer.name, admitted.jti),
        family: None,
        scope: admitted.scope,
        iat: admitted.iat,
        exp: admitted.until,
        // A generation revokes only tokens that the edge signed. Tokens of an issuer are revoked by changing the
        // issuer's configuration.
        generation: u64::MAX,
    })
}

/// Like [`principal`], but for a call that changes state: a cookie is accepted only if the request comes from our own
/// origin.
pub async fn principal_for_write(incoming: &Incoming) -> Result<Principal, Problem> {
    let (principal, carrier) = principal(incoming).await?;
    if carrier.is_ambient() {
        incoming.require_own_origin()?;
    }
    Ok(principal)
}

/// Logs the reason why a token was refused. The caller receives only `invalid_token`.
pub fn refused(refusal: Refusal) -> Problem {
    worker::console_log!("token refused: {}", refusal.code());
    Code::InvalidToken.into()
}
