//! Limits how much of the site one caller can use, so that the holder of one guest link cannot keep everyone else from
//! using the site. The limits of all callers are in the tables of this file, and `docs/edge.md` shows them.

use pinlatch_protocol::admin::{self, IssueRequest, MAX_PER_MINUTE, TokenKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::Role;
use sha2::{Digest, Sha256};

use crate::accounts::giver::Giver;
use crate::database::store::StoreError;
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// The share of one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// The kind of the caller, for error messages.
    pub caller: &'static str,
    /// The maximum number of commands without a result, over all devices.
    pub in_flight: u32,
    /// The maximum number of commands per minute. `None` means no limit.
    pub per_minute: Option<u32>,
    /// The maximum number of open panel WebSockets.
    pub sockets: u32,
}

pub(crate) const GUEST_LINK: Share =
    Share { caller: "a guest link", in_flight: 8, per_minute: Some(60), sockets: 16 };

/// The share of an API token and of a token of an external issuer.
pub(crate) const PROGRAM: Share =
    Share { caller: "a token", in_flight: 16, per_minute: Some(600), sockets: 32 };

pub(crate) const PERSON: Share = Share {
    caller: "a person",
    in_flight: admin::MAX_IN_FLIGHT,
    per_minute: None,
    sockets: admin::MAX_SOCKETS,
};

/// A person or an external issuer, together with all tokens and links that they gave, has the share of a person this
/// number of times.
pub(crate) const TOGETHER: u32 = 4;

/// The maximum number of callers' commands that are in flight to one device.
pub const MAX_IN_FLIGHT: u32 = 64;

/// The number of places in flight to a device that only owners can use.
pub(crate) const OWNERS_PLACES: u32 = 16;

/// The period of [`Share::per_minute`]. After a pause of one minute, a caller can send the commands of a minute at
/// once.
const RATE_MS: u64 = 60_000;

/// The share of one token, where it differs from the share of the token's kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TokenShare {
    pub in_flight: Option<u32>,
    pub per_minute: Option<u32>,
    pub sockets: Option<u32>,
}

impl TokenShare {
    /// Returns the share of a new token. No limit of the token is larger than the limit of its maker.
    pub fn requested(request: &IssueRequest, maker: &Share) -> Result<Self, Failure> {
        let kind = Share::of_kind(request.kind);
        let limit = |name: &str, wanted: Option<u32>, own: u32, default: u32| match wanted {
            Some(wanted) if !(1..=own).contains(&wanted) => {
                let why = format!("`{name}` must be from 1 to {own}, your own limit");
                Err(Failure::from(Problem::new(Code::InvalidRequest).detail(why)))
            }
            Some(wanted) => Ok(Some(wanted)),
            None => Ok((own < default).then_some(own)),
        };
        let per_minute = |share: &Share| share.per_minute.unwrap_or(MAX_PER_MINUTE);
        let IssueRequest { max_in_flight, max_per_minute, max_sockets, .. } = *request;
        Ok(Self {
            in_flight: limit("max_in_flight", max_in_flight, maker.in_flight, kind.in_flight)?,
            per_minute: limit("max_per_minute", max_per_minute, per_minute(maker), per_minute(&kind))?,
            sockets: limit("max_sockets", max_sockets, maker.sockets, kind.sockets)?,
        })
    }
}

impl Share {
    /// Returns the share of an issued token whose maker set no share.
    fn of_kind(kind: TokenKind) -> Self {
        match kind {
            TokenKind::Guest => GUEST_LINK,
            TokenKind::Api => PROGRAM,
        }
    }

    /// Returns the share of an issued token.
    pub fn of_token(kind: TokenKind, own: TokenShare) -> Self {
        let share = Self::of_kind(kind);
        Self {
            in_flight: own.in_flight.unwrap_or(share.in_flight),
            per_minute: own.per_minute.or(share.per_minute),
            sockets: own.sockets.unwrap_or(share.sockets),
            ..share
        }
    }
}

/// The identity of a caller for counting. Both texts are short digests, because WebSocket tags have a maximum length
/// and an external issuer chooses the subjects of its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    pub caller: String,
    /// The person or the external issuer from which the caller has its rights.
    pub root: String,
}

impl Counted {
    pub fn tags(&self) -> [String; 2] {
        [self.caller.clone(), self.root.clone()]
    }
}

/// Returns a short digest of a caller that distinguishes its issuer and its subject.
pub(crate) fn caller_digest(principal: &Principal) -> String {
    digest('c', &serde_json::json!([principal.iss, principal.sub]).to_string())
}

fn digest(kind: char, text: &str) -> String {
    let bytes = Sha256::digest(text.as_bytes());
    bytes.iter().take(16).fold(kind.to_string(), |text, byte| format!("{text}{byte:02x}"))
}

/// Returns the refusal of a request that exceeds a limit. The detail contains the limit, so that the caller knows which
/// of several limits applies.
fn throttled(limit: String, retry_s: u32) -> Failure {
    Problem::new(Code::Throttled).detail(limit).retry_after(retry_s).into()
}

/// Returns the seconds until a request that waits for a result can succeed.
const RETRY_S: u32 = 1;

impl Site<'_> {
    pub(crate) fn share_of(&self, principal: &Principal) -> Result<Share, Failure> {
        Ok(match Giver::of(principal)? {
            Giver::Person(_) => PERSON,
            Giver::Issuer { .. } => PROGRAM,
            Giver::Token(jti) => self.issued_share(&jti)?.unwrap_or(PROGRAM),
        })
    }

    pub(crate) fn counted(&self, principal: &Principal) -> Result<Counted, Failure> {
        let root = self.root_of(&Giver::of(principal)?)?;
        Ok(Counted { caller: caller_digest(principal), root: digest('r', &root) })
    }

    /// Requires that one more command of the caller can be in flight to the device.
    pub(crate) fn require_place(
        &self,
        principal: &Principal,
        share: &Share,
        counted: &Counted,
        device: &Name,
    ) -> Result<(), Failure> {
        // All commands in flight are read, because their number is limited and a second index would be written with
        // each command.
        let row = self.row(
            "SELECT sum(iss = ?1 AND sub = ?2), sum(root = ?3), sum(device = ?4)
             FROM commands INDEXED BY commands_in_flight WHERE status = 'delivered' AND root IS NOT NULL",
            &[
                principal.iss.as_str().into(),
                principal.sub.as_str().into(),
                counted.root.as_str().into(),
                device.as_str().into(),
            ],
        )?;
        let row = row.ok_or(StoreError::Shape { column: 0, wanted: "a row" })?;
        let count = |column| Ok::<u64, StoreError>(row.opt_uint(column)?.unwrap_or(0));
        let Share { caller, in_flight, .. } = share;
        if count(0)? >= u64::from(*in_flight) {
            let limit = format!("{caller} can have at most {in_flight} commands without a result");
            return Err(throttled(limit, RETRY_S));
        }
        let together = PERSON.in_flight * TOGETHER;
        if count(1)? >= u64::from(together) {
            let limit = format!(
                "a person or an issuer, with all tokens and links that they gave, can have at most {together} \
                 commands without a result"
            );
            return Err(throttled(limit, RETRY_S));
        }
        let owner = self.rights(principal)?.role == Some(Role::Owner);
        let places = if owner { MAX_IN_FLIGHT } else { MAX_IN_FLIGHT - OWNERS_PLACES };
        if count(2)? >= u64::from(places) {
            let limit = if owner {
                format!("a device can have at most {places} commands without a result")
            } else {
                format!(
                    "a device can have at most {places} commands without a result; {OWNERS_PLACES} more are for \
                     owners only"
                )
            };
            return Err(throttled(limit, RETRY_S));
        }
        Ok(())
    }

    /// Requires that the caller can send one more command in this minute. The result is the value that
    /// [`Site::count_command`] stores if the command is accepted, so that a refused command writes nothing.
    pub(crate) fn require_rate(&self, share: &Share, counted: &Counted) -> Result<Option<u64>, Failure> {
        let Some(per_minute) = share.per_minute else { return Ok(None) };
        let row =
            self.row("SELECT free_ms FROM rates WHERE caller = ?1", &[counted.caller.as_str().into()])?;
        let free_ms = row.map_or(Ok(0), |row| row.uint(0))?;
        let next_ms = free_ms.max(self.now_ms).saturating_add(RATE_MS / u64::from(per_minute));
        let late_ms = next_ms.saturating_sub(self.now_ms.saturating_add(RATE_MS));
        if late_ms == 0 {
            return Ok(Some(next_ms));
        }
        let limit = format!("{} can send at most {per_minute} commands per minute", share.caller);
        Err(throttled(limit, u32::try_from(late_ms.div_ceil(1_000)).unwrap_or(u32::MAX)))
    }

    /// Counts an accepted command with the result of [`Site::require_rate`].
    pub(crate) fn count_command(&self, counted: &Counted, next_ms: Option<u64>) -> Result<(), StoreError> {
        let Some(next_ms) = next_ms else { return Ok(()) };
        self.run(
            "INSERT INTO rates (caller, free_ms) VALUES (?1, ?2)
             ON CONFLICT (caller) DO UPDATE SET free_ms = excluded.free_ms",
            &[counted.caller.as_str().into(), next_ms.into()],
        )?;
        Ok(())
    }

    /// Requires that the caller can open one more panel WebSocket, and returns the tags of the new WebSocket.
    pub(crate) fn require_socket(&self, principal: &Principal) -> Result<[String; 2], Failure> {
        self.rights(principal)?;
        let (share, counted) = (self.share_of(principal)?, self.counted(principal)?);
        let Share { caller, sockets, .. } = share;
        if self.links.panels_with(&counted.caller) >= sockets {
            return Err(throttled(format!("{caller} can have at most {sockets} open WebSockets"), RETRY_S));
        }
        let together = PERSON.sockets * TOGETHER;
        if self.links.panels_with(&counted.root) >= together {
            let limit = format!(
                "a person or an issuer, with all tokens and links that they gave, can have at most {together} open \
                 WebSockets"
            );
            return Err(throttled(limit, RETRY_S));
        }
        Ok(counted.tags())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::frames::{AT_ONCE_S, ISSUER_PER_S, LOGIN_PER_S, TOKEN_PER_S};

    #[test]
    fn the_documentation_has_the_shares() {
        let docs = include_str!("../../../docs/edge.md");
        let row = |name: &str, Share { in_flight, per_minute, sockets, .. }: Share| {
            let rate = per_minute.map_or("no limit".into(), |rate| rate.to_string());
            format!("| {name} | {in_flight} | {rate} | {sockets} |")
        };
        let together =
            Share { in_flight: PERSON.in_flight * TOGETHER, sockets: PERSON.sockets * TOGETHER, ..PERSON };
        for text in [
            row("a guest link", GUEST_LINK),
            row("an API token, or a token of an external issuer", PROGRAM),
            row("a person", PERSON),
            row("a person or an external issuer, with everything that they gave", together),
            format!(
                "at most {MAX_IN_FLIGHT} commands without a result; {OWNERS_PLACES} of these are kept for owners"
            ),
            format!("| a login of a person | {LOGIN_PER_S} | {} |", LOGIN_PER_S * AT_ONCE_S),
            format!("| an API token or a guest link | {TOKEN_PER_S} | {} |", TOKEN_PER_S * AT_ONCE_S),
            format!("| all tokens of an external issuer | {ISSUER_PER_S} | {} |", ISSUER_PER_S * AT_ONCE_S),
            format!("a token at most {MAX_PER_MINUTE} commands per minute"),
        ] {
            assert!(docs.contains(&text), "{text}");
        }
    }
}
