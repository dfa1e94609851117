//! Authenticates requests. The Worker verifies the token of a request before the request reaches a Durable Object.

use pinlatch_protocol::api::{GUEST_COOKIE, SESSION_COOKIE};
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::Principal;
use pinlatch_token::{
    AccessClaims, Kind, NotAdmitted, Refusal, TOKEN_SUBJECT_PREFIX, is_sealed, unverified_kid,
};

use crate::clock::now_s;
use crate::cookies;
use crate::incoming::Incoming;
use crate::published;
use crate::sealed;

/// The part of a request that contains the token. If the token is in a cookie, a web page of another origin may have
/// caused the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The request has the header `Authorization: Bearer` (RFC 6750 §2.1). Only a program that knows the token can send
    /// an `Authorization` header with the token.
    Header,
    /// The request has the token in the form field `access_token` (RFC 6750 §2.2). A web page can submit a form with
    /// the token only if the author of the page knows the token.
    Form,
    /// The request has the token in the query parameter `access_token` (RFC 6750 §2.3). The Worker accepts a token in
    /// the query only if the deployment's owner has enabled `QUERY_TOKENS`.
    Query,
    /// The request has the panel's login cookie. The browser adds the login cookie automatically, so the Worker accepts
    /// writes only from the Worker's own origin.
    Cookie,
    /// The request has the guest cookie. The browser adds the guest cookie automatically, so the Worker accepts writes
    /// only from the Worker's own origin.
    Guest,
}

/// Returns the token of the `Authorization: Bearer` header, if the request has an `Authorization` header. For an
/// authentication scheme other than `Bearer`, this function returns 401.
pub fn bearer(incoming: &Incoming) -> Result<Option<String>, Problem> {
    let Some(header) = incoming.header("Authorization") else { return Ok(None) };
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim().to_owned())),
        _ => Err(Code::InvalidToken.into()),
    }
}

/// Returns the token of a request, and the part of the request that contains the token. A request with more than one
/// token is refused, even if all its tokens are equal (RFC 6750 §2).
fn token(incoming: &Incoming) -> Result<(String, Carrier), Problem> {
    let mut found: Vec<(String, Carrier)> = Vec::new();
    found.extend(bearer(incoming)?.map(|token| (token, Carrier::Header)));
    found.extend(incoming.form_tokens().map(|token| (token.to_owned(), Carrier::Form)));
    found.extend(incoming.query_tokens().into_iter().map(|token| (token, Carrier::Query)));
    let header = incoming.header("Cookie").unwrap_or_default();
    if found.is_empty() {
        found.extend(cookie(incoming, &header)?);
    } else if cookies::has_any(&header, cookie_kind(incoming).0) {
        // A cookie of any site counts as a second token.
        return Err(Code::TwoCarriers.into());
    }
    if found.len() > 1 {
        return Err(Code::TwoCarriers.into());
    }
    match found.pop() {
        Some((_, Carrier::Query)) if !incoming.deployment.query_tokens => {
            Err(Problem::new(Code::InvalidToken)
                .detail("this edge accepts no token in the query; use the `Authorization` header"))
        }
        Some(one) => Ok(one),
        None => Err(Code::InvalidToken.into()),
    }
}

/// Returns the token in the browser's cookies for the site that the request names.
fn cookie(incoming: &Incoming, header: &str) -> Result<Option<(String, Carrier)>, Problem> {
    let (start, carrier) = cookie_kind(incoming);
    let token = cookies::of_site(header, start, incoming.cookie_site()?);
    Ok(token.map(|token| (token.to_owned(), carrier)))
}

/// Returns the kind of the cookie that counts for a request. A browser can have both a login cookie and a guest cookie
/// of a site. The query parameter `as=guest` selects the guest cookie and grants no permission.
fn cookie_kind(incoming: &Incoming) -> (&'static str, Carrier) {
    if is_guests(incoming) { (GUEST_COOKIE, Carrier::Guest) } else { (SESSION_COOKIE, Carrier::Cookie) }
}

/// Returns the principal (the caller's identity) of the browser's cookie, if the token in the cookie is valid.
pub fn visitor(incoming: &Incoming) -> Result<Option<Principal>, Problem> {
    let header = incoming.header("Cookie").unwrap_or_default();
    let Some((token, carrier)) = cookie(incoming, &header)? else { return Ok(None) };
    let Ok(principal) = of_cookie(incoming, &token, carrier) else { return Ok(None) };
    incoming.require_login_of_page(&principal.site, &principal.sub)?;
    Ok(Some(principal))
}

/// Returns whether the request has the query parameter `as=guest`, which selects the guest cookie.
pub fn is_guests(incoming: &Incoming) -> bool {
    incoming.query("as").is_some_and(|who| who == "guest")
}

/// Verifies the token of a request, and returns the principal (the caller's identity and scopes). If the request has no
/// valid token, this function returns 401 `invalid_token`. The Worker logs a code for the reason of the refusal, but
/// the response does not contain the reason.
pub async fn principal(incoming: &Incoming) -> Result<(Principal, Carrier), Problem> {
    let (token, carrier) = token(incoming)?;
    // If the token is encrypted, the checks below apply to the decrypted token.
    let opened = if is_sealed(&token) { Some(sealed::open(incoming, &token).await?) } else { None };
    let token = opened.as_ref().map_or(token.as_str(), |opened| &opened.jwt);
    let principal = if carrier.is_ambient() {
        of_cookie(incoming, token, carrier)?
    } else if incoming.deployment.issuers.claims_to_know(token) {
        of_issuer(incoming, token).await?
    } else {
        of_edge(incoming, token, Kind::Access).map_err(refused)?
    };
    if let Some(opened) = opened {
        opened.remember();
    }
    incoming.require_login_of_page(&principal.site, &principal.sub)?;
    Ok((principal, carrier))
}

impl Carrier {
    /// Returns whether a browser adds the token to a request automatically. If a browser adds the token automatically,
    /// a web page of another origin may have caused the request.
    pub fn is_ambient(self) -> bool {
        matches!(self, Self::Cookie | Self::Guest)
    }
}

/// Verifies the token of a cookie, and returns the principal (the caller's identity). The token must be for the site in
/// the cookie's name.
fn of_cookie(incoming: &Incoming, token: &str, carrier: Carrier) -> Result<Principal, Problem> {
    let kind = if carrier == Carrier::Guest { Kind::Guest } else { Kind::Access };
    let principal = of_edge(incoming, token, kind).map_err(refused)?;
    if principal.site == *incoming.cookie_site()? {
        return Ok(principal);
    }
    worker::console_log!("token refused: the cookie has the name of another site");
    Err(Code::InvalidToken.into())
}

/// Verifies a token that this edge signed, and returns the principal (the caller's identity).
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
        issuer: None,
        scope: verified.custom.scope,
        iat: registered.iat,
        exp: registered.exp,
        generation: verified.custom.generation,
        auth_time: verified.custom.auth_time,
    })
}

/// Verifies a token of an external issuer, and returns the principal (the caller's identity).
async fn of_issuer(incoming: &Incoming, token: &str) -> Result<Principal, Problem> {
    let deployment = &incoming.deployment;
    let issuer = deployment.issuers.meant(token).map_err(|error| match error {
        NotAdmitted::Refused(refusal) => refused(refusal),
        NotAdmitted::Broken(name) => {
            worker::console_error!(
                "configuration: the issuer {name:?} cannot be used, because its table is invalid"
            );
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
        // An external issuer chooses the ids (`jti`) of its tokens. The prefix prevents collisions with the token ids
        // of other issuers and of this edge.
        jti: format!("{}:{}", issuer.name, admitted.jti),
        family: None,
        issuer: Some(issuer.name.clone()),
        scope: Some(admitted.scope),
        iat: admitted.iat,
        exp: admitted.until,
        // Raising the generation revokes only tokens that the edge signed. To revoke the tokens of an external issuer,
        // the owner changes the configuration of the issuer.
        generation: 0,
        auth_time: None,
    })
}

/// Authenticates a call that changes state. In addition to the checks of [`principal`], a request with a cookie must
/// come from a page of this deployment, and must name the site of the page.
pub async fn principal_for_write(incoming: &Incoming) -> Result<Principal, Problem> {
    Ok(writer(incoming).await?.0)
}

/// Authenticates a call that changes state, as [`principal_for_write`] does, and also returns the carrier of the token.
pub async fn writer(incoming: &Incoming) -> Result<(Principal, Carrier), Problem> {
    let (principal, carrier) = principal(incoming).await?;
    if carrier.is_ambient() {
        incoming.require_own_page()?;
    }
    Ok((principal, carrier))
}

/// Logs the reason why a token was refused. The returned problem contains only the code `invalid_token`.
pub fn refused(refusal: Refusal) -> Problem {
    worker::console_log!("token refused: {}", refusal.code());
    Code::InvalidToken.into()
}
