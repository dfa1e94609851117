//! Checks the configured issuers and login providers. The tables in `wrangler.toml` are parsed in the same way as in
//! the Worker. The documents that issuers and login providers publish are fetched. In addition, a token of each issuer
//! is sent to the edge.

use std::collections::BTreeSet;

use base64ct::{Base64UrlUnpadded, Encoding};
use pinlatch_protocol::api::LoginOption;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_token::login::Provider;
use pinlatch_token::{Algorithm, Issuer, KeyError, KeySet, MintingKey};
use serde_json::{Map, Value, json};
use url::Url;

use super::check::{Check, State};
use super::clock::{CLOCK_WRONG, http_date};
use super::named::{NamedOrigins, configured};
use super::private;
use crate::deploy::vars::Vars;
use crate::deploy::wrangler::{Config, Files, Reading, member};
use crate::edge::api::Api;
use crate::edge::published::{self, Published, Unpublished};
use crate::edge::session;
use crate::jwks;
use crate::terminal::times::spoken;

const ISSUER: &str = "issuer";
const PROVIDER: &str = "provider";

/// The lifetime of the test token that is sent to the edge, in seconds.
const PROBE_LIFE: u64 = 30;

const LOOK_AT_TABLE: &str = "fix the issuer's table in the configuration file (see docs/edge.md), or replace the table: pinlatch issuer add NAME --replace";
const CHECK_ADDRESS: &str = "compare the URL with the documentation of the issuer or login provider; request the URL on this machine: curl -v URL";

/// Checks the configured issuers and login providers. If `url` is given, also checks whether the deployment at this URL
/// has the same tables.
pub fn check(files: &Files, url: Option<&Url>, now: u64) -> Vec<Check> {
    let read = files.secrets().and_then(|vars| {
        let reading = Config::read(&files.config)?.reading(vars.as_ref())?;
        Ok((vars, reading))
    });
    let (vars, reading) = match read {
        Ok(read) => read,
        Err(error) => {
            let advice = "give the path of wrangler.toml with --config, or fix the error; docs/edge.md describes the tables of issuers and login providers";
            return vec![Check::failed("config", format!("{error:#}"), advice).coded("config_unreadable")];
        }
    };
    let origin = configured(vars.as_ref().and_then(|vars| vars.find("ORIGIN")), &reading.vars);
    let named = NamedOrigins::new(origin, session::logged_in_at().ok().flatten());
    let mut checks = Vec::new();
    for name in reading.issuer_tables.keys() {
        checks.push(match reading.issuers.named(name) {
            Ok(issuer) => {
                IssuerCheck { issuer, reading: &reading, vars: vars.as_ref(), named: &named, now }.check(url)
            }
            Err(reason) => {
                Check::failed(ISSUER, format!("{name}: {reason}"), LOOK_AT_TABLE).coded("issuer_table")
            }
        });
    }
    for (name, table) in &reading.login_tables {
        let provider = name.parse().ok().and_then(|name| reading.providers.named(&name));
        checks.push(match provider {
            Some(provider) => provider_check(provider, table, &reading.absent, url, now),
            None => {
                let reason = reading
                    .providers
                    .faults()
                    .get(name)
                    .map_or("the login provider's table is invalid", String::as_str);
                let advice = "fix the login provider's table in the configuration file; docs/edge.md describes the table";
                Check::failed(PROVIDER, format!("{name}: {reason}"), advice).coded("login_table")
            }
        });
    }
    checks
}

/// The check of a token issuer whose table in the configuration is valid.
struct IssuerCheck<'c> {
    issuer: &'c Issuer,
    reading: &'c Reading,
    vars: Option<&'c Vars>,
    /// The origins to which a token of the issuer can be sent.
    named: &'c NamedOrigins,
    now: u64,
}

impl IssuerCheck<'_> {
    fn check(&self, url: Option<&Url>) -> Check {
        let table = self.reading.issuer_tables.get(&self.issuer.name).unwrap_or(&Value::Null);
        let here = match self.issuer.jwks_uri() {
            Some(uri) => self.published(uri, table),
            None => self.configured(table),
        };
        let here = here.unwrap_or_else(|check| check);
        match url {
            _ if here.state == State::Failed => here,
            Some(url) if !self.named.contain(url) => left_out(url, here),
            Some(url) => self.asked(table, url, here),
            None => here,
        }
    }

    fn configured(&self, table: &Value) -> Result<Check, Check> {
        let name = &self.issuer.name;
        let keys =
            self.issuer.read_published(&Value::Null).map_or_else(|_| Vec::new(), |keys| keys.algorithms());
        let algorithms = names(&keys);
        match member(table, "secret") {
            Some(secret) if self.reading.absent.contains(secret) => Err(not_here(ISSUER, name, secret)),
            Some(secret) => Ok(Check::ok(
                ISSUER,
                format!("{name}: the issuer signs with the secret {secret} ({algorithms})"),
            )),
            None => Ok(Check::ok(
                ISSUER,
                format!("{name}: the issuer's public keys are in the configuration ({algorithms})"),
            )),
        }
    }

    fn published(&self, uri: &str, table: &Value) -> Result<Check, Check> {
        let name = &self.issuer.name;
        let jwks = published::get(uri)
            .map_err(|error| unpublished(ISSUER, name, uri, &error, "jwks_unreachable"))?;
        apart(ISSUER, name, &jwks, self.now)?;
        let summary =
            describe_keys(&jwks.document, &algorithms_of(table), |jwks| self.issuer.read_published(jwks));
        let summary = summary.map_err(|reason| {
            let advice = "report this error to the issuer; until the issuer fixes the error, the edge uses the last valid key set for at most one day";
            Check::failed(ISSUER, format!("{name}: {uri}: {reason}"), advice).coded("jwks_refused")
        })?;
        if let Ok(metadata) = published::metadata(&self.issuer.issuer) {
            self.consistent(&metadata.document, uri)?;
        }
        Ok(Check::ok(ISSUER, format!("{name}: {summary}")))
    }

    /// Checks that the issuer's metadata agrees with the issuer's table in the configuration.
    fn consistent(&self, metadata: &Value, uri: &str) -> Result<(), Check> {
        let (name, own) = (&self.issuer.name, &self.issuer.issuer);
        let text = |member: &str| metadata.get(member).and_then(Value::as_str).unwrap_or_default();
        if text("issuer") != own {
            let detail = format!(
                "{name}: the issuer's metadata contains `issuer` {:?}, but the configuration contains {own:?}",
                text("issuer")
            );
            let advice = "set `issuer` in the issuer's table to the exact value in the issuer's metadata; a slash at the end matters";
            return Err(Check::failed(ISSUER, detail, advice).coded("issuer_differs"));
        }
        if text("jwks_uri") != uri {
            let detail = format!(
                "{name}: the issuer's metadata contains `jwks_uri` {:?}, but the configuration contains {uri:?}",
                text("jwks_uri")
            );
            let advice = "set `jwks_uri` in the issuer's table to the URL in the metadata, because the issuer might publish new keys only at that URL";
            return Err(Check::warning(ISSUER, detail, advice).coded("jwks_uri_differs"));
        }
        Ok(())
    }

    /// Sends a token of this issuer to the edge. If the issuer's secret is on this machine, the token is signed with
    /// this secret. Otherwise, the signature of the token is invalid. The edge reports an invalid table (503
    /// `misconfigured`) and unreachable keys (503 `issuer_unavailable`) even if the signature is invalid.
    fn asked(&self, table: &Value, url: &Url, here: Check) -> Check {
        let name = &self.issuer.name;
        let signed = member(table, "secret").and_then(|secret| self.signed(table, self.vars?.find(secret)?));
        let is_signed = signed.is_some();
        let token = signed.unwrap_or_else(|| self.unsigned(table));
        let asked = Api::new(url).and_then(|api| api.with_token(&token).probe(&Endpoint::Whoami));
        let probe = match asked {
            Ok(probe) => probe,
            Err(error) => return Check::warning(ISSUER, format!("{name}: {error:#}"), "try again"),
        };
        let problem = serde_json::from_str::<Problem>(&probe.body).ok();
        let is = |code| problem.as_ref().is_some_and(|problem| problem.is(code));
        if is(Code::Misconfigured) {
            let detail = format!(
                "{name}: the issuer's table is valid on this machine, but the edge reports a configuration error"
            );
            let advice = "the issuer's table at the edge differs from the table on this machine, or the edge does not have the issuer's secret. \
                          List the edge's secrets: npx wrangler secret list. Deploy the table: npx wrangler deploy. The edge's log contains the reason: npx wrangler tail";
            return Check::failed(ISSUER, detail, advice).coded("edge_misconfigured");
        }
        if is(Code::IssuerUnavailable) {
            let detail = format!("{name}: the edge cannot fetch the issuer's keys, but this machine can");
            if let Some(check) = self.issuer.jwks_uri().and_then(|uri| private::refused(ISSUER, &detail, uri))
            {
                return check;
            }
            let advice = "check that the issuer accepts requests from Cloudflare's IP addresses. The edge's log contains the reason for the failure: \
                          npx wrangler tail";
            return Check::failed(ISSUER, detail, advice).coded("edge_cannot_fetch");
        }
        match probe.status {
            200 if is_signed => {
                Check::ok(ISSUER, format!("{}; the edge accepts the issuer's tokens", here.detail))
            }
            401 if is_signed => {
                let detail = format!(
                    "{name}: the edge does not accept a token that was signed with the secret on this machine"
                );
                let advice = "the edge and this machine have different secrets, or the issuer's table is not deployed. \
                              Set the edge's secret: npx wrangler secret put NAME. Deploy the table: npx wrangler deploy";
                Check::failed(ISSUER, detail, advice).coded("edge_refuses")
            }
            401 => here,
            status => Check::warning(
                ISSUER,
                format!("{name}: the edge answered a token of this issuer with status {status}"),
                "check the edge's log: npx wrangler tail",
            ),
        }
    }

    fn claims(&self, table: &Value) -> Map<String, Value> {
        let text = |name: &str| member(table, name).unwrap_or_default();
        let life =
            table.get("max_life").and_then(Value::as_u64).map_or(PROBE_LIFE, |most| most.min(PROBE_LIFE));
        let claims = json!({ "iss": self.issuer.issuer, "aud": text("audience"), "sub": "pinlatch-doctor",
                             "iat": self.now, "exp": self.now + life });
        let mut claims = claims.as_object().cloned().unwrap_or_default();
        if let Some(claim) = member(table, "scope_claim") {
            claims.entry(claim).or_insert_with(|| text("scope").into());
        }
        claims
    }

    fn typ<'t>(&self, table: &'t Value) -> &'t str {
        table.get("typ").and_then(|all| all.get(0)).and_then(Value::as_str).unwrap_or("JWT")
    }

    fn signed(&self, table: &Value, secret: &str) -> Option<String> {
        let algorithm = algorithms_of(table).first().copied();
        let key = MintingKey::read(secret.as_bytes(), algorithm).ok()?;
        key.sign(self.typ(table), None, self.claims(table)).ok()
    }

    fn unsigned(&self, table: &Value) -> String {
        let part = |value: Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let header = part(json!({ "alg": "RS256", "typ": self.typ(table) }));
        let claims = part(Value::Object(self.claims(table)));
        format!("{header}.{claims}.{}", Base64UrlUnpadded::encode_string(&[0; 32]))
    }
}

/// Adds to the check of an issuer that no token was sent to the URL. A token is valid at the deployment, so a server
/// that only claims to be the deployment must not get it.
fn left_out(url: &Url, here: Check) -> Check {
    let origin = url.origin().ascii_serialization();
    let detail = format!(
        "{}; no token of the issuer was sent to {origin}, because neither the variable ORIGIN nor your login names this URL",
        here.detail
    );
    let advice = format!(
        "{}if {origin} is your deployment, log in there (pinlatch login --url {origin} --username YOU), or add the line ORIGIN='{origin}' to .dev.vars; then run this command again",
        here.advice.map_or_else(String::new, |advice| format!("{advice}; "))
    );
    Check::warning(ISSUER, detail, &advice).coded(here.code.unwrap_or("address_not_named"))
}

fn provider_check(
    provider: &Provider,
    table: &Value,
    absent: &BTreeSet<String>,
    url: Option<&Url>,
    now: u64,
) -> Check {
    let (name, uri) = (provider.name.as_str(), provider.discovery_uri());
    let looked = || -> Result<String, Check> {
        let found = published::get(&uri)
            .map_err(|error| unpublished(PROVIDER, name, &uri, &error, "discovery_unreachable"))?;
        apart(PROVIDER, name, &found, now)?;
        let discovery = provider.read_discovery(&found.document).map_err(|reason| {
            let advice = "set `issuer` in the login provider's table to the exact value in the provider's discovery document; \
                          if the value is already the same, report this error to the provider";
            Check::failed(PROVIDER, format!("{name}: {reason}"), advice).coded("discovery_refused")
        })?;
        let uri = &discovery.jwks_uri;
        let jwks = published::get(uri)
            .map_err(|error| unpublished(PROVIDER, name, uri, &error, "jwks_unreachable"))?;
        let summary =
            describe_keys(&jwks.document, &[], |jwks| discovery.read_keys(jwks)).map_err(|reason| {
                let advice = "report this error to the provider; logins with this provider fail until the provider fixes the error";
                Check::failed(PROVIDER, format!("{name}: {uri}: {reason}"), advice).coded("jwks_refused")
            })?;
        if let Some(secret) = member(table, "client_secret").filter(|secret| absent.contains(*secret)) {
            return Err(not_here(PROVIDER, name, secret));
        }
        Ok(format!("{name}: {summary}"))
    };
    let detail = match looked() {
        Ok(detail) => detail,
        Err(check) => return check,
    };
    let query = format!("site={}", provider.site);
    let offered = |url| Api::new(url)?.call_with::<Vec<LoginOption>>(&Endpoint::ListLogins, &query);
    match url.map(offered) {
        None => Check::ok(PROVIDER, detail),
        Some(Ok(options)) if options.iter().any(|option| option.name == provider.name) => {
            let site = &provider.site;
            Check::ok(PROVIDER, format!("{detail}; the login page of the site {site} offers this provider"))
        }
        Some(Ok(_)) => {
            let site = &provider.site;
            let detail = format!("{name}: the login page of the site {site} does not offer this provider");
            let advice = "deploy the login provider's table: npx wrangler deploy. \
                          Check that the edge has the provider's secret: npx wrangler secret list. \
                          If the edge refuses the table, the edge's log contains the reason: npx wrangler tail";
            Check::failed(PROVIDER, detail, advice).coded("login_not_deployed")
        }
        Some(Err(error)) => Check::warning(PROVIDER, format!("{name}: {error:#}"), "try again"),
    }
}

/// Creates a warning about a secret that is missing on this machine. The missing secret is not a failure, because the
/// Worker can have the secret.
fn not_here(kind: &'static str, name: &str, secret: &str) -> Check {
    let advice = format!(
        "check whether the edge has the secret (npx wrangler secret list), or set the secret: npx wrangler secret put {secret}"
    );
    let detail =
        format!("{name}: the secrets file on this machine (--vars) does not contain the secret {secret}");
    Check::warning(kind, detail, &advice).coded("secret_not_here")
}

fn unpublished(kind: &'static str, name: &str, uri: &str, error: &Unpublished, code: &'static str) -> Check {
    let advice = match error {
        Unpublished::Certificate(_) => {
            "the edge trusts only public CAs, so the edge probably refuses this certificate too. If a browser accepts \
             the certificate, check this machine's clock. To make `pinlatch` trust a private CA, set PINLATCH_CA_FILE \
             to the path of the CA's certificate"
        }
        _ => CHECK_ADDRESS,
    };
    Check::failed(kind, format!("{name}: {uri}: {error}"), advice).coded(code)
}

/// Compares the clock of the issuer or login provider with this machine's clock. The times in tokens come from the
/// clock of the issuer or login provider.
fn apart(kind: &'static str, name: &str, published: &Published, now: u64) -> Result<(), Check> {
    let Some(theirs) = published.date.as_deref().and_then(http_date) else { return Ok(()) };
    let apart = theirs.abs_diff(now);
    if apart <= CLOCK_WRONG {
        return Ok(());
    }
    let side = if theirs > now { "ahead of" } else { "behind" };
    let detail = format!("{name}: the server's clock is {} {side} this machine's clock", spoken(apart));
    let advice = "check which of the two clocks is wrong, and correct this clock; if the server's clock differs from the edge's clock by more than 60 s, \
                  the edge refuses the server's tokens (not_yet_valid, expired)";
    Err(Check::failed(kind, detail, advice).coded("issuer_clock"))
}

/// Describes which keys of a key set are used. For each unused key, the returned text contains the reason why the key
/// is not used.
fn describe_keys(
    jwks: &Value,
    algorithms: &[Algorithm],
    read: impl Fn(&Value) -> Result<KeySet, KeyError>,
) -> Result<String, String> {
    let keys = jwks::keys(jwks);
    let (mut used, mut others) = (Vec::new(), Vec::new());
    for key in keys {
        let alone = json!({ "keys": [key] });
        let kid = key.get("kid").and_then(Value::as_str).unwrap_or("(no kid)");
        match read(&alone) {
            Ok(set) => used.push(format!("{kid} {}", names(&set.algorithms()))),
            Err(error) => {
                // `read` can skip an unusable key without returning the reason. `from_jwks` always returns the reason
                // why a key is unusable.
                let error = KeySet::from_jwks(&alone, algorithms).err().unwrap_or(error);
                others.push(format!("the key {kid} is not used ({}: {error})", error.code()));
            }
        }
    }
    let whole = read(jwks).map_err(|error| {
        let others = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
        format!("{}: {error}{others}", error.code())
    });
    whole?;
    let others = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
    Ok(format!("{} of {} published keys are used ({}){others}", used.len(), keys.len(), used.join(", ")))
}

fn algorithms_of(table: &Value) -> Vec<Algorithm> {
    let all = table.get("algorithms").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(|name| name.as_str()?.parse().ok()).collect()
}

fn names(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|own| own.name()).collect::<Vec<_>>().join(", ")
}
