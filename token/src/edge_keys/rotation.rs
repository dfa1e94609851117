//! Rotation of the edge's keys. Every isolate knows a new key before the key signs, and an old key verifies until the
//! last token that it signed has expired.

use serde::Serialize;

use super::{EdgeKeys, Opener, Retired, Sealer, Signer};
use crate::device::CERT_LIFE;
use crate::key_error::KeyError;

/// The largest number of retired keys. The limit keeps the secret smaller than 5 KB, which is Cloudflare's limit.
const MOST_RETIRED: usize = 12;

/// A step of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Adds new keys after the existing keys. The new keys verify and decrypt, but do not sign or encrypt yet.
    Publish,
    /// Moves the new keys to the front. The new keys sign and encrypt; the old keys verify and decrypt.
    Switch,
    /// Removes the old keys.
    Retire,
}

/// Why a step cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// A rotation is in progress.
    #[error("a new key is already published; the next step is to switch to it")]
    AlreadyPublished,
    /// There is nothing to switch to.
    #[error("no new key is published; publish one first")]
    NotPublished,
    /// The new key does not sign yet.
    #[error("the new key does not sign yet; switch to it first")]
    NotSwitched,
    /// There is nothing to retire.
    #[error("there is no old key to retire")]
    NothingOld,
    /// The resulting set of keys is invalid.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The current role of an edge key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// Signs and verifies.
    Signs,
    /// Verifies. Signs after the switch.
    Published,
    /// Verifies tokens that it signed before the switch.
    Verifies,
    /// Encrypts and decrypts refresh tokens. Issues and checks codes and challenges.
    Seals,
    /// Decrypts. Encrypts after the switch.
    SealPublished,
    /// Decrypts tokens that the edge encrypted before the switch, and checks codes and challenges of that time.
    Opens,
    /// Decrypts tokens that other parties encrypted, and is published for encryption.
    Receives,
    /// Decrypts tokens that other parties encrypted, and is published after the switch.
    ReceivesLater,
    /// Decrypts tokens that other parties encrypted before the switch.
    ReceivesStill,
    /// A retired key. The public half of this key verifies only device certificates.
    Devices,
}

/// The properties of an edge key, without key material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyEntry {
    /// The key's id.
    pub kid: String,
    /// The key's role.
    pub role: KeyRole,
    /// When the role started or the key was created, in seconds of Unix time, if known.
    pub since: Option<u64>,
    /// End of the role as Unix time in seconds, if known.
    pub until: Option<u64>,
}

impl EdgeKeys {
    /// Generates a first set with dates.
    pub fn generate_at(now: u64) -> Result<Self, KeyError> {
        let signer = Signer { signs_since: Some(now), ..Signer::generate(Some(now)) };
        let (sealer, opener) = (Sealer::generate(Some(now))?, Opener::generate(Some(now)));
        Self::assemble(vec![signer], vec![sealer], vec![opener], Vec::new())
    }

    /// The next step.
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

    /// When the last step was taken, in seconds of Unix time. `None` if no rotation is in progress or the time is
    /// unknown.
    pub fn last_step_at(&self) -> Option<u64> {
        match self.next_step() {
            Step::Publish => None,
            Step::Switch => self.next_signer().and_then(|signer| signer.made),
            Step::Retire => self.signer.signs_since,
        }
    }

    /// Takes a step. `now` is in seconds of Unix time.
    pub fn step(&self, step: Step, now: u64) -> Result<Self, StepError> {
        match step {
            Step::Publish => self.with_new_keys(now),
            Step::Switch => self.switched(now),
            Step::Retire => self.with_old_retired(now),
        }
    }

    /// [`Step::Publish`]: adds one new key of each type that the edge generates, after the existing keys.
    fn with_new_keys(&self, now: u64) -> Result<Self, StepError> {
        if self.next_signer().is_some() {
            return Err(StepError::AlreadyPublished);
        }
        // The new key must have the latest date even if the machine's clock is behind, because the dates determine the
        // next step.
        let newest = self.signers().filter_map(|signer| signer.made).max();
        let made = Some(newest.map_or(now, |newest| now.max(newest.saturating_add(1))));
        let signers = self.signers().cloned().chain([Signer::generate(made)]).collect();
        let sealers = self.sealers.iter().cloned().chain([Sealer::generate(made)?]).collect();
        let openers = self.openers.iter().cloned().chain([Opener::generate(made)]).collect();
        Ok(Self::assemble(signers, sealers, openers, self.retired.clone())?)
    }

    /// [`Step::Switch`]: moves the newest keys to the front.
    fn switched(&self, now: u64) -> Result<Self, StepError> {
        let newest = self.next_signer().ok_or(StepError::NotPublished)?;
        let newest = Signer { signs_since: Some(now), ..newest.clone() };
        let rest = self.signers().filter(|signer| signer.key.kid() != newest.key.kid()).cloned();
        let mut sealers = self.sealers.clone();
        // The sort is stable, so keys without dates keep their order.
        sealers.sort_by_key(|sealer| std::cmp::Reverse(sealer.made));
        let mut openers = self.openers.clone();
        openers.sort_by_key(|opener| std::cmp::Reverse(opener.made));
        let signers = std::iter::once(newest.clone()).chain(rest).collect();
        Ok(Self::assemble(signers, sealers, openers, self.retired.clone())?)
    }

    /// [`Step::Retire`]: keeps only the first key of each type and the RSA keys. The public halves of the old signing
    /// keys verify device certificates until these certificates expire.
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

    /// Emergency replacement: new keys are used immediately. Tokens of the old keys are no longer accepted, except
    /// device certificates. RSA keys are removed too; the owner adds a new RSA key.
    pub fn replaced(&self, now: u64) -> Result<Self, KeyError> {
        let fresh = Self::generate_at(now)?;
        let old: Vec<Signer> = self.signers().cloned().collect();
        Self::assemble(vec![fresh.signer], fresh.sealers, fresh.openers, self.retiring(&old, now))
    }

    /// Adds keys to the retired keys. Removes retired keys whose last device certificate has expired, and the oldest
    /// retired keys above [`MOST_RETIRED`].
    fn retiring(&self, old: &[Signer], now: u64) -> Vec<Retired> {
        let mut retired: Vec<Retired> =
            self.retired.iter().filter(|retired| retired.until > now).cloned().collect();
        retired.extend(old.iter().map(|old| Retired { key: old.key.public(), until: now + CERT_LIFE }));
        retired.split_off(retired.len().saturating_sub(MOST_RETIRED))
    }

    /// The newest signing key, if it does not sign yet.
    fn next_signer(&self) -> Option<&Signer> {
        let newest = self.others.iter().max_by_key(|signer| signer.made)?;
        (newest.made > self.signer.made).then_some(newest)
    }

    /// The keys and their roles, without secrets.
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
