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
use crate::edge::lock::Lock;
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
    fn is_fresh(&self) -> Result<bool> {
        Ok(now()? + MARGIN < self.expires_at)
    }

    /// Stores the new tokens of the same login session. The caller has the lock.
    fn continued_by(self, reply: TokenReply) -> Result<Session> {
        let token = reply.access_token.clone();
        store(&self.url, self.site.as_ref(), reply)?;
        Ok(Session { url: self.url, token })
    }
}

/// Returns whether the edge reported that the session has ended. Other refusals, such as 429, say nothing about the
/// session.
pub fn is_over(error: &Error) -> bool {
    let codes = [Code::InvalidToken, Code::InvalidGrant, Code::UnknownSite];
    codes.into_iter().any(|code| has_code(error, code))
}

/// Returns the lock of the stored session. A command that renews or replaces the session has the lock from before it
/// reads the session until after it has stored the new session. [`Lock::acquire`] waits, so a function with the lock
/// calls no function that acquires it again.
fn lock() -> Result<Lock> {
    Lock::acquire(&config_dir()?.join("credentials.lock"))
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
        let renew = |refused: &str| Ok(renewed_after(refused)?.token.expose().to_owned());
        let ask = |needed| Ok(proof::ask(needed, prove)?.token.expose().to_owned());
        Ok(Api::new(&self.url)?.with_token(self.token.expose()).renewed_by(renew).proven_by(ask))
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
    let kept = kept()?;
    if kept.is_fresh()? {
        return Ok(kept.into());
    }
    let _lock = lock()?;
    live_with_lock(self::kept()?)
}

/// Renews a login session even if its access token has not expired. The caller uses this function because the edge has
/// refused the access token.
pub fn renewed(refused: &Session) -> Result<Session> {
    renewed_after(refused.token.expose())
}

/// Renews the stored login session. If the stored access token is not the refused one, another command has renewed the
/// session already.
fn renewed_after(refused: &str) -> Result<Session> {
    let _lock = lock()?;
    let kept = kept()?;
    if kept.access_token.expose() == refused { renew(kept) } else { live_with_lock(kept) }
}

/// Returns the URL of the deployment that the user is logged in to, if any.
pub fn logged_in_at() -> Result<Option<Url>> {
    Ok(read()?.map(|kept| kept.url))
}

/// Returns the site that the user chose at the login, if any.
pub fn chosen_site() -> Result<Option<Name>> {
    Ok(read()?.and_then(|kept| kept.site))
}

/// Returns the given session, and renews it first if its access token is about to expire. The caller has the lock.
fn live_with_lock(kept: Credentials) -> Result<Session> {
    if kept.is_fresh()? { Ok(kept.into()) } else { renew(kept) }
}

/// Renews the given session. The caller has the lock.
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

/// Proves with a password that the user is the person of the stored login session. The edge returns new tokens of the
/// session, and refuses the earlier tokens from then on.
pub fn prove(password: Secret) -> Result<Session> {
    let _lock = lock()?;
    let session = live_with_lock(kept()?)?;
    let send =
        |token: &Secret, password| proof::send(&Api::new(&session.url)?.with_token(token.expose()), password);
    let reply = match send(&session.token, password.clone()) {
        // The edge can refuse an access token before it expires.
        Err(error) if has_code(&error, Code::InvalidToken) => send(&renew(kept()?)?.token, password)?,
        other => other?,
    };
    kept()?.continued_by(reply)
}

impl From<Credentials> for Session {
    fn from(kept: Credentials) -> Self {
        Self { url: kept.url, token: kept.access_token }
    }
}

/// Returns the stored session without renewing it.
fn kept() -> Result<Credentials> {
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

/// Stores a new login session in the configuration folder.
pub fn keep(url: &Url, site: Option<&Name>, reply: TokenReply) -> Result<()> {
    let _lock = lock()?;
    store(url, site, reply)
}

/// Stores the login session. The caller has the lock.
fn store(url: &Url, site: Option<&Name>, reply: TokenReply) -> Result<()> {
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
    let _lock = lock()?;
    let file = file()?;
    std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))
}

fn file() -> Result<PathBuf> {
    Ok(config_dir()?.join("credentials.json"))
}
