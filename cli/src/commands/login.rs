//! Implements `pinlatch setup`, `login`, `logout` and `whoami`.

use anyhow::{Context, Result};
use pinlatch_protocol::api::{SetupRequest, TokenReply, TokenRequest, Whoami};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::{Name, UserName};
use serde::de::IgnoredAny;
use serde_json::json;
use url::Url;

use crate::edge::address::{deployment, require_edge};
use crate::edge::api::Api;
use crate::edge::client_token;
use crate::edge::session::{api, current, forget, is_over, keep, logged_in_at};
use crate::terminal::code::code;
use crate::terminal::output::print;
use crate::terminal::password::password;
use crate::terminal::text::plain;

#[derive(clap::Args)]
pub struct Setup {
    /// The deployment's URL.
    #[arg(long, value_parser = deployment)]
    pub url: Url,
    /// The name of the site. [default: the site in the setup code]
    #[arg(long)]
    pub site: Option<Name>,
    /// Read the setup code that `pinlatch init` printed from the first line of stdin (`--code -`). A code can also be
    /// the value of this option, but other users of this machine can then read it. [default: ask for the code]
    #[arg(long, value_name = "-|CODE", allow_hyphen_values = true)]
    pub code: Option<String>,
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
    #[arg(long, value_parser = deployment)]
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

pub fn set_up(args: &Setup, json: bool) -> Result<()> {
    let api = reached(&args.url, args.password_stdin)?;
    let request = SetupRequest {
        site: args.site.clone(),
        code: code(args.code.as_deref(), "setup code")?,
        username: args.username.clone(),
        password: password(args.password_stdin, true)?,
    };
    api.send::<IgnoredAny>(&Endpoint::SetUp, &request)?;
    let text =
        format!("{} is now the owner. Log in at {} or with `pinlatch login`.", args.username, args.url);
    print(json, &json!({ "username": args.username }), &text)
}

/// Returns a client for the deployment. If the user will type a password, the deployment must answer first.
pub fn reached(url: &Url, password_stdin: bool) -> Result<Api> {
    if !password_stdin {
        require_edge(url)?;
    }
    Api::new(url)
}

pub fn log_in(args: &Login, json: bool) -> Result<()> {
    let api = reached(&args.url, args.password_stdin)?;
    let request = TokenRequest {
        grant_type: "password".into(),
        site: args.site.clone(),
        username: Some(args.username.to_string()),
        password: Some(password(args.password_stdin, false)?),
        refresh_token: None,
        client_token: client_token::find(&args.url, args.site.as_ref()),
    };
    let mut reply: TokenReply = api.send(&Endpoint::LogIn, &request)?;
    if let Some(token) = reply.client_token.take() {
        client_token::keep(&args.url, args.site.as_ref(), token)?;
    }
    keep(&args.url, args.site.as_ref(), reply)?;
    let text = format!("You are logged in to {} as {}.", args.url, args.username);
    print(json, &json!({ "username": args.username, "url": args.url }), &text)
}

pub fn whoami(json: bool) -> Result<()> {
    let whoami: Whoami = api()?.call(&Endpoint::Whoami)?;
    let text = format!("{} at the site {}: {}", plain(&whoami.sub), whoami.site, whoami.scope);
    print(json, &whoami, &text)
}

/// Ends the login session at the edge, then deletes the session from this machine.
pub fn log_out(args: &Logout, json: bool) -> Result<()> {
    logged_in_at()?.context("you are not logged in; run `pinlatch login`")?;
    let ended = current().and_then(|session| session.api()?.call::<IgnoredAny>(&Endpoint::LogOutBrowser));
    let ended = match ended {
        Ok(IgnoredAny) => true,
        Err(error) if is_over(&error) => true,
        Err(_) if args.force => false,
        Err(error) => {
            return Err(error
                .context("you are still logged in; use --force to delete the session only on this machine"));
        }
    };
    forget()?;
    let text = if ended {
        "You are logged out."
    } else {
        "The session is deleted from this machine. The edge accepts the session until the session expires or `pinlatch user end-sessions` ends it."
    };
    print(json, &json!({ "logged_out": true, "ended_at_edge": ended }), text)
}
