//! Implements `pinlatch setup`, `login`, `logout` and `whoami`, and stores the login session.

use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use pinlatch_protocol::api::{Secret, SetupRequest, TokenReply, TokenRequest, Whoami};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::edge::api::Api;
use crate::files::{config_dir, write_private};
use crate::terminal::output::{say, say_json};
use crate::terminal::text::plain;

#[derive(clap::Args)]
pub struct Setup {
    /// The deployment's URL.
    #[arg(long)]
    pub url: Url,
    /// The name of the site. [default: the site in the setup code]
    #[arg(long)]
    pub site: Option<Name>,
    /// The setup code that `pinlatch init` printed.
    #[arg(long)]
    pub code: String,
    /// The owner's user name.
    #[arg(long)]
    pub username: UserName,
    /// Read the password from stdin instead of asking for the password.
    #[arg(long)]
    pub password_stdin: bool,
}

#[derive(clap::Args)]
pub struct Login {
    /// The deployment's URL.
    #[arg(long)]
    pub url: Url,
    /// The name of the site. [default: the deployment's first site]
    #[arg(long)]
    pub site: Option<Name>,
    /// Your user name at the site.
    #[arg(long)]
    pub username: UserName,
    /// Read the password from stdin instead of asking for the password.
    #[arg(long)]
    pub password_stdin: bool,
}

#[derive(clap::Args)]
pub struct Logout {
    /// Delete the login session on this machine even if the edge cannot end the session, for example without a network
    /// connection.
    #[arg(long)]
    pub force: bool,
}

/// An access token that expires within this number of seconds is renewed before use.
const MARGIN: u64 = 30;

/// The login session, as stored in the configuration folder.
#[derive(Serialize, Deserialize)]
struct Credentials {
    url: Url,
    site: Option<Name>,
    access_token: Secret,
    expires_at: u64,
    refresh_token: Secret,
}

pub fn set_up(args: &Setup, json: bool) -> Result<()> {
    let request = SetupRequest {
        site: args.site.clone(),
        code: Secret::new(&args.code),
        username: args.username.clone(),
        password: password(args.password_stdin, true)?,
    };
    Api::new(&args.url)?.send::<IgnoredAny>(&Endpoint::SetUp, &request)?;
    if json {
        say_json(&json!({ "username": args.username }))
    } else {
        say(&format!("{} is now the owner. Log in at {} or with `pinlatch login`.", args.username, args.url))
    }
}

pub fn log_in(args: &Login, json: bool) -> Result<()> {
    let request = TokenRequest {
        grant_type: "password".into(),
        site: args.site.clone(),
        username: Some(args.username.to_string()),
        password: Some(password(args.password_stdin, false)?),
        refresh_token: None,
    };
    let api = Api::new(&args.url)?;
    keep(&args.url, args.site.as_ref(), api.send(&Endpoint::LogIn, &request)?)?;
    if json {
        say_json(&json!({ "username": args.username, "url": args.url }))
    } else {
        say(&format!("You are logged in to {} as {}.", args.url, args.username))
    }
}

pub fn whoami(json: bool) -> Result<()> {
    let whoami: Whoami = api()?.call(&Endpoint::Whoami)?;
    if json {
        say_json(&whoami)
    } else {
        say(&format!("{} at the site {}: {}", plain(&whoami.sub), whoami.site, whoami.scope))
    }
}

/// Ends the login session at the edge, then deletes the session from this machine.
pub fn log_out(args: &Logout, json: bool) -> Result<()> {
    let kept = kept()?;
    let ended = live(kept).and_then(|session| session.api()?.call::<IgnoredAny>(&Endpoint::LogOutBrowser));
    let ended = match ended {
        Ok(IgnoredAny) => true,
        Err(error) if is_over(&error) => true,
        Err(_) if args.force => false,
        Err(error) => {
            return Err(error
                .context("you are still logged in; use --force to delete the session only on this machine"));
        }
    };
    let file = file()?;
    std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    if json {
        say_json(&json!({ "logged_out": true, "ended_at_edge": ended }))
    } else if ended {
        say("You are logged out.")
    } else {
        say(
            "The session is deleted from this machine. The edge accepts the session until the session expires or `pinlatch user end-sessions` ends it.",
        )
    }
}

/// Returns whether the edge reported that the session has ended. Other refusals, such as 429, say nothing about the
/// session.
pub fn is_over(error: &anyhow::Error) -> bool {
    let codes = [Code::InvalidToken, Code::InvalidGrant, Code::UnknownSite];
    error.downcast_ref::<Problem>().is_some_and(|problem| codes.into_iter().any(|code| problem.is(code)))
}

/// A login session whose access token is valid for at least [`MARGIN`] seconds.
pub struct Session {
    pub url: Url,
    token: Secret,
}

impl Session {
    /// Creates an HTTP client with the session's access token. If the edge refuses the access token, the client renews
    /// the access token.
    pub fn api(&self) -> Result<Api> {
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

fn live(kept: Credentials) -> Result<Session> {
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
        refresh_token: Some(kept.refresh_token),
    };
    let reply: TokenReply = Api::new(&kept.url)?
        .send(&Endpoint::LogIn, &request)
        .context("the session could not be renewed; run `pinlatch login`")?;
    let token = reply.access_token.clone();
    keep(&kept.url, kept.site.as_ref(), reply)?;
    Ok(Session { url: kept.url, token })
}

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

fn keep(url: &Url, site: Option<&Name>, reply: TokenReply) -> Result<()> {
    let kept = Credentials {
        url: url.clone(),
        site: site.cloned(),
        access_token: reply.access_token,
        expires_at: now()? + reply.expires_in,
        refresh_token: reply.refresh_token,
    };
    write_private(&file()?, &serde_json::to_string(&kept)?)
}

fn file() -> Result<PathBuf> {
    Ok(config_dir()?.join("credentials.json"))
}

/// Returns the current time in Unix seconds.
pub fn now() -> Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(since.context("this machine's clock is before 1970; correct the clock")?.as_secs())
}

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
    Ok(Secret::new(first))
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
    Ok((Secret::new(current), Secret::new(new)))
}

fn stdin() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().take(4096).read_to_string(&mut text).context("cannot read the password from stdin")?;
    Ok(text)
}

fn ask(prompt: &str) -> Result<String> {
    rpassword::prompt_password(prompt)
        .context("cannot ask for the password, because no terminal is available; use --password-stdin")
}
