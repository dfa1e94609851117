//! This module rotates the edge's keys in three steps. After the first step, every running instance (isolate) of the
//! Worker must receive the new keys before the new keys are used. The caller must wait between the steps. The last step
//! removes the old keys. Tokens that an old key signed then become invalid, except device certificates.

use serde::Serialize;

use super::keys::{EdgeKeys, Opener, Retired, Sealer, Signer};
use crate::keys::key_error::KeyError;
use crate::kinds::device::CERT_LIFE;

/// The maximum number of retired keys. The limit keeps the value of `EDGE_KEYS` smaller than 5 KB, which is
/// Cloudflare's limit for a secret.
const MOST_RETIRED: usize = 12;

/// A step of a key rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Adds new keys after the existing keys. The new keys verify and decrypt, but do not sign or encrypt yet.
    Publish,
    /// Moves the new keys before the old keys. The new keys sign and encrypt. The old keys still verify and decrypt.
    Switch,
    /// Removes the old keys.
    Retire,
}

/// The reason why a step of a rotation is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// A new key is already published, so no other new key can be published.
    #[error("a new key is already published; the next step is to switch to the new key")]
    AlreadyPublished,
    /// No new key is published, so the edge cannot switch to a new key.
    #[error("no new key is published; publish a new key first")]
    NotPublished,
    /// The edge has not switched to the new key, so the old key cannot be retired.
    #[error("the new key does not sign yet; switch to the new key first")]
    NotSwitched,
    /// The set contains no old key that can be retired.
    #[error("there is no old key to retire; to start a rotation, publish a new key")]
    NothingOld,
    /// The set of keys after the step would be invalid.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The current role of one of the edge's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// The key signs and verifies tokens.
    Signs,
    /// The key verifies tokens. After the switch, the key also signs tokens.
    Published,
    /// The key verifies tokens that the key signed before the switch.
    Verifies,
    /// The key encrypts and decrypts refresh tokens. Codes and challenges are also issued and checked with this key.
    Seals,
    /// The key decrypts refresh tokens. After the switch, the key also encrypts refresh tokens.
    SealPublished,
    /// The key decrypts tokens that the edge encrypted before the switch. The key also checks codes and challenges that
    /// the edge issued before the switch.
    Opens,
    /// The key decrypts tokens that other parties encrypted. The public half of the key is published.
    Receives,
    /// The key decrypts tokens that other parties encrypted. The public half of the key is published after the switch.
    ReceivesLater,
    /// The key decrypts tokens that other parties encrypted before the switch.
    ReceivesStill,
    /// The key is retired. The public half of the key verifies only device certificates.
    Devices,
}

/// The properties of one of the edge's keys, without key material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyEntry {
    /// The id (`kid`) of the key.
    pub kid: String,
    /// The current role of the key.
    pub role: KeyRole,
    /// The time when the role started or the key was created, in seconds of Unix time. `None` means that the time is
    /// unknown.
    pub since: Option<u64>,
    /// The time when the role ends, in seconds of Unix time. Only the role of a retired key has an end.
    pub until: Option<u64>,
}

impl EdgeKeys {
    /// Generates a first set of keys whose creation time is `now`.
    pub fn generate_at(now: u64) -> Result<Self, KeyError> {
        let signer = Signer { signs_since: Some(now), ..Signer::generate(Some(now)) };
        let (sealer, opener) = (Sealer::generate(Some(now))?, Opener::generate(Some(now)));
        Self::assemble(vec![signer], vec![sealer], vec![opener], Vec::new())
    }

    /// Returns the next step of the rotation.
    pub fn next_step(&self) -> Step {
        if self.next_signer().is_some() {
            Step::Switch
        } else if self.others.is_empty()
            && self.sealers.len() == 1
            && self.openers.iter().filter(|opener| opener.rotates()).count() <= 1
        {
            Step::Publish
        } else {
            Step::Retire
        }
    }

    /// Returns the time of the last step, in seconds of Unix time. Returns `None` if no rotation is in progress or if
    /// the time is unknown.
    pub fn last_step_at(&self) -> Option<u64> {
        match self.next_step() {
            Step::Publish => None,
            Step::Switch => self.next_signer().and_then(|signer| signer.made),
            Step::Retire => self.signer.signs_since,
        }
    }

    /// Performs a step of the rotation and returns the new keys. `now` is in seconds of Unix time.
    pub fn step(&self, step: Step, now: u64) -> Result<Self, StepError> {
        match step {
            Step::Publish => self.with_new_keys(now),
            Step::Switch => self.switched(now),
            Step::Retire => self.with_old_retired(now),
        }
    }

    /// Performs [`Step::Publish`]: adds a new signing key, a new sealing key and a new P-256 key after the existing
    /// keys.
    fn with_new_keys(&self, now: u64) -> Result<Self, StepError> {
        if self.next_signer().is_some() {
            return Err(StepError::AlreadyPublished);
        }
        // The next step is determined from the dates of the keys. The new key must therefore have the latest date, even
        // if the machine's clock is slow.
        let newest = self.signers().filter_map(|signer| signer.made).max();
        let made = Some(newest.map_or(now, |newest| now.max(newest.saturating_add(1))));
        let signers = self.signers().cloned().chain([Signer::generate(made)]).collect();
        let sealers = self.sealers.iter().cloned().chain([Sealer::generate(made)?]).collect();
        let openers = self.openers.iter().cloned().chain([Opener::generate(made)]).collect();
        Ok(Self::assemble(signers, sealers, openers, self.retired.clone())?)
    }

    /// Performs [`Step::Switch`]: moves the newest keys before the other keys.
    fn switched(&self, now: u64) -> Result<Self, StepError> {
        let newest = self.next_signer().ok_or(StepError::NotPublished)?;
        let newest = Signer { signs_since: Some(now), ..newest.clone() };
        let rest = self.signers().filter(|signer| signer.key.kid() != newest.key.kid()).cloned();
        let mut sealers = self.sealers.clone();
        // The sort is stable, so sealing keys without dates remain in the same order.
        sealers.sort_by_key(|sealer| std::cmp::Reverse(sealer.made));
        let mut openers = self.openers.clone();
        openers.sort_by_key(|opener| std::cmp::Reverse(opener.made));
        let signers = std::iter::once(newest.clone()).chain(rest).collect();
        Ok(Self::assemble(signers, sealers, openers, self.retired.clone())?)
    }

    /// Performs [`Step::Retire`]: removes all keys except the first key of each type and the RSA keys. The public
    /// halves of the old signing keys verify device certificates until these certificates expire.
    fn with_old_retired(&self, now: u64) -> Result<Self, StepError> {
        if self.next_signer().is_some() {
            return Err(StepError::NotSwitched);
        }
        if self.next_step() != Step::Retire {
            return Err(StepError::NothingOld);
        }
        let sealers = self.sealers.iter().take(1).cloned().collect();
        let openers = self.receiving().cloned().collect();
        let retired = self.retiring(&self.others, now);
        Ok(Self::assemble(vec![self.signer.clone()], sealers, openers, retired)?)
    }

    /// Replaces all keys in an emergency. The new keys are used immediately. Tokens that the old keys signed are no
    /// longer accepted, except device certificates. The owner's RSA keys are also removed, so the owner must add a new
    /// RSA key if one is needed.
    pub fn replaced(&self, now: u64) -> Result<Self, KeyError> {
        let fresh = Self::generate_at(now)?;
        let old: Vec<Signer> = self.signers().cloned().collect();
        Self::assemble(vec![fresh.signer], fresh.sealers, fresh.openers, self.retiring(&old, now))
    }

    /// Adds the old keys to the list of retired keys. A retired key is removed when all device certificates that the
    /// key signed have expired. If the list is longer than [`MOST_RETIRED`], the oldest keys are removed.
    fn retiring(&self, old: &[Signer], now: u64) -> Vec<Retired> {
        let mut retired: Vec<Retired> =
            self.retired.iter().filter(|retired| retired.until > now).cloned().collect();
        retired.extend(old.iter().map(|old| Retired { key: old.key.public(), until: now + CERT_LIFE }));
        retired.split_off(retired.len().saturating_sub(MOST_RETIRED))
    }

    /// Returns the newest signing key if this key does not sign yet.
    fn next_signer(&self) -> Option<&Signer> {
        let newest = self.others.iter().max_by_key(|signer| signer.made)?;
        (newest.made > self.signer.made).then_some(newest)
    }

    /// Returns the keys and their roles, without secrets.
    pub fn list(&self) -> Vec<KeyEntry> {
        let signs = KeyEntry {
            kid: self.signer.key.kid().to_owned(),
            role: KeyRole::Signs,
            since: self.signer.signs_since.or(self.signer.made),
            until: None,
        };
        let mut entries = vec![signs];
        entries.extend(self.others.iter().map(|other| {
            let ahead = other.made > self.signer.made;
            let (role, since) = if ahead {
                (KeyRole::Published, other.made)
            } else {
                (KeyRole::Verifies, self.signer.signs_since)
            };
            KeyEntry { kid: other.key.kid().to_owned(), role, since, until: None }
        }));
        let first = self.sealers.first().and_then(|sealer| sealer.made);
        entries.extend(self.sealers.iter().enumerate().map(|(index, sealer)| {
            let role = match index {
                0 => KeyRole::Seals,
                _ if sealer.made > first => KeyRole::SealPublished,
                _ => KeyRole::Opens,
            };
            KeyEntry { kid: sealer.kid.clone(), role, since: sealer.made, until: None }
        }));
        let received: Vec<&str> = self.receiving().map(|opener| opener.key.kid()).collect();
        entries.extend(self.openers.iter().map(|opener| {
            let role = match opener.made {
                _ if received.contains(&opener.key.kid()) => KeyRole::Receives,
                made if made > self.signer.made => KeyRole::ReceivesLater,
                _ => KeyRole::ReceivesStill,
            };
            KeyEntry { kid: opener.key.kid().to_owned(), role, since: opener.made, until: None }
        }));
        entries.extend(self.retired.iter().map(|retired| KeyEntry {
            kid: retired.key.thumbprint().to_owned(),
            role: KeyRole::Devices,
            since: Some(retired.until.saturating_sub(CERT_LIFE)),
            until: Some(retired.until),
        }));
        entries
    }
}

#[cfg(test)]
mod tests;
