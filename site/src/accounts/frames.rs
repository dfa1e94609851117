//! Limits the requests and messages that cause no new command. The limit is in memory, because it protects the site
//! before the site reads its database.

use std::cell::RefCell;
use std::collections::HashMap;

use pinlatch_protocol::problem::{Code, Problem};

use crate::interface::principal::Principal;

/// The number of requests and messages without a new command that one login of a person can send per second.
pub(crate) const LOGIN_PER_S: u64 = 100;

/// The number of requests and messages without a new command that one issued token can send per second.
pub(crate) const TOKEN_PER_S: u64 = 20;

/// The number of requests and messages without a new command that all tokens of an external issuer can send per second.
pub(crate) const ISSUER_PER_S: u64 = 80;

/// A caller can send the messages of this time at once. After an interruption, all panels of a caller connect at the
/// same time.
pub(crate) const AT_ONCE_S: u64 = 10;

/// The number of stored callers from which on callers without recent messages are removed.
const MANY: usize = 1_024;

/// Counts the requests and messages of each caller. If the counts are lost, each caller can send the messages of
/// [`AT_ONCE_S`] again.
#[derive(Default)]
pub struct FrameLimits(RefCell<HashMap<Caller, u64>>);

impl FrameLimits {
    /// Returns the problem `throttled` if the caller has sent too many requests and messages without a new command.
    pub fn require_room(&self, principal: &Principal, now_ms: u64) -> Result<(), Problem> {
        let caller = Caller::of(principal);
        let free_us = self.0.borrow().get(&caller).copied().unwrap_or(0);
        let waiting_us = free_us.saturating_sub(now_ms.saturating_mul(1_000));
        if waiting_us + caller.frame_us() <= AT_ONCE_S * 1_000_000 {
            return Ok(());
        }
        let per_s = caller.per_s();
        let limit =
            format!("you can send at most {per_s} requests or messages without a new command per second");
        Err(Problem::new(Code::Throttled).detail(limit).retry_after(1))
    }

    /// Counts a request or a message without a new command, or a WebSocket upgrade.
    pub fn count(&self, principal: &Principal, now_ms: u64) {
        let now_us = now_ms.saturating_mul(1_000);
        let mut callers = self.0.borrow_mut();
        if callers.len() >= MANY {
            callers.retain(|_, free_us| *free_us > now_us);
        }
        let caller = Caller::of(principal);
        let frame_us = caller.frame_us();
        let free_us = callers.entry(caller).or_default();
        *free_us = (*free_us).max(now_us).saturating_add(frame_us);
    }
}

/// The identity by which requests and messages are counted. It differs from the identity by which commands are counted,
/// because this limit also applies to the calls with which a person ends a stolen login.
#[derive(PartialEq, Eq, Hash)]
enum Caller {
    /// All tokens of an external issuer, because an issuer can invent any number of subjects.
    Issuer(String),
    /// One login of a person. Otherwise, the thief of a login could keep the person from ending this login.
    Login(String),
    /// One issued token, by its issuer and its subject.
    Token(String, String),
}

impl Caller {
    fn of(principal: &Principal) -> Self {
        match (&principal.issuer, &principal.family) {
            (Some(issuer), _) => Self::Issuer(issuer.clone()),
            (None, Some(family)) => Self::Login(family.clone()),
            (None, None) => Self::Token(principal.iss.clone(), principal.sub.clone()),
        }
    }

    fn per_s(&self) -> u64 {
        match self {
            Self::Issuer(_) => ISSUER_PER_S,
            Self::Login(_) => LOGIN_PER_S,
            Self::Token(..) => TOKEN_PER_S,
        }
    }

    /// Returns the time that one request or message takes of the caller's limit, in microseconds.
    fn frame_us(&self) -> u64 {
        1_000_000 / self.per_s()
    }
}
