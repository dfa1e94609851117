//! Provides the documents that issuers publish: key sets and discovery documents.
//!
//! One Durable Object fetches the document of each URL. The number of requests to an issuer is therefore independent of
//! the number of isolates. The Durable Object stores the last valid document, so people can still log in while an
//! issuer is down for up to a day. Each isolate caches the parsed key sets for one minute.

mod fetch;
mod object;
mod plan;
mod question;

pub use fetch::send;
pub use object::PublishedObject;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pinlatch_protocol::problem::Problem;
use pinlatch_token::{Issuer, KeySet};
use serde_json::Value;
use worker::Env;

use self::question::{Fetched, Question, unavailable};
use crate::clock::now_ms;
use crate::incoming::object_fault;
use crate::objects::ask;

/// How long an isolate uses a parsed key set, in milliseconds.
const BELIEVED_MS: u64 = 60_000;

/// The minimum time between two requests of an isolate to the Durable Object because of an unknown key, in
/// milliseconds.
const UNKNOWN_EVERY_MS: u64 = 5_000;

struct Parsed {
    keys: Rc<KeySet>,
    parsed_ms: u64,
    asked_for_unknown_ms: u64,
}

thread_local! {
    static KEYS: RefCell<HashMap<String, Parsed>> = RefCell::new(HashMap::new());
}

/// Returns the document at a URL as JSON. If `lacks` is true, the stored document does not contain the required key, so
/// the document is fetched again if the rate limit allows. If no document is available, this function returns 503
/// `issuer_unavailable`.
pub async fn document(env: &Env, uri: &str, lacks: bool) -> Result<Value, Problem> {
    let stub = env.durable_object("PUBLISHED").and_then(|namespace| namespace.id_from_name(uri)?.get_stub());
    let question = Question { uri: uri.to_owned(), lacks };
    let fetched: Result<Fetched, Problem> = ask(&stub.map_err(object_fault)?, None, &question).await?;
    serde_json::from_str(&fetched?.text).map_err(|_| unavailable("the issuer's document is not JSON"))
}

/// Returns the keys that an issuer publishes. If `kid` is unknown, the document is fetched again if the rate limit
/// allows.
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
    // The key of the token can be newer than the key set that the Durable Object has stored.
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
        worker::console_error!(
            "issuer {:?}: the key set was refused: {}: {error}",
            issuer.name,
            error.code()
        );
        unavailable("the issuer's key set is invalid")
    })
}
