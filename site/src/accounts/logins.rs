//! Manages logins. Each login has a family of refresh tokens, in which each refresh replaces the current token.
//!
//! The gate verifies the password before the site handles a login with a password.

use pinlatch_protocol::admin::{Session, TokenKind};
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::{Role, SiteRight};

use crate::accounts::people::by;
use crate::audit::Actor;
use crate::database::rows::{Columns as _, columns};
use crate::database::store::StoreError;
use crate::interface::call::{LoggedIn, NewLogin};
use crate::interface::event::{Effect, PanelFilter};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// How long a replaced refresh token still returns the same successor token, in milliseconds. A session therefore
/// continues if two browser tabs refresh at once or if a reply gets lost.
pub const ROTATION_GRACE_MS: u64 = 10_000;

/// The actor of the audit entries about failed logins.
const GATE_ACTOR: &str = "site:gate";

/// The target of the audit entry about failed logins with unknown user names. A user name contains no space.
const UNKNOWN_NAMES: &str = "unknown names";

/// The maximum number of open logins per person. A further login ends the open login that expires first.
const MAX_LOGINS: u32 = 100;

/// The maximum length of the name of the browser or program of a login, in characters.
const MAX_CLIENT: usize = 64;

/// A row of the table `families`: a login and its chain of refresh tokens.
struct Family {
    id: String,
    username: UserName,
    /// The id of the current refresh token.
    current: String,
    /// The id of the refresh token before the current refresh token.
    previous: Option<String>,
    /// The id of the refresh token that the last proof replaced.
    unproved: Option<String>,
    rotated_ms: Option<u64>,
    expires_ms: u64,
    ended_ms: Option<u64>,
    started_ms: u64,
    /// When the person last proved their identity. The value is `None` for a login of an earlier version.
    auth_ms: Option<u64>,
    client: Option<String>,
}

columns!(Family {
    id,
    username,
    current,
    previous,
    unproved,
    rotated_ms,
    expires_ms,
    ended_ms,
    started_ms,
    auth_ms,
    client,
});

impl Family {
    fn is_open(&self, now_ms: u64) -> bool {
        self.ended_ms.is_none() && self.expires_ms > now_ms
    }

    fn logged_in(&self, generation: u64) -> LoggedIn {
        LoggedIn {
            username: self.username.clone(),
            generation,
            family: self.id.clone(),
            refresh_jti: self.current.clone(),
            expires_at: self.expires_ms / 1000,
            auth_time: self.auth_ms.map(|at_ms| at_ms / 1000),
        }
    }
}

impl Site<'_> {
    /// Handles a login with a password that the gate knows. The login fails if the password is not the person's current
    /// password, because the gate can also store earlier passwords and passwords that the site has refused.
    pub(crate) fn password_login(
        &mut self,
        username: UserName,
        password_ids: &[String],
        new: &NewLogin,
    ) -> Result<LoggedIn, Failure> {
        if !self.is_current_password(&username, password_ids)? {
            return Err(Code::LoginFailed.into());
        }
        self.login(username, new)
    }

    /// Handles a new proof of the caller's identity with a password.
    pub(crate) fn prove(
        &mut self,
        principal: &Principal,
        password_ids: &[String],
        new: &NewLogin,
    ) -> Result<LoggedIn, Failure> {
        self.rights(principal)?;
        let (Some(username), Some(family)) = (&principal.person, &principal.family) else {
            return Err(Code::PersonRequired.into());
        };
        if !self.is_current_password(username, password_ids)? {
            return Err(Code::LoginFailed.into());
        }
        let new = NewLogin { renews: Some(family.clone()), ..new.clone() };
        self.login(username.clone(), &new)
    }

    /// Writes the numbers of failed logins to the audit log. The gate also stores the passwords of people who have
    /// left, so the logins of unknown people are added to the logins with unknown user names.
    pub(crate) fn login_failures(
        &mut self,
        accounts: &[(UserName, u64)],
        mut unknown: u64,
    ) -> Result<(), Failure> {
        let gate = || Actor { name: GATE_ACTOR, jti: None };
        for (username, count) in accounts {
            if self.person_rights(username.as_str())?.is_some() {
                self.audit(gate(), "login_failed", username.as_str(), &count.to_string())?;
            } else {
                unknown = unknown.saturating_add(*count);
            }
        }
        if unknown > 0 {
            self.audit(gate(), "login_failed", UNKNOWN_NAMES, &unknown.to_string())?;
        }
        Ok(())
    }

    /// Starts a login, or renews the proof of an open login of the same person. A new proof replaces the refresh token
    /// at once. A stolen copy of the old refresh token, and of the old access token, therefore stays without the proof.
    pub(crate) fn login(&mut self, username: UserName, new: &NewLogin) -> Result<LoggedIn, Failure> {
        self.person_rights(username.as_str())?.ok_or(Code::LoginFailed)?;
        let renewed = new.renews.as_ref().map(|family| self.family(family)).transpose()?.flatten();
        let renewed = renewed.filter(|family| family.is_open(self.now_ms) && family.username == username);
        let actor = by(&username, Some(&new.refresh_jti));
        let auth_ms = new.auth_time.saturating_mul(1000).min(self.now_ms);
        let id = match renewed {
            Some(family) => {
                let expires_ms = self.login_end(family.started_ms, new.expires_at);
                self.run(
                    "UPDATE families SET previous = NULL, unproved = current, current = ?2, rotated_ms = ?3,
                     auth_ms = ?5, expires_ms = ?4 WHERE id = ?1",
                    &[
                        family.id.as_str().into(),
                        new.refresh_jti.as_str().into(),
                        self.now_ms.into(),
                        expires_ms.into(),
                        auth_ms.into(),
                    ],
                )?;
                self.audit(actor, "proof", username.as_str(), "done")?;
                family.id
            }
            None => {
                self.make_room(&username)?;
                self.run(
                    "INSERT INTO families (id, username, current, expires_ms, started_ms, auth_ms, client)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?7, ?6)",
                    &[
                        new.family.as_str().into(),
                        username.as_str().into(),
                        new.refresh_jti.as_str().into(),
                        self.login_end(self.now_ms, new.expires_at).into(),
                        self.now_ms.into(),
                        new.client.as_deref().map(client_label).into(),
                        auth_ms.into(),
                    ],
                )?;
                self.audit(actor, "login", username.as_str(), "done")?;
                new.family.clone()
            }
        };
        Ok(self.family(&id)?.ok_or(Code::LoginFailed)?.logged_in(self.generation))
    }

    /// Returns when a login ends if it is not refreshed again, in milliseconds of Unix time.
    fn login_end(&self, started_ms: u64, expires_at: u64) -> u64 {
        let last_ms = started_ms.saturating_add(self.config.max_login_ms);
        expires_at.saturating_mul(1000).min(last_ms)
    }

    fn family(&self, id: &str) -> Result<Option<Family>, StoreError> {
        let sql = format!("SELECT {} FROM families WHERE id = ?1", Family::LIST);
        self.row(&sql, &[id.into()])?.as_ref().map(Family::read).transpose()
    }

    /// Replaces the current refresh token of a login. For [`ROTATION_GRACE_MS`], the previous refresh token returns the
    /// same successor token. A later use of a replaced refresh token means that the token was stolen. The site
    /// therefore ends the login for the owner and for the thief of a stolen refresh token. A refresh keeps the time of
    /// the person's last proof.
    pub(crate) fn refresh(
        &mut self,
        family: &str,
        jti: &str,
        next_jti: &str,
        expires_at: u64,
    ) -> Result<LoggedIn, Failure> {
        let mut family = self.family(family)?.ok_or(Code::InvalidGrant)?;
        if !family.is_open(self.now_ms) {
            return Err(Code::InvalidGrant.into());
        }
        if self.person_rights(family.username.as_str())?.is_none() {
            self.end_family(&family.id)?;
            return Err(Code::InvalidGrant.into());
        }
        if jti == family.current {
            family.expires_ms = self.login_end(family.started_ms, expires_at);
            family.current = next_jti.to_owned();
            self.run(
                "UPDATE families SET previous = current, current = ?2, rotated_ms = ?3, expires_ms = ?4 WHERE id = ?1",
                &[family.id.as_str().into(), next_jti.into(), self.now_ms.into(), family.expires_ms.into()],
            )?;
            return Ok(family.logged_in(self.generation));
        }
        let rotated_ms = family.rotated_ms.unwrap_or(0);
        let in_grace = self.now_ms.saturating_sub(rotated_ms) <= ROTATION_GRACE_MS;
        if family.previous.as_deref() == Some(jti) && in_grace {
            return Ok(family.logged_in(self.generation));
        }
        if family.unproved.as_deref() == Some(jti) && in_grace {
            // The holder of this refresh token did not give the new proof, and must not get its tokens. But a page that
            // refreshes during the proof is no thief, so the login continues.
            return Err(Code::InvalidGrant.into());
        }
        let username = family.username.as_str();
        self.audit(by(&family.username, Some(jti)), "refresh_reuse", username, "family_ended")?;
        self.end_family(&family.id)?;
        Err(Problem::new(Code::InvalidGrant).detail("the refresh token was used before; log in again").into())
    }

    /// Returns the open logins of a person, with the last used login first.
    pub(crate) fn sessions(
        &self,
        principal: &Principal,
        username: &UserName,
    ) -> Result<Vec<Session>, Failure> {
        self.require_control(principal, username, "sessions")?;
        let sql = format!(
            "SELECT {} FROM families WHERE username = ?1 AND ended_ms IS NULL AND expires_ms > ?2
             ORDER BY coalesce(rotated_ms, started_ms) DESC, id",
            Family::LIST
        );
        let rows = self.run(&sql, &[username.as_str().into(), self.now_ms.into()])?;
        let session = |row| {
            let family = Family::read(row)?;
            Ok(Session {
                current: principal.family.as_ref() == Some(&family.id),
                last_used_ms: family.rotated_ms.unwrap_or(family.started_ms),
                expires_at: family.expires_ms / 1000,
                ends_at: self.login_end(family.started_ms, u64::MAX) / 1000,
                started_ms: family.started_ms,
                client: family.client,
                id: family.id,
            })
        };
        Ok(rows.iter().map(session).collect::<Result<_, StoreError>>()?)
    }

    /// Ends one login of a person.
    pub(crate) fn end_session(
        &mut self,
        principal: &Principal,
        username: &UserName,
        id: &str,
    ) -> Result<(), Failure> {
        self.require_control(principal, username, "end_session")?;
        let family = self.family(id)?.filter(|family| family.username == *username);
        family.filter(|family| family.is_open(self.now_ms)).ok_or(Code::UnknownSession)?;
        self.end_family(id)?;
        self.audit_by(principal, "end_session", username.as_str(), "done")?;
        Ok(())
    }

    /// Ends every login of a person. The person can log in again.
    pub(crate) fn end_sessions(&mut self, principal: &Principal, username: &UserName) -> Result<(), Failure> {
        self.require_control(principal, username, "end_sessions")?;
        self.end_other_logins(username.as_str(), None)?;
        self.audit_by(principal, "end_sessions", username.as_str(), "done")?;
        Ok(())
    }

    /// Requires that the caller is the person, or may manage people and has all rights of the person.
    fn require_control(&self, principal: &Principal, username: &UserName, act: &str) -> Result<(), Failure> {
        self.rights(principal)?;
        let is_own = principal.person.as_ref() == Some(username);
        if !is_own {
            self.require_site(principal, SiteRight::Users, act, username.as_str())?;
        }
        let there = self.person_rights(username.as_str())?.ok_or(Code::UnknownPerson)?;
        if !is_own {
            self.require_cover(principal, &there.scope, act, username.as_str())?;
        }
        Ok(())
    }

    fn make_room(&mut self, username: &UserName) -> Result<(), StoreError> {
        let rows = self.run(
            "SELECT id FROM families WHERE username = ?1 AND ended_ms IS NULL
             ORDER BY expires_ms DESC LIMIT -1 OFFSET ?2",
            &[username.as_str().into(), (MAX_LOGINS - 1).into()],
        )?;
        for row in &rows {
            self.end_family(row.text(0)?)?;
        }
        Ok(())
    }

    fn end_family(&mut self, family: &str) -> Result<(), StoreError> {
        self.run("UPDATE families SET ended_ms = ?2 WHERE id = ?1", &[family.into(), self.now_ms.into()])?;
        self.close_panels(PanelFilter::Family(family.into()));
        Ok(())
    }

    /// Ends a token. If the token belongs to a login, the whole login ends. For a token that is already invalid, this
    /// function succeeds without an effect. A guest link stays valid, because other browsers can use the same guest
    /// link.
    pub(crate) fn logout(&mut self, principal: &Principal) -> Result<(), Failure> {
        match self.rights(principal) {
            Ok(_) => {}
            Err(Failure::Problem(_)) => return Ok(()),
            Err(fault) => return Err(fault),
        }
        if let Some(family) = &principal.family {
            return self.logout_family(family);
        }
        match principal.issued.then(|| self.issued_kind(&principal.jti)).transpose()?.flatten() {
            Some(TokenKind::Guest) => return Ok(()),
            Some(TokenKind::Api) => self.end_token(&principal.jti)?,
            None => self.forbid(principal, &principal.jti, principal.exp)?,
        }
        self.audit_by(principal, "logout", &principal.actor(), "done")?;
        self.close_panels(PanelFilter::Token(principal.jti.clone()));
        // The WebSockets of panels whose tokens were issued with this token must also be closed.
        self.effects.push(Effect::Review);
        Ok(())
    }

    pub(crate) fn logout_family(&mut self, family: &str) -> Result<(), Failure> {
        let sql = "SELECT username, current FROM families WHERE id = ?1 AND ended_ms IS NULL";
        let Some(row) = self.row(sql, &[family.into()])? else { return Ok(()) };
        let username: UserName = row.parsed(0)?;
        self.audit(by(&username, Some(row.text(1)?)), "logout", username.as_str(), "done")?;
        self.end_family(family)?;
        Ok(())
    }

    /// Ends all logins of a person except the login with the id `but`.
    pub(crate) fn end_other_logins(&mut self, username: &str, but: Option<&str>) -> Result<(), StoreError> {
        let rows = self.run(
            "SELECT id FROM families WHERE username = ?1 AND ended_ms IS NULL AND id IS NOT ?2",
            &[username.into(), but.into()],
        )?;
        for row in &rows {
            self.end_family(row.text(0)?)?;
        }
        Ok(())
    }

    /// Ends every login, issued token and one-time code of the site, as an emergency stop. People, their passwords and
    /// identities, and devices stay.
    pub(crate) fn raise_generation(&mut self, principal: &Principal) -> Result<u64, Failure> {
        if self.rights(principal)?.role != Some(Role::Owner) {
            let text = "only an owner can end all logins and tokens of the site";
            return Err(self.beyond(principal, "generation", "generation", text));
        }
        self.require_proof(principal)?;
        self.generation += 1;
        self.run("UPDATE meta SET generation = ?1", &[self.generation.into()])?;
        self.run("UPDATE tokens SET ended_ms = ?1 WHERE ended_ms IS NULL", &[self.now_ms.into()])?;
        self.run("UPDATE families SET ended_ms = ?1 WHERE ended_ms IS NULL", &[self.now_ms.into()])?;
        let open = "used_ms IS NULL AND (username IS NOT NULL OR device IS NOT NULL)";
        self.run(&format!("DELETE FROM codes WHERE {open}"), &[])?;
        self.audit_by(principal, "generation", &self.generation.to_string(), "done")?;
        self.close_panels(PanelFilter::All);
        Ok(self.generation)
    }
}

/// Removes control characters from the name of a browser or program, and shortens the name.
fn client_label(client: &str) -> String {
    client.chars().filter(|char| !char.is_control()).take(MAX_CLIENT).collect()
}
