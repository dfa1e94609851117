//! Reads the deployment's configuration from the secrets and variables of the Worker.

use std::cell::{OnceCell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::ScopeSet;
use pinlatch_site::Config;
use pinlatch_token::login::Providers;
use pinlatch_token::{EdgeKeys, Issuers, PublicKey, SignatureCache, keyset};
use serde_json::Value;
use worker::Env;

use crate::client_address::ClientAddress;
use crate::origins::Origins;

/// The number of verified signatures that each isolate caches. The cache of one isolate needs a few hundred kilobytes
/// of memory.
const SIGNATURES: usize = 1024;

/// The deployment's configuration, parsed from the secrets and variables of the Worker.
pub struct Deployment {
    pub keys: EdgeKeys,
    /// The current `keyset+jwt`, which lists the edge's keys. The owner's root key has signed the `keyset+jwt`.
    pub keyset: String,
    /// The public half of the owner's root key.
    pub root: PublicKey,
    /// The external issuers whose access tokens this deployment accepts.
    pub issuers: Issuers,
    /// The login providers (OpenID Connect) of this deployment.
    pub providers: Providers,
    /// Whether the Worker accepts a token in the query of a URL (RFC 6750 §2.3). Logs and browser histories store URLs,
    /// including the tokens in the URLs.
    pub query_tokens: bool,
    /// The origins under which browsers and devices reach this deployment.
    pub origins: Origins,
    /// The source of clients' addresses.
    pub client_address: ClientAddress,
    /// Whether the Worker accepts passwords and one-time codes over plain HTTP from other machines.
    pub allow_plaintext: bool,
    /// The scopes of the external issuers of each site. They are computed once, because each event of a site needs
    /// them.
    ceilings: BTreeMap<Name, Rc<BTreeMap<String, ScopeSet>>>,
    /// How long a login can last, however often it is refreshed, in milliseconds.
    pub max_login_ms: u64,
    /// The names of the sites of this deployment. The first site in the list is the default site.
    sites: Vec<Name>,
    signatures: RefCell<SignatureCache>,
}

thread_local! {
    /// The configuration is cached, because parsing the keys takes as long as creating a signature. The bindings of an
    /// isolate never change. When the owner changes a secret, Cloudflare starts new isolates.
    static KNOWN: OnceCell<Rc<Deployment>> = const { OnceCell::new() };
}

/// The range of `MAX_LOGIN_DAYS`, in days.
const MAX_LOGIN_DAYS: std::ops::RangeInclusive<u64> = 1..=3_650;

/// Reads `MAX_LOGIN_DAYS`. Without a value, a login lasts at most 90 days.
fn max_login_ms(days: &str) -> Result<u64, String> {
    let days = if days.is_empty() { Some(90) } else { days.parse().ok() };
    let days: Option<u64> = days.filter(|days| MAX_LOGIN_DAYS.contains(days));
    let (least, most) = (MAX_LOGIN_DAYS.start(), MAX_LOGIN_DAYS.end());
    let days =
        days.ok_or_else(|| format!("MAX_LOGIN_DAYS must be a number of days from {least} to {most}"))?;
    Ok(days * 86_400_000)
}

impl Deployment {
    /// Reads the Worker's configuration. If the configuration is invalid, this function returns 503 `misconfigured`.
    pub fn of(env: &Env) -> Result<Rc<Self>, Problem> {
        if let Some(known) = KNOWN.with(|known| known.get().cloned()) {
            return Ok(known);
        }
        let text = |name: &str| env.var(name).map(|value| value.to_string()).unwrap_or_default();
        let texts =
            ["EDGE_KEYS", "KEYSET", "ROOT_KEY", "SITES", "ORIGIN", "CLIENT_ADDRESS", "MAX_LOGIN_DAYS"];
        let texts = texts.map(text);
        let mut read = Self::parse(&texts).map_err(|reason| {
            worker::console_error!("configuration: {reason}");
            Problem::new(Code::Misconfigured).detail(
                "the edge's log contains the reason; for a new deployment, run `pinlatch init` and upload the edge's secrets",
            )
        })?;
        read.query_tokens = text("QUERY_TOKENS") == "on";
        read.allow_plaintext = text("ALLOW_PLAINTEXT") == "on";
        let secret = |name: &str| env.secret(name).ok().map(|value| value.to_string());
        if let Ok(tables) = env.object_var::<Value>("LOGINS") {
            read.providers = Providers::read(&tables, &read.sites, secret);
            for (name, reason) in read.providers.faults() {
                worker::console_error!("configuration: login {name:?}: {reason}");
            }
        }
        if let Ok(tables) = env.object_var::<Value>("ISSUERS") {
            read.issuers = Issuers::read(&tables, &read.sites, secret);
            read.issuers.forbid_audiences(read.providers.client_ids());
            for (name, reason) in read.issuers.faults() {
                worker::console_error!("configuration: issuer {name:?}: {reason}");
            }
            let of_site = |site: &Name| (site.clone(), Rc::new(read.issuers.ceilings(site)));
            read.ceilings = read.sites.iter().map(of_site).collect();
        }
        let read = Rc::new(read);
        Ok(KNOWN.with(|known| Rc::clone(known.get_or_init(|| read))))
    }

    fn parse(
        [edge_keys, keyset, root_key, sites, origin, client, max_login]: &[String; 7],
    ) -> Result<Self, String> {
        let keys = EdgeKeys::from_jwks(edge_keys).map_err(|error| format!("EDGE_KEYS: {error}"))?;
        let jwk = serde_json::from_str(root_key).map_err(|_| "ROOT_KEY is not JSON".to_owned())?;
        let root = PublicKey::from_jwk(&jwk).map_err(|error| format!("ROOT_KEY: {error}"))?;
        keyset::verify(keyset, &root).map_err(|refusal| format!("KEYSET: {refusal}"))?;
        let names = sites.split(',').map(str::trim).filter(|name| !name.is_empty());
        let sites: Vec<Name> =
            names.map(Name::new).collect::<Result<_, _>>().map_err(|error| format!("SITES: {error}"))?;
        if sites.is_empty() {
            return Err("SITES contains no site".into());
        }
        Ok(Self {
            keys,
            keyset: keyset.clone(),
            root,
            issuers: Issuers::default(),
            ceilings: BTreeMap::new(),
            providers: Providers::default(),
            query_tokens: false,
            origins: Origins::parse(origin).map_err(|reason| format!("ORIGIN: {reason}"))?,
            client_address: ClientAddress::parse(client)
                .map_err(|reason| format!("CLIENT_ADDRESS: {reason}"))?,
            allow_plaintext: false,
            max_login_ms: max_login_ms(max_login)?,
            sites,
            signatures: RefCell::new(SignatureCache::new(SIGNATURES)),
        })
    }

    /// Returns the cache of verified signatures. The caller must drop the returned borrow before the next `await`.
    pub fn signatures(&self) -> RefMut<'_, SignatureCache> {
        self.signatures.borrow_mut()
    }

    pub fn sites(&self) -> &[Name] {
        &self.sites
    }

    /// Returns the configuration of a site's Durable Object.
    pub fn site_config(&self, site: Name) -> Config {
        let issuers = self.ceilings.get(&site).cloned().unwrap_or_default();
        Config { leeway_s: 0, max_login_ms: self.max_login_ms, issuers, ..Config::new(site) }
    }

    /// Returns the site with this name, or the default site if `name` is `None`. For any other name, this function
    /// returns 404 `unknown_site`. A request with an unknown site name therefore never creates a Durable Object.
    pub fn site(&self, name: Option<&Name>) -> Result<&Name, Problem> {
        let found = match name {
            Some(name) => self.sites.iter().find(|own| *own == name),
            None => self.sites.first(),
        };
        found.ok_or_else(|| Code::UnknownSite.into())
    }
}
