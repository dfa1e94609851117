//! The deployment's configuration: secrets and variables of the Worker.

use std::cell::OnceCell;
use std::rc::Rc;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_token::{EdgeKeys, PublicKey, keyset};
use worker::Env;

/// What `EDGE_KEYS`, `KEYSET`, `ROOT_KEY` and `SITES` say.
pub struct Deployment {
    /// The edge's secrets.
    pub keys: EdgeKeys,
    /// The current `keyset+jwt`.
    pub keyset: String,
    /// The owner's root key.
    pub root: PublicKey,
    /// The sites; the first one is the default.
    sites: Vec<Name>,
}

thread_local! {
    /// Parsing keys costs a signature's worth of time. The bindings of an isolate never change: new
    /// secrets come with new isolates.
    static KNOWN: OnceCell<Rc<Deployment>> = const { OnceCell::new() };
}

impl Deployment {
    /// Reads the configuration; 503 `misconfigured` where it does not hold together.
    pub fn of(env: &Env) -> Result<Rc<Self>, Problem> {
        if let Some(known) = KNOWN.with(|known| known.get().cloned()) {
            return Ok(known);
        }
        let text = |name: &str| env.var(name).map(|value| value.to_string()).unwrap_or_default();
        let texts = ["EDGE_KEYS", "KEYSET", "ROOT_KEY", "SITES"].map(text);
        let read = Rc::new(Self::parse(&texts).map_err(|reason| {
            worker::console_error!("configuration: {reason}");
            Problem::new(Code::Misconfigured).detail("run `pinlatch init` and set its secrets")
        })?);
        Ok(KNOWN.with(|known| Rc::clone(known.get_or_init(|| read))))
    }

    fn parse([edge_keys, keyset, root_key, sites]: &[String; 4]) -> Result<Self, String> {
        let keys = EdgeKeys::from_jwks(edge_keys).map_err(|error| format!("EDGE_KEYS: {error}"))?;
        let jwk = serde_json::from_str(root_key).map_err(|_| "ROOT_KEY is not JSON".to_owned())?;
        let root = PublicKey::from_jwk(&jwk).map_err(|error| format!("ROOT_KEY: {error}"))?;
        keyset::verify(keyset, &root).map_err(|refusal| format!("KEYSET: {refusal}"))?;
        let names = sites.split(',').map(str::trim).filter(|name| !name.is_empty());
        let sites: Vec<Name> =
            names.map(Name::new).collect::<Result<_, _>>().map_err(|error| format!("SITES: {error}"))?;
        if sites.is_empty() {
            return Err("SITES names no site".into());
        }
        Ok(Self { keys, keyset: keyset.clone(), root, sites })
    }

    /// The sites; the first one is the default.
    pub fn sites(&self) -> &[Name] {
        &self.sites
    }

    /// A named site, or the default one; 404 `unknown_site`, so that an unknown name never becomes an
    /// object.
    pub fn site(&self, name: Option<&Name>) -> Result<&Name, Problem> {
        let found = match name {
            Some(name) => self.sites.iter().find(|own| *own == name),
            None => self.sites.first(),
        };
        found.ok_or_else(|| Code::UnknownSite.into())
    }
}
