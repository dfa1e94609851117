//! Rotation: a new key is known everywhere before it signs, and an old one still verifies until its last
//! token has expired.

use serde::Serialize;

use super::{EdgeKeys, Opener, Retired, Sealer, Signer};
use crate::device::CERT_LIFE;
use crate::key_error::KeyError;

/// The most retired keys that are kept: the secret has to fit in what Cloudflare takes, 5 KB.
const MOST_RETIRED: usize = 12;

/// A step of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// New keys are added behind the present ones: they verify and open, and do not sign or seal yet.
    Publish,
    /// The new keys go first: they sign and seal, and the old ones verify and open.
    Switch,
    /// The old keys go.
    Retire,
}

/// Why a step cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// A rotation is under way.
    #[error("a new key is published already; the next step is to switch to it")]
    AlreadyPublished,
    /// There is nothing to switch to.
    #[error("no new key is published; publish one first")]
    NotPublished,
    /// A new key has not signed yet.
    #[error("the new key does not sign yet; switch to it first")]
    NotSwitched,
    /// There is nothing to retire.
    #[error("there is no old key to retire")]
    NothingOld,
    /// The keys do not go together.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What a key of the edge is for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// It signs, and verifies.
    Signs,
    /// It verifies, and will sign after the switch.
    Published,
    /// It verifies what it signed before the switch.
    Verifies,
    /// It seals, and opens: refresh tokens, codes and challenges.
    Seals,
    /// It opens, and will seal after the switch.
    SealPublished,
    /// It opens what it sealed before the switch.
    Opens,
    /// It opens tokens that others seal, and is published for them to seal with.
    Receives,
    /// It opens such tokens, and will be published after the switch.
    ReceivesLater,
    /// It opens such tokens that were sealed before the switch.
    ReceivesStill,
    /// Its public half verifies credentials of devices, and nothing else.
    Devices,
}

/// One key of the edge, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyEntry {
    /// Its id.
    pub kid: String,
    /// What it is for.
    pub role: KeyRole,
    /// Since when, seconds of Unix time, where that is known.
    pub since: Option<u64>,
    /// Until when, seconds of Unix time, where that is settled.
    pub until: Option<u64>,
}

impl EdgeKeys {
    /// A first set that knows when it was made.
    pub fn generate_at(now: u64) -> Result<Self, KeyError> {
        let signer = Signer { signs_since: Some(now), ..Signer::generate(Some(now)) };
        let (sealer, opener) = (Sealer::generate(Some(now))?, Opener::generate(Some(now)));
        Self::assemble(vec![signer], vec![sealer], vec![opener], Vec::new())
    }

    /// The step that comes next.
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

    /// When the step before the next one was taken, seconds of Unix time; `None` where nothing is under way
    /// or nobody knows.
    pub fn last_step_at(&self) -> Option<u64> {
        match self.next_step() {
            Step::Publish => None,
            Step::Switch => self.next_signer().and_then(|signer| signer.made),
            Step::Retire => self.signer.signs_since,
        }
    }

    /// Takes a step.
    pub fn step(&self, step: Step, now: u64) -> Result<Self, StepError> {
        match step {
            Step::Publish => self.with_new_keys(now),
            Step::Switch => self.switched(now),
            Step::Retire => self.with_old_retired(now),
        }
    }

    /// Publishes: new keys behind the others, one of each kind that is ours to make.
    fn with_new_keys(&self, now: u64) -> Result<Self, StepError> {
        if self.next_signer().is_some() {
            return Err(StepError::AlreadyPublished);
        }
        // Where clocks disagree, the new key must still be the newest: that is what tells the steps apart.
        let newest = self.signers().filter_map(|signer| signer.made).max();
        let made = Some(newest.map_or(now, |newest| now.max(newest.saturating_add(1))));
        let signers = self.signers().cloned().chain([Signer::generate(made)]).collect();
        let sealers = self.sealers.iter().cloned().chain([Sealer::generate(made)?]).collect();
        let openers = self.openers.iter().cloned().chain([Opener::generate(made)]).collect();
        Ok(Self::assemble(signers, sealers, openers, self.retired.clone())?)
    }

    /// Switches: the newest keys go first.
    fn switched(&self, now: u64) -> Result<Self, StepError> {
        let newest = self.next_signer().ok_or(StepError::NotPublished)?;
        let newest = Signer { signs_since: Some(now), ..newest.clone() };
        let rest = self.signers().filter(|signer| signer.key.kid() != newest.key.kid()).cloned();
        let mut sealers = self.sealers.clone();
        // A stable sort: of keys without dates the first one stays first.
        sealers.sort_by_key(|sealer| std::cmp::Reverse(sealer.made));
        let mut openers = self.openers.clone();
        openers.sort_by_key(|opener| std::cmp::Reverse(opener.made));
        let signers = std::iter::once(newest.clone()).chain(rest).collect();
        Ok(Self::assemble(signers, sealers, openers, self.retired.clone())?)
    }

    /// Retires: only the first keys stay, and RSA keys. The public halves of the old signing keys verify
    /// credentials of devices for as long as those live.
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

    /// The emergency: new keys at once, and nothing that the old ones signed or sealed is accepted any more,
    /// but for the credentials of devices. RSA keys go too; the owner adds a new one.
    pub fn replaced(&self, now: u64) -> Result<Self, KeyError> {
        let fresh = Self::generate_at(now)?;
        let old: Vec<Signer> = self.signers().cloned().collect();
        Self::assemble(vec![fresh.signer], fresh.sealers, fresh.openers, self.retiring(&old, now))
    }

    /// The retired keys with further ones, without those whose last credential has expired.
    fn retiring(&self, old: &[Signer], now: u64) -> Vec<Retired> {
        let mut retired: Vec<Retired> =
            self.retired.iter().filter(|retired| retired.until > now).cloned().collect();
        retired.extend(old.iter().map(|old| Retired { key: old.key.public(), until: now + CERT_LIFE }));
        retired.split_off(retired.len().saturating_sub(MOST_RETIRED))
    }

    /// The newest signing key, where it does not sign yet.
    fn next_signer(&self) -> Option<&Signer> {
        let newest = self.others.iter().max_by_key(|signer| signer.made)?;
        (newest.made > self.signer.made).then_some(newest)
    }

    /// The keys and what each is for. No secret is in it.
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
