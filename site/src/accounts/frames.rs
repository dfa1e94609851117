//! Limits the messages of panels and the WebSocket upgrades that cause no command. The limit is in memory, because it
//! protects the site before the site reads its database.

use std::cell::RefCell;
use std::collections::HashMap;

use pinlatch_protocol::problem::{Code, Problem};

use crate::interface::principal::Principal;

/// The number of messages without a new command that one caller can send per second.
pub(crate) const FRAMES_PER_S: u64 = 20;

/// The number of messages without a new command that one caller can send at once. After an interruption, all panels of
/// a person connect at the same time.
pub(crate) const FRAMES_AT_ONCE: u64 = 200;

const FRAME_MS: u64 = 1_000 / FRAMES_PER_S;

/// The number of stored callers from which on callers without recent messages are removed.
const MANY: usize = 1_024;

/// Counts the messages of each caller. If the counts are lost, each caller can send [`FRAMES_AT_ONCE`] messages again.
#[derive(Default)]
pub struct FrameLimits(RefCell<HashMap<(String, String), u64>>);

impl FrameLimits {
    /// Returns the problem `throttled` if the caller has sent too many messages without a new command.
    pub fn require_room(&self, principal: &Principal, now_ms: u64) -> Result<(), Problem> {
        let free_ms = self.0.borrow().get(&caller(principal)).copied().unwrap_or(0);
        if free_ms.saturating_sub(now_ms) <= FRAME_MS * (FRAMES_AT_ONCE - 1) {
            return Ok(());
        }
        let limit = format!("you can send at most {FRAMES_PER_S} messages without a new command per second");
        Err(Problem::new(Code::Throttled).detail(limit).retry_after(1))
    }

    /// Counts a message without a new command, or a WebSocket upgrade.
    pub fn count(&self, principal: &Principal, now_ms: u64) {
        let mut callers = self.0.borrow_mut();
        if callers.len() >= MANY {
            callers.retain(|_, free_ms| *free_ms > now_ms);
        }
        let free_ms = callers.entry(caller(principal)).or_default();
        *free_ms = (*free_ms).max(now_ms).saturating_add(FRAME_MS);
    }
}

/// Returns the identity by which messages are counted. All tokens of an external issuer count together, because an
/// issuer can invent any number of subjects.
fn caller(principal: &Principal) -> (String, String) {
    match &principal.issuer {
        Some(issuer) => ("issuer".into(), issuer.clone()),
        None => (principal.iss.clone(), principal.sub.clone()),
    }
}
