//! Implements `pinlatch doctor`, which checks a deployment and suggests a fix for each problem.

mod backup;
mod check;
pub mod clock;
mod foreign;
mod named;
mod private;
mod proxy;
mod secrets;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use pinlatch_protocol::api::{Health, Whoami};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::problem::Code;
use pinlatch_token::KeySet;
use serde_json::{Value, json};
use url::Url;

use self::check::{Check, State, page};
use self::clock::clock;
use crate::deploy::wrangler::Files;
use crate::edge::address::{deployment, is_same_origin};
use crate::edge::api::{Api, Probe, is_local};
use crate::edge::session;
use crate::jwks;
use crate::terminal::output::print;
use crate::terminal::times::now;

#[derive(clap::Args)]
pub struct Doctor {
    /// The deployment's URL. With --config, the URL is optional. [default: the deployment that you are logged in to]
    #[arg(value_parser = deployment)]
    url: Option<Url>,
    /// The file with the edge's secrets. The keys in this file are compared with the keys that the deployment
    /// publishes.
    #[arg(long, value_name = "FILE")]
    vars: Option<PathBuf>,
    /// The deployment's wrangler.toml. The command checks the tables and the published keys of all issuers and login
    /// providers in this file. The command also checks whether the edge has the same tables. [default: wrangler.toml in
    /// the folder of --vars, if present]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file with the owner's root key. The command compares the root key with ROOT_KEY in the
    /// file of --vars. [default: root.jwk in the configuration folder]
    #[arg(long, value_name = "FILE", requires = "vars")]
    root_key: Option<PathBuf>,
}

/// Runs every check that the arguments allow.
pub fn run(args: &Doctor, json: bool) -> Result<ExitCode> {
    let url = match &args.url {
        Some(url) => Some(url.clone()),
        None => session::logged_in_at()?,
    };
    let mut checks = match &url {
        Some(url) => look(url, args)?,
        None if args.config.is_some() => Vec::new(),
        None => bail!("no deployment is given and you are not logged in; run `pinlatch doctor URL`"),
    };
    // If the edge does not answer, the report contains only one entry about this problem. In this case, the issuers are
    // checked without the edge.
    let answers = checks.iter().any(|check| check.name == "tokens");
    if let Some(files) = args.files() {
        checks.extend(foreign::check(&files, url.as_ref().filter(|_| answers), now()?));
    }
    checks.extend(backup::check(args.root_key.as_deref()));
    let well = checks.iter().all(|check| check.state != State::Failed);
    let title = match (&url, &args.url) {
        (Some(url), None) => format!("{url} (the deployment that you are logged in to)"),
        (Some(url), Some(_)) => url.to_string(),
        (None, _) => "No deployment was checked".into(),
    };
    print(json, &json!({ "url": url, "ok": well, "checks": checks }), &page(&title, &checks))?;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Doctor {
    /// Returns the paths of the configuration and the secrets. The configuration is the file of --config, or
    /// wrangler.toml in the folder of --vars.
    fn files(&self) -> Option<Files> {
        if let Some(config) = &self.config {
            return Some(Files { config: config.clone(), vars: self.vars.clone() });
        }
        let config = self.vars.as_ref()?.with_file_name("wrangler.toml");
        config.exists().then(|| Files { config, vars: self.vars.clone() })
    }
}

fn look(url: &Url, args: &Doctor) -> Result<Vec<Check>> {
    let api = match Api::new(url) {
        Ok(api) => api,
        Err(error) => {
            return Ok(vec![Check::failed("tls", format!("{error:#}"), "use the deployment's https URL")]);
        }
    };
    let health = match api.probe(&Endpoint::Health) {
        Ok(probe) => probe,
        Err(error) => return Ok(vec![unreachable(&error)]),
    };
    let mut checks = vec![tls(url), edge(&health)];
    // A local deployment uses this machine's clock, so the clocks need no comparison. In addition, workerd sends no
    // `Date` header if no proxy is used.
    if health.date.is_some() || !is_local(url) {
        checks.push(clock(health.date.as_deref(), now()?));
    }
    let served = match api.probe(&Endpoint::Jwks) {
        Ok(probe) => {
            let (check, served) = keys(&probe);
            checks.push(check);
            served
        }
        Err(error) => {
            checks.push(Check::failed("keys", format!("{error:#}"), "try again"));
            None
        }
    };
    let garbage = Api::new(url)?.with_token("garbage").probe(&Endpoint::Whoami);
    checks.push(match garbage {
        Ok(probe) => gate(&probe),
        Err(error) => Check::failed("tokens", format!("{error:#}"), "try again"),
    });
    checks.extend(proxy::check(url)?);
    checks.push(login(url));
    if let Some(file) = &args.vars {
        checks.extend(secrets::check(file, args.root_key.as_deref(), served.as_ref()));
    }
    Ok(checks)
}

fn unreachable(error: &anyhow::Error) -> Check {
    let text = format!("{error:#}");
    if text.contains("certificate") || text.contains("tls") || text.contains("rustls") {
        let advice = "check this machine's clock; if the clock is correct, renew the edge's certificate. For a private CA, set PINLATCH_CA_FILE to the path of the CA's certificate";
        return Check::failed("tls", text, advice);
    }
    Check::failed(
        "edge",
        text,
        "check the URL and the network; to list the deployments, run `npx wrangler deployments list`",
    )
}

fn tls(url: &Url) -> Check {
    match url.scheme() {
        "https" => Check::ok("tls", "the edge's certificate is accepted"),
        _ if is_local(url) => Check::ok("tls", "the edge runs on this machine, so TLS is not needed"),
        _ => Check::failed("tls", "the connection is not encrypted", "use the deployment's https URL"),
    }
}

fn edge(probe: &Probe) -> Check {
    let own = env!("CARGO_PKG_VERSION");
    match serde_json::from_str::<Health>(&probe.body) {
        Ok(health) if probe.status == 200 && health.status == "ok" && health.version == own => {
            Check::ok("edge", format!("the edge answers and has version {own}"))
        }
        Ok(health) if probe.status == 200 && health.status == "ok" => Check::warning(
            "edge",
            format!("the edge has version {}, but this command line has version {own}", health.version),
            "deploy the edge and install the command line from the same release",
        ),
        _ => Check::failed(
            "edge",
            format!(
                "the response to a request for /healthz has status {}, but is not from a Pinlatch edge",
                probe.status
            ),
            "check the URL; if no edge is deployed at this URL, run `npx wrangler deploy`",
        ),
    }
}

fn keys(probe: &Probe) -> (Check, Option<Value>) {
    if let Some(problem) = probe.problem().filter(|problem| problem.is(Code::Misconfigured)) {
        let advice = "upload the edge's secrets: npx wrangler secret bulk .dev.vars";
        return (Check::failed("keys", problem.to_string(), advice), None);
    }
    let served: Option<Value> = serde_json::from_str(&probe.body).ok().filter(|_| probe.status == 200);
    let Some(served) = served else {
        let detail =
            format!("the response to a request for /.well-known/jwks.json has status {}", probe.status);
        return (Check::failed("keys", detail, "check the edge's log: npx wrangler tail"), None);
    };
    // The key set also contains the public keys with which other parties encrypt tokens for the edge.
    let is_for_sealing = |key: &&Value| key.get("use").is_some_and(|usage| usage == "enc");
    let keys = jwks::keys(&served);
    let signing: Vec<&Value> = keys.iter().filter(|key| !is_for_sealing(key)).collect();
    let check = match KeySet::from_own_jwks(&json!({ "keys": signing })) {
        Ok(_) => {
            let count = keys.len();
            let what = if count == 1 { "1 key is".into() } else { format!("{count} keys are") };
            Check::ok("keys", format!("{what} published and valid"))
        }
        Err(error) => Check::failed(
            "keys",
            format!("/.well-known/jwks.json is not a valid key set of an edge: {error}"),
            "check the proxies between this machine and the edge",
        ),
    };
    (check, Some(served))
}

/// Checks that the edge refuses an invalid token.
fn gate(probe: &Probe) -> Check {
    let refused =
        probe.status == 401 && probe.problem().is_some_and(|problem| problem.is(Code::InvalidToken));
    let challenged = probe.challenge.as_deref().is_some_and(|challenge| challenge.starts_with("Bearer"));
    match (refused, challenged) {
        (true, true) => Check::ok("tokens", "the edge refuses an invalid token"),
        (true, false) => Check::warning(
            "tokens",
            "the edge refuses an invalid token, but the response has no WWW-Authenticate header",
            "check the proxies between this machine and the edge; one of the proxies removes headers",
        ),
        (false, _) if probe.status < 300 => Check::failed(
            "tokens",
            format!("the edge accepted an invalid token and answered with status {}", probe.status),
            "take the deployment offline, and find out which program answers at this URL",
        ),
        (false, _) => Check::failed(
            "tokens",
            format!(
                "the edge answered an invalid token with status {}; the expected answer is status 401 with the code invalid_token",
                probe.status
            ),
            "check the edge's log: npx wrangler tail",
        ),
    }
}

fn login(url: &Url) -> Check {
    let login = "log in to the deployment: pinlatch login --url URL --username YOU";
    match session::logged_in_at() {
        Ok(Some(own)) if is_same_origin(&own, url) => {}
        Ok(Some(own)) => {
            return Check::warning(
                "login",
                format!("you are logged in to {own}, not to this deployment"),
                login,
            );
        }
        Ok(None) => return Check::warning("login", "you are not logged in on this machine", login),
        Err(error) => return Check::failed("login", format!("{error:#}"), login),
    }
    match session::api().and_then(|api| api.call::<Whoami>(&Endpoint::Whoami)) {
        Ok(whoami) => {
            Check::ok("login", format!("you are logged in as {} at the site {}", whoami.sub, whoami.site))
        }
        Err(error) => Check::failed("login", format!("{error:#}"), login),
    }
}

#[cfg(test)]
mod tests {
    use pinlatch_protocol::problem::Problem;

    use super::*;

    fn probe(status: u16, body: &str) -> Probe {
        Probe { status, date: None, challenge: Some("Bearer realm=\"x\"".into()), body: body.into() }
    }

    #[test]
    fn an_edge_is_told_from_something_else() {
        let own = format!("{{\"status\":\"ok\",\"version\":\"{}\"}}", env!("CARGO_PKG_VERSION"));
        assert_eq!(edge(&probe(200, &own)).state, State::Ok);
        assert_eq!(edge(&probe(200, "{\"status\":\"ok\",\"version\":\"0.0.1\"}")).state, State::Warning);
        for (status, body) in
            [(200, "<html>"), (502, own.as_str()), (200, "{\"status\":\"ill\",\"version\":\"1\"}")]
        {
            assert_eq!(edge(&probe(status, body)).state, State::Failed, "{status} {body}");
        }
    }

    #[test]
    fn a_token_that_is_none_must_be_refused() {
        let problem = serde_json::to_string(&Problem::new(Code::InvalidToken)).unwrap();
        assert_eq!(gate(&probe(401, &problem)).state, State::Ok);
        assert_eq!(gate(&Probe { challenge: None, ..probe(401, &problem) }).state, State::Warning);
        assert_eq!(gate(&probe(200, "{}")).state, State::Failed);
        assert_eq!(gate(&probe(401, "no")).state, State::Failed);
    }

    #[test]
    fn keys_are_looked_at_as_they_are_served() {
        let key = pinlatch_token::SigningKey::generate();
        let good = json!({ "keys": [key.public_jwk()] }).to_string();
        assert_eq!(keys(&probe(200, &good)).0.state, State::Ok);
        let private = format!("{{\"keys\":[{}]}}", key.to_private_jwk().expose());
        assert_eq!(keys(&probe(200, &private)).0.state, State::Failed);
        assert_eq!(keys(&probe(404, &good)).0.state, State::Failed);
        let misconfigured = serde_json::to_string(&Problem::new(Code::Misconfigured)).unwrap();
        let (check, served) = keys(&probe(503, &misconfigured));
        assert!(served.is_none() && check.advice.unwrap().contains("secret bulk"));
    }
}
