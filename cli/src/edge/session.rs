//! Stores the login session, renews its access token, and renews the proof that the user is the person of the login.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Error, Result};
use pinlatch_protocol::api::{Secret, TokenReply, TokenRequest};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::Code;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::edge::api::{Api, has_code};
use crate::edge::proof;
use crate::files::{config_dir, write_private};
use crate::terminal::times::now;

/// An access token that expires within this number of seconds is renewed before use.
const MARGIN: u64 = 30;

/// The login session, as stored in the configuration folder.
#[derive(Serialize, Deserialize)]
pub struct Credentials {
    url: Url,
    site: Option<Name>,
    access_token: Secret,
    expires_at: u64,
    refresh_token: Secret,
}

impl Credentials {
    /// Stores the new tokens of the same login session.
    fn continued_by(self, reply: TokenReply) -> Result<Session> {
        let token = reply.access_token.clone();
        keep(&self.url, self.site.as_ref(), reply)?;
        Ok(Session { url: self.url, token })
    }
}

/// Returns whether the edge reported that the session has ended. Other refusals, such as 429, say nothing about the
/// session.
pub fn is_over(error: &Error) -> bool {
    let codes = [Code::InvalidToken, Code::InvalidGrant, Code::UnknownSite];
    codes.into_iter().any(|code| has_code(error, code))
}

/// A login session whose access token is valid for at least [`MARGIN`] seconds.
pub struct Session {
    pub url: Url,
    token: Secret,
}

impl Session {
    /// Creates an HTTP client with the session's access token. If the edge refuses the access token, the client renews
    /// the access token. If the edge needs a newer proof, the client asks for the password.
    pub fn api(&self) -> Result<Api> {
        let prove = |needed| Ok(proven_by(|api| proof::ask(api, needed))?.token.expose().to_owned());
        Ok(self.renewing_api()?.proven_by(prove))
    }

    fn renewing_api(&self) -> Result<Api> {
        let renew = || Ok(renewed()?.token.expose().to_owned());
        Ok(Api::new(&self.url)?.with_token(self.token.expose()).renewed_by(renew))
    }

    /// Returns the value of the `Authorization` header for requests of this session.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token.expose())
    }
}

/// Creates an HTTP client for the deployment that the user is logged in to. The access token of the client is valid for
/// at least [`MARGIN`] seconds.
pub fn api() -> Result<Api> {
    current()?.api()
}

/// Returns the stored login session. If the session's access token is about to expire, the session is renewed first.
pub fn current() -> Result<Session> {
    live(kept()?)
}

/// Renews the stored login session even if the access token has not expired. The caller uses this function because the
/// edge has refused the access token.
pub fn renewed() -> Result<Session> {
    renew(kept()?)
}

/// Returns the URL of the deployment that the user is logged in to, if any.
pub fn logged_in_at() -> Result<Option<Url>> {
    Ok(read()?.map(|kept| kept.url))
}

/// Returns the given session, and renews it first if its access token is about to expire.
pub fn live(kept: Credentials) -> Result<Session> {
    if now()? + MARGIN < kept.expires_at {
        return Ok(Session { url: kept.url, token: kept.access_token });
    }
    renew(kept)
}

fn renew(kept: Credentials) -> Result<Session> {
    let request = TokenRequest {
        grant_type: "refresh_token".into(),
        site: None,
        username: None,
        password: None,
        refresh_token: Some(kept.refresh_token.clone()),
        client_token: None,
    };
    let reply: TokenReply = Api::new(&kept.url)?
        .send(&Endpoint::LogIn, &request)
        .context("the session could not be renewed; run `pinlatch login`")?;
    kept.continued_by(reply)
}

/// Proves with a password that the user is the person of the stored login session. The tokens of the session change.
pub fn prove(password: Secret) -> Result<()> {
    proven_by(|api| proof::send(api, password)).map(|_| ())
}

/// Stores the tokens that the edge returns for a new proof. The edge refuses the earlier tokens of the session from
/// then on.
fn proven_by(prove: impl FnOnce(&Api) -> Result<TokenReply>) -> Result<Session> {
    let reply = prove(&current()?.renewing_api()?)?;
    kept()?.continued_by(reply)
}

/// Returns the stored session without renewing it.
pub fn kept() -> Result<Credentials> {
    read()?.context("you are not logged in; run `pinlatch login`")
}

fn read() -> Result<Option<Credentials>> {
    let file = file()?;
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    let damaged = || format!("the file {} is damaged; run `pinlatch login`", file.display());
    serde_json::from_str(&text).map(Some).with_context(damaged)
}

/// Stores the login session in the configuration folder.
pub fn keep(url: &Url, site: Option<&Name>, reply: TokenReply) -> Result<()> {
    let kept = Credentials {
        url: url.clone(),
        site: site.cloned(),
        access_token: reply.access_token,
        expires_at: now()? + reply.expires_in,
        refresh_token: reply.refresh_token,
    };
    write_private(&file()?, &serde_json::to_string(&kept)?)
}

/// Deletes the stored session from this machine.
pub fn forget() -> Result<()> {
    let file = file()?;
    std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))
}

fn file() -> Result<PathBuf> {
    Ok(config_dir()?.join("credentials.json"))
}
