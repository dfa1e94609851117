//! Verifies the calls of holders. A call (`call+jwt`) is signed by the key of its holder, and the holder's grant
//! (`grant+jwt`) by the owner's root key. The edge has neither of these keys, so it can only pass both on.
//!
//! A challenge is checked before any signature, because its check costs much less. Signatures of grants are verified once
//! and remembered. Dates and revocations are checked for each call.

pub mod dates;
pub mod memory;
pub mod refused;

use std::time::Duration;

use pinlatch_protocol::agent::Outcome;
use pinlatch_protocol::name::Name;
use pinlatch_token::call::CallClaims;
use pinlatch_token::grant::Grant;
use pinlatch_token::revocations::Revocations;
use pinlatch_token::{ChallengeSecret, KeySet, PublicKey, Refusal, SignatureCache};
use tokio::time::Instant;

use self::dates::{Dates, Times};
use self::memory::{CallId, Memory};
pub use self::refused::CallRefused;
use crate::rate::{Rate, Used};

/// The rate of the signature checks that fail.
const FAILURES: Rate = Rate { every: Duration::from_millis(50), at_once: 20 };

/// The maximum number of remembered signatures of grants.
const MAX_GRANTS: usize = 64;

/// The owner and the device that the configuration file names. No other owner can grant anything on this device.
#[derive(Debug, Clone)]
pub struct Owner {
    pub root: KeySet,
    pub site: Name,
    pub device: Name,
}

impl Owner {
    pub fn new(root: &PublicKey, site: Name, device: Name) -> Self {
        Self { root: KeySet::from(root.clone()), site, device }
    }
}

/// A verified call.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub call: CallClaims,
    pub grant: Grant,
}

impl Verified {
    pub fn id(&self) -> CallId {
        (self.grant.holder.thumbprint().to_owned(), self.call.jti.clone())
    }
}

/// The state of one run of the agent for calls.
#[derive(Debug)]
pub struct Calls {
    owner: Owner,
    /// The id of this run of the agent.
    boot: String,
    challenges: ChallengeSecret,
    grants: SignatureCache,
    failures: Used,
    memory: Memory,
    dates: Dates,
    revocations: Revocations,
}

/// What happened to a list of revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// The list is newer than the list before, and replaces it.
    Newer,
    /// The device has this list already, or a newer one.
    Known,
    /// The list has the number of the list before and other contents. The owner's root key must never sign such a list.
    Contradiction,
}

impl Calls {
    pub fn new(owner: Owner, boot: String, revocations: Revocations, floor_s: u64) -> Self {
        Self {
            owner,
            boot,
            challenges: ChallengeSecret::generate(),
            grants: SignatureCache::new(MAX_GRANTS),
            failures: Used::default(),
            memory: Memory::default(),
            dates: Dates::with_floor(floor_s.max(revocations.number / 1_000)),
            revocations,
        }
    }

    /// Makes a challenge. The device stores nothing for it.
    pub fn challenge(&self, boot_ms: u64) -> String {
        self.challenges.issue(boot_ms)
    }

    /// Returns the id of this run of the agent. A call contains it, so that a holder without an answer knows whether the
    /// device still remembers the call.
    pub fn boot(&self) -> &str {
        &self.boot
    }

    /// Returns the newest date in anything that the owner has signed, which must survive a restart.
    pub fn floor_s(&self) -> u64 {
        self.dates.floor_s()
    }

    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Verifies a list of revocations, and uses it if it is newer.
    pub fn receive(&mut self, list: &str) -> Result<Received, Refusal> {
        let list = Revocations::verify(list, &self.owner.root, &self.owner.site)?;
        if list.number < self.revocations.number || list == self.revocations {
            return Ok(Received::Known);
        }
        if list.number == self.revocations.number {
            return Ok(Received::Contradiction);
        }
        self.dates.raise_floor(list.number / 1_000);
        self.revocations = list;
        Ok(Received::Newer)
    }

    /// Verifies a call with the grant of its holder. `boot_ms` is the time since the machine booted.
    pub fn verify(
        &mut self,
        call: &str,
        grant: &str,
        times: Times,
        boot_ms: u64,
    ) -> Result<Verified, CallRefused> {
        let (challenge, max_age_ms) = CallClaims::unverified_challenge(call).ok_or(CallRefused::Challenge)?;
        let age_ms = self.challenges.age_ms(&challenge, boot_ms).map_err(|_| CallRefused::Challenge)?;
        if let Some(late_ms) = age_ms.checked_sub(max_age_ms.into()) {
            return Err(CallRefused::TooOld { late_ms });
        }
        let now = Instant::now();
        if self.failures.next(FAILURES, now) > now {
            return Err(CallRefused::TooManyFailures);
        }
        let verified = self.signed(call, grant).inspect_err(|_| {
            self.failures.admit(FAILURES, now);
        })?;
        if verified.call.boot != self.boot {
            return Err(CallRefused::Challenge);
        }
        let Verified { call, grant } = &verified;
        self.dates.raise_floor(grant.issued);
        if self.revocations.covers(grant) {
            return Err(CallRefused::Revoked);
        }
        self.dates.check(grant, times, boot_ms)?;
        let device = &self.owner.device;
        if !grant.scope.allows_line(device, &call.line, &call.action) {
            return Err(CallRefused::Scope(format!("line:{device}/{}:{}", call.line, call.action)));
        }
        Ok(verified)
    }

    /// Verifies the signatures of a grant and of a call.
    fn signed(&mut self, call: &str, grant: &str) -> Result<Verified, CallRefused> {
        let Owner { root, site, device } = &self.owner;
        let grant = Grant::verify(grant, root, site, Some(&mut self.grants)).map_err(CallRefused::Grant)?;
        let call = CallClaims::verify(call, &grant.holder, site, device).map_err(CallRefused::Call)?;
        Ok(Verified { call, grant })
    }

    /// Returns the outcome of a call that has already run, or an error if there is no place for a new call.
    pub fn before(&mut self, verified: &Verified) -> Result<Option<Outcome>, CallRefused> {
        self.memory.find(&verified.id(), Instant::now())
    }

    /// Remembers the outcome of a call that has just run.
    pub fn ran(&mut self, verified: &Verified, outcome: &Outcome) {
        self.memory.keep(verified.id(), outcome, Instant::now());
    }
}

#[cfg(test)]
mod tests;
