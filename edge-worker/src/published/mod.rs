//! What issuers publish at addresses of their own: key sets and discovery documents.
//!
//! One object for each address fetches it, so that all isolates together ask an issuer no more often than one
//! would, and keeps the last good text, so that an issuer that is down for a day stops nobody. Each isolate
//! keeps what it has parsed for a minute.

mod fetch;
mod object;
mod plan;

pub use fetch::send;
pub use object::PublishedObject;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_token::{Issuer, KeySet};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use worker::Env;

use crate::incoming::object_fault;
use crate::now_ms;
use crate::objects::ask;

/// How long an isolate believes what it has parsed, in milliseconds.
const BELIEVED_MS: u64 = 60_000;

/// How often an isolate asks the object because of a key that it does not know, at most, in milliseconds.
const UNKNOWN_EVERY_MS: u64 = 5_000;

/// What the Worker asks the object of an address.
#[derive(Serialize, Deserialize)]
struct Question {
    uri: String,
    /// Whether what is kept does not do: it lacks a key that a token names.
    lacks: bool,
}

/// A text that was fetched.
#[derive(Serialize, Deserialize)]
struct Fetched {
    text: String,
    fetched_ms: u64,
}

struct Parsed {
    keys: Rc<KeySet>,
    parsed_ms: u64,
    asked_for_unknown_ms: u64,
}

thread_local! {
    static KEYS: RefCell<HashMap<String, Parsed>> = RefCell::new(HashMap::new());
}

/// The document at an address, parsed; 503 `issuer_unavailable` where there is none to be had.
pub async fn document(env: &Env, uri: &str, lacks: bool) -> Result<Value, Problem> {
    let stub = env.durable_object("PUBLISHED").and_then(|namespace| namespace.id_from_name(uri)?.get_stub());
    let question = Question { uri: uri.to_owned(), lacks };
    let fetched: Result<Fetched, Problem> = ask(&stub.map_err(object_fault)?, None, &question).await?;
    serde_json::from_str(&fetched?.text).map_err(|_| unavailable("what it publishes is not JSON"))
}

/// The keys that an issuer publishes, among them the one that a token names if it can be had.
pub async fn keys(env: &Env, issuer: &Issuer, uri: &str, kid: Option<&str>) -> Result<Rc<KeySet>, Problem> {
    let now = now_ms();
    let known = KEYS.with_borrow(|all| {
        all.get(&issuer.name).map(|parsed| {
            (Rc::clone(&parsed.keys), now - parsed.parsed_ms < BELIEVED_MS, now - parsed.asked_for_unknown_ms)
        })
    });
    let mut lacks = false;
    if let Some((keys, believed, since_unknown)) = known {
        lacks = kid.is_some_and(|kid| !keys.knows(kid));
        if believed && (!lacks || since_unknown < UNKNOWN_EVERY_MS) {
            return Ok(keys);
        }
    }
    let mut jwks = document(env, uri, lacks).await?;
    let mut keys = read(issuer, &jwks)?;
    // The object may have kept a set from before the key was published.
    if !lacks && kid.is_some_and(|kid| !keys.knows(kid)) {
        lacks = true;
        jwks = document(env, uri, true).await?;
        keys = read(issuer, &jwks)?;
    }
    let keys = Rc::new(keys);
    KEYS.with_borrow_mut(|all| {
        let asked_for_unknown_ms = if lacks { now } else { 0 };
        all.insert(
            issuer.name.clone(),
            Parsed { keys: Rc::clone(&keys), parsed_ms: now, asked_for_unknown_ms },
        );
    });
    Ok(keys)
}

fn read(issuer: &Issuer, jwks: &Value) -> Result<KeySet, Problem> {
    issuer.read_published(jwks).map_err(|error| {
        worker::console_error!("issuer {:?}: its key set is refused: {}: {error}", issuer.name, error.code());
        unavailable("its key set is not acceptable")
    })
}

fn unavailable(why: &str) -> Problem {
    Problem::new(Code::IssuerUnavailable).detail(why).retry_after(30)
}
