//! Manages logins. Each login has a family of refresh tokens, in which each refresh replaces the current token.
//!
//! The gate verifies the password before the site handles a login with a password.

use pinlatch_protocol::admin::TokenKind;
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::SiteRight;

use crate::accounts::people::by;
use crate::audit::Actor;
use crate::database::rows::{Columns as _, columns};
use crate::database::store::{StoreError, Value};
use crate::interface::call::Reply;
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

/// A row of the table `families`: a login and its chain of refresh tokens.
struct Family {
    username: UserName,
    /// The id of the current refresh token.
    current: String,
    /// The id of the refresh token before the current refresh token.
    previous: Option<String>,
    rotated_ms: Option<u64>,
    expires_ms: u64,
    ended_ms: Option<u64>,
}

columns!(Family { username, current, previous, rotated_ms, expires_ms, ended_ms });

impl Site<'_> {
    /// Handles a login with a password that the gate knows. The login fails if the password is not the person's current
    /// password, because the gate can also store earlier passwords and passwords that the site has refused.
    pub(crate) fn password_login(
        &mut self,
        username: UserName,
        password_ids: &[String],
        family: &str,
        refresh_jti: &str,
        expires_at: u64,
    ) -> Result<Reply, Failure> {
        if !self.is_current_password(&username, password_ids)? {
            return Err(Code::LoginFailed.into());
        }
        self.login(username, family, refresh_jti, expires_at)
    }

    /// Writes the numbers of failed logins to the audit log. The gate also stores the passwords of people who have left,
    /// so the logins of unknown people are added to the logins with unknown user names.
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

    pub(crate) fn login(
        &mut self,
        username: UserName,
        family: &str,
        refresh_jti: &str,
        expires_at: u64,
    ) -> Result<Reply, Failure> {
        self.person_rights(username.as_str())?.ok_or(Code::LoginFailed)?;
        self.make_room(&username)?;
        self.run(
            "INSERT INTO families (id, username, current, expires_ms) VALUES (?1, ?2, ?3, ?4)",
            &[
                family.into(),
                username.as_str().into(),
                refresh_jti.into(),
                expires_at.saturating_mul(1000).into(),
            ],
        )?;
        self.audit(by(&username, Some(refresh_jti)), "login", username.as_str(), "done")?;
        Ok(self.person(username))
    }

    /// Replaces the current refresh token of a login. For [`ROTATION_GRACE_MS`], the previous refresh token returns the
    /// same successor token. A later use of a replaced refresh token means that the token was stolen. The site
    /// therefore ends the login for the owner and for the thief of a stolen refresh token.
    pub(crate) fn refresh(
        &mut self,
        family: &str,
        jti: &str,
        next_jti: String,
        expires_at: u64,
    ) -> Result<Reply, Failure> {
        let sql = format!("SELECT {} FROM families WHERE id = ?1", Family::LIST);
        let row = self.row(&sql, &[family.into()])?.ok_or(Code::InvalidGrant)?;
        let Family { username, current, previous, rotated_ms, expires_ms, ended_ms } = Family::read(&row)?;
        if ended_ms.is_some() || expires_ms <= self.now_ms {
            return Err(Code::InvalidGrant.into());
        }
        if self.person_rights(username.as_str())?.is_none() {
            self.end_family(family)?;
            return Err(Code::InvalidGrant.into());
        }
        let refreshed = |jti: String, expires_at: u64| Reply::Refreshed {
            username: username.clone(),
            generation: self.generation,
            jti,
            expires_at,
        };
        if jti == current {
            let reply = refreshed(next_jti.clone(), expires_at);
            let expires: Value = expires_at.saturating_mul(1000).into();
            self.run(
                "UPDATE families SET previous = current, current = ?2, rotated_ms = ?3, expires_ms = ?4 WHERE id = ?1",
                &[family.into(), next_jti.into(), self.now_ms.into(), expires],
            )?;
            return Ok(reply);
        }
        let rotated_ms = rotated_ms.unwrap_or(0);
        if previous.as_deref() == Some(jti) && self.now_ms.saturating_sub(rotated_ms) <= ROTATION_GRACE_MS {
            return Ok(refreshed(current, expires_ms / 1000));
        }
        self.audit(by(&username, Some(jti)), "refresh_reuse", username.as_str(), "family_ended")?;
        self.end_family(family)?;
        Err(Problem::new(Code::InvalidGrant).detail("the refresh token was used before; log in again").into())
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
            None => self.forbid(&principal.jti, principal.exp.saturating_add(self.config.leeway_s))?,
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

    /// Invalidates every access token that was signed until now, as an emergency stop. A person with a refresh token or
    /// a password can get new tokens. After the emergency stop, all API tokens and guest links of the site are listed
    /// as revoked.
    pub(crate) fn raise_generation(&mut self, principal: &Principal) -> Result<u64, Failure> {
        self.require_site(principal, SiteRight::Tokens, "generation", "generation")?;
        self.generation += 1;
        self.run("UPDATE meta SET generation = ?1", &[self.generation.into()])?;
        self.run("UPDATE tokens SET ended_ms = ?1 WHERE ended_ms IS NULL", &[self.now_ms.into()])?;
        self.audit_by(principal, "generation", &self.generation.to_string(), "done")?;
        self.close_panels(PanelFilter::All);
        Ok(self.generation)
    }
}
