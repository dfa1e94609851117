//! Decrypts sealed tokens, which are tokens that other parties encrypted for the edge (JWE).
//!
//! Anyone can encrypt a token for the edge, so a caller without a valid token can cause the use of a private key. A
//! token that does not fit a key is refused first, and [`Budget`] limits the number of the other tokens. A token that
//! was valid before is found in a cache and uses no private key.

mod budget;
mod webcrypto;

use std::cell::RefCell;
use std::rc::Rc;

use pinlatch_protocol::problem::Problem;
use pinlatch_token::{OpenedTokens, SealedToken};

use self::budget::Budget;
use crate::auth::refused;
use crate::clock::now_ms;
use crate::incoming::Incoming;

/// The number of sealed tokens whose content each isolate caches. A sealed token has at most 8 KiB.
const OPENED: usize = 256;

struct Memory {
    opened: OpenedTokens,
    budget: Budget,
}

thread_local! {
    static MEMORY: RefCell<Memory> =
        RefCell::new(Memory { opened: OpenedTokens::new(OPENED), budget: Budget::new() });
}

/// The signed JWT inside a sealed token.
pub struct Opened {
    pub jwt: Rc<str>,
    /// The sealed token and the client's address, if the private key was used.
    new: Option<(String, String)>,
}

impl Opened {
    /// Remembers the token, because its content has passed all checks. The next request with this token uses no private
    /// key, and other tokens from the same address do not share a limit with unknown callers.
    pub fn remember(self) {
        let Some((sealed, address)) = self.new else { return };
        MEMORY.with_borrow_mut(|memory| {
            memory.opened.keep(&sealed, self.jwt);
            memory.budget.trust(&address, now_ms());
        });
    }
}

/// Decrypts a sealed token. The caller must check the returned JWT like any other token, and then call
/// [`Opened::remember`]. If the token cannot be decrypted, this function returns 401 `invalid_token`. Beyond the
/// limits, this function returns 429 `throttled`.
pub async fn open(incoming: &Incoming, token: &str) -> Result<Opened, Problem> {
    if let Some(jwt) = MEMORY.with_borrow(|memory| memory.opened.find(token)) {
        return Ok(Opened { jwt, new: None });
    }
    let sealed = incoming.deployment.keys.read_sealed(token).map_err(refused)?;
    let address = incoming.client_address();
    MEMORY.with_borrow_mut(|memory| memory.budget.admit(&address, now_ms()))?;
    let jwt = decrypt(&sealed).await?;
    Ok(Opened { jwt: jwt.into(), new: Some((token.to_owned(), address)) })
}

async fn decrypt(sealed: &SealedToken<'_, '_>) -> Result<String, Problem> {
    let content_key = match sealed.rsa() {
        Some(operation) => webcrypto::decrypt(&operation).await?,
        None => None,
    };
    sealed.open(content_key.as_deref()).map_err(refused)
}
