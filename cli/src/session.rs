//! Becoming the owner, logging in, and the session that is kept.

use std::io::Read;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use pinlatch_protocol::api::{Secret, SetupRequest, TokenReply, TokenRequest, Whoami};
use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::api::Api;
use crate::args::{Login, Setup};
use crate::files::{config_dir, write_private};

/// A token with less life than this is renewed before it is used, in seconds.
const MARGIN: u64 = 30;

/// The session, as it lies in the configuration folder.
#[derive(Serialize, Deserialize)]
struct Credentials {
    url: Url,
    site: Option<Name>,
    access_token: Secret,
    expires_at: u64,
    refresh_token: Secret,
}

/// `pinlatch setup`.
pub fn set_up(args: &Setup, json: bool) -> Result<()> {
    let request = SetupRequest {
        site: args.site.clone(),
        code: Secret::new(&args.code),
        username: args.username.clone(),
        password: password(args.password_stdin, true)?,
    };
    let _: Option<serde_json::Value> = Api::new(&args.url)?.post("/api/v1/setup", &request, &[])?;
    if json {
        println!("{}", json!({ "username": args.username }));
    } else {
        println!("{} is the owner. Log in at {} or with `pinlatch login`.", args.username, args.url);
    }
    Ok(())
}

/// `pinlatch login`.
pub fn log_in(args: &Login, json: bool) -> Result<()> {
    let request = TokenRequest {
        grant_type: "password".into(),
        site: args.site.clone(),
        username: Some(args.username.to_string()),
        password: Some(password(args.password_stdin, false)?),
        refresh_token: None,
    };
    let api = Api::new(&args.url)?;
    keep(&args.url, args.site.as_ref(), api.post("/api/v1/token", &request, &[])?)?;
    if json {
        println!("{}", json!({ "username": args.username, "url": args.url }));
    } else {
        println!("Logged in to {} as {}.", args.url, args.username);
    }
    Ok(())
}

/// `pinlatch whoami`.
pub fn whoami(json: bool) -> Result<()> {
    let whoami: Whoami = api()?.get("/api/v1/whoami")?;
    if json {
        println!("{}", serde_json::to_string(&whoami)?);
    } else {
        println!("{} at the site {}: {}", whoami.sub, whoami.site, whoami.scope);
    }
    Ok(())
}

/// The deployment that one is logged in to, with a token that holds for a while.
pub fn api() -> Result<Api> {
    let file = file()?;
    let text = std::fs::read_to_string(&file)
        .map_err(|_| anyhow::anyhow!("nobody is logged in; run `pinlatch login`"))?;
    let kept: Credentials = serde_json::from_str(&text)
        .with_context(|| format!("{} is damaged; run `pinlatch login`", file.display()))?;
    let api = Api::new(&kept.url)?;
    if now()? + MARGIN < kept.expires_at {
        return Ok(api.with_token(kept.access_token.expose()));
    }
    let request = TokenRequest {
        grant_type: "refresh_token".into(),
        site: None,
        username: None,
        password: None,
        refresh_token: Some(kept.refresh_token),
    };
    let reply: TokenReply = api
        .post("/api/v1/token", &request, &[])
        .context("the session could not be renewed; run `pinlatch login`")?;
    let token = reply.access_token.clone();
    keep(&kept.url, kept.site.as_ref(), reply)?;
    Ok(api.with_token(token.expose()))
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

/// Now, in seconds of Unix time.
pub fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs())
}

/// The password, from stdin or from the terminal; a new one is asked for twice.
fn password(from_stdin: bool, new: bool) -> Result<Secret> {
    if from_stdin {
        let mut text = String::new();
        std::io::stdin().take(4096).read_to_string(&mut text).context("cannot read the password")?;
        return Ok(Secret::new(text.trim_end_matches(['\r', '\n'])));
    }
    let first = rpassword::prompt_password("Password: ").context("cannot ask for the password")?;
    if new && rpassword::prompt_password("Once more: ").context("cannot ask for the password")? != first {
        bail!("the two passwords differ");
    }
    Ok(Secret::new(first))
}
