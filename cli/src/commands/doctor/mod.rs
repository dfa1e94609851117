//! Implements `pinlatch doctor`, which checks a deployment and suggests a fix for each problem.

mod foreign;
mod secrets;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use pinlatch_protocol::api::{Health, Whoami};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_token::KeySet;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use crate::deploy::wrangler::Files;
use crate::edge::api::{Api, Probe, is_local};
use crate::edge::session;
use crate::terminal::output::{say, say_json};
use crate::terminal::text::{plain, wrap};
use crate::terminal::times::{now, spoken};

/// The largest clock difference without a warning, in seconds. The limit allows for the time that the edge's response
/// needs.
const CLOCK_NOTED: u64 = 5;

/// The largest clock difference at which the edge accepts tokens of other issuers, in seconds.
const CLOCK_WRONG: u64 = 60;

/// The indentation of a check's details. `WIDTH` is the maximum width of the details.
const INDENT: &str = "                     ";
const WIDTH: usize = 59;

#[derive(clap::Args)]
pub struct Doctor {
    /// The deployment's URL. With --config, the URL is optional. [default: the deployment that you are logged in to]
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    /// The checked part works, but needs attention.
    Warning,
    Failed,
}

/// The result of one check.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    name: &'static str,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Check {
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Ok, code: None, detail: detail.into(), advice: None }
    }

    pub fn warning(name: &'static str, detail: impl Into<String>, advice: &str) -> Self {
        Self { name, state: State::Warning, code: None, detail: detail.into(), advice: Some(advice.into()) }
    }

    pub fn failed(name: &'static str, detail: impl Into<String>, advice: &str) -> Self {
        Self { name, state: State::Failed, code: None, detail: detail.into(), advice: Some(advice.into()) }
    }

    /// Adds a code that programs can evaluate. The code does not change when the wording of the message changes.
    pub fn coded(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
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
    let well = checks.iter().all(|check| check.state != State::Failed);
    if json {
        say_json(&json!({ "url": url, "ok": well, "checks": checks }))?;
    } else {
        let title = url.as_ref().map_or_else(|| "No deployment was checked", Url::as_str);
        say(&page(title, &checks))?;
    }
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

/// Compares the edge's clock, as given in the `Date` header, with this machine's clock.
fn clock(date: Option<&str>, now: u64) -> Check {
    let Some(theirs) = date.and_then(http_date) else {
        return Check::warning(
            "clock",
            "the clocks cannot be compared, because the edge's response has no `Date` header",
            "check that this machine's clock is correct",
        );
    };
    let apart = theirs.abs_diff(now);
    let detail = match apart {
        0 => "this machine's clock is equal to the edge's clock".to_owned(),
        _ if theirs > now => format!("this machine's clock is {} behind the edge's clock", spoken(apart)),
        _ => format!("this machine's clock is {} ahead of the edge's clock", spoken(apart)),
    };
    let advice = "set this machine's clock with NTP: timedatectl set-ntp true";
    match apart {
        0..=CLOCK_NOTED => Check::ok("clock", detail),
        _ if apart <= CLOCK_WRONG => Check::warning("clock", detail, advice),
        _ => Check::failed("clock", detail, advice),
    }
}

/// Parses the fixed-length date format of RFC 9110 §5.6.7, and returns Unix seconds. Current servers send dates only in
/// the fixed-length format.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let (day, month, year, time, zone) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|own| *own == month)? + 1;
    if zone != "GMT" {
        return None;
    }
    crate::terminal::times::instant(&format!("{year}-{month:02}-{day}T{time}Z")).ok().map(|ms| ms / 1000)
}

fn keys(probe: &Probe) -> (Check, Option<Value>) {
    if let Some(problem) = problem(probe).filter(|problem| problem.is(Code::Misconfigured)) {
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
    let keys = served.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
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
    let refused = probe.status == 401 && problem(probe).is_some_and(|problem| problem.is(Code::InvalidToken));
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

fn problem(probe: &Probe) -> Option<Problem> {
    serde_json::from_str(&probe.body).ok()
}

fn login(url: &Url) -> Check {
    let login = "log in to the deployment: pinlatch login --url URL --username YOU";
    match session::logged_in_at() {
        Ok(Some(own)) if own.origin() == url.origin() => {}
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

fn page(title: &str, checks: &[Check]) -> String {
    let mut page = format!("{title}\n");
    for Check { name, state, detail, advice, .. } in checks {
        let state = match state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "FAILED",
        };
        let mut lead = format!("  {state:<7}  {name:<8}  ");
        for line in wrap(&plain(detail), WIDTH) {
            page.push_str(&format!("{lead}{line}\n"));
            lead = INDENT.into();
        }
        let mut lead = format!("{INDENT}-> ");
        for line in advice.iter().flat_map(|advice| wrap(advice, WIDTH - 3)) {
            page.push_str(&format!("{lead}{line}\n"));
            lead = format!("{INDENT}   ");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_782_907_200;

    fn probe(status: u16, body: &str) -> Probe {
        Probe { status, date: None, challenge: Some("Bearer realm=\"x\"".into()), body: body.into() }
    }

    #[test]
    fn clocks_are_compared() {
        let at = |now| clock(Some("Wed, 01 Jul 2026 12:00:00 GMT"), now);
        assert_eq!(at(NOW), Check::ok("clock", "this machine's clock is equal to the edge's clock"));
        assert_eq!(at(NOW + 3).state, State::Ok);
        assert_eq!(
            (at(NOW - 30).state, at(NOW - 30).detail.as_str()),
            (State::Warning, "this machine's clock is 30s behind the edge's clock")
        );
        assert_eq!(
            (at(NOW + 90).state, at(NOW + 90).detail.as_str()),
            (State::Failed, "this machine's clock is 1m 30s ahead of the edge's clock")
        );
        for unknown in
            [None, Some("yesterday"), Some("Wed, 01 Jul 2026 12:00:00 CET"), Some("Wed, 1 Foo 2026 1:0 GMT")]
        {
            assert_eq!(clock(unknown, NOW).state, State::Warning, "{unknown:?}");
        }
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

    #[test]
    fn a_report_is_read_line_by_line() {
        let checks = [Check::ok("edge", "answers"), Check::failed("clock", "\u{1b}[2J wrong", "set it")];
        assert_eq!(
            page("https://door.example/", &checks),
            "https://door.example/\n  ok       edge      answers\n  FAILED   clock     \\u001b[2J wrong\n                     -> set it\n"
        );
    }
}
