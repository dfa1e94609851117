//! Computes the current permissions of a principal (the caller of a request). The permissions of a person's login are
//! the person's rights. The permissions of any other token are the intersection of the token's scopes and the rights of
//! the token's person or issuer. An invalid token and the token of a removed person have no permissions.

use pinlatch_protocol::api::{MAX_PERSON_LIFE, MAX_PROOF_AGE};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::{Pattern, Role, Scope, ScopeSet, SiteRight};

use crate::audit::{Actor, CommandDetails, REFUSALS_MS};
use crate::database::store::StoreError;
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// The current permissions of a principal (the caller of a request).
pub(crate) struct Rights {
    /// The person's role. The value is `None` if the token belongs to no person, or if the person has individual
    /// scopes.
    pub role: Option<Role>,
    /// The current rights of the token's person or issuer, limited to the token's scopes if the token has any.
    pub scope: ScopeSet,
}

impl Rights {
    /// Returns whether a caller with these rights can see who sent the last command of each line that the caller can
    /// read. A person who is logged in can see it, so that the people of a home know who opened the door. Other callers,
    /// such as guests, need the right to read the audit log, which contains the same names.
    pub fn sees_senders(&self, principal: &Principal) -> bool {
        let is_person = principal.person.is_some() && principal.family.is_some();
        is_person || self.scope.allows_site(SiteRight::Audit)
    }

    /// Returns whether the permissions include at least one GPIO line of a device. If the permissions include no line
    /// of the device, the site must answer as if the device did not exist.
    pub fn knows_device(&self, device: &Name) -> bool {
        self.scope.iter().any(|scope| match scope {
            Scope::Line { device: Pattern::Any, .. } => true,
            Scope::Line { device: Pattern::One(own), .. } => own == device,
            Scope::Site(_) => false,
        })
    }

    /// Returns whether the caller can see the data and the rules of the whole machine. A caller who can read all lines
    /// of the device, or who manages devices, can see them.
    pub fn sees_machine(&self, device: &Name) -> bool {
        let every_line =
            Scope::Line { device: Pattern::One(device.clone()), line: Pattern::Any, verb: Some("read") };
        self.scope.allows_site(SiteRight::Devices) || self.scope.covers(&[every_line].into_iter().collect())
    }
}

/// Returns whether scopes include an administrative right.
pub(crate) fn administers(scope: &ScopeSet) -> bool {
    scope.iter().any(|scope| matches!(scope, Scope::Site(_)))
}

/// Returns the scope of everything on a device.
pub(crate) fn whole_device(device: &Name) -> ScopeSet {
    [Scope::Line { device: Pattern::One(device.clone()), line: Pattern::Any, verb: None }]
        .into_iter()
        .collect()
}

/// The value of the column `role` for a person who has individual scopes instead of a role.
pub(crate) const CUSTOM: &str = "custom";

impl Site<'_> {
    /// Checks that a token is still valid, and returns the current permissions of the token. For an invalid token, this
    /// function returns 401 `invalid_token`.
    pub(crate) fn rights(&self, principal: &Principal) -> Result<Rights, Failure> {
        let dead = |why: &str| Failure::from(Problem::new(Code::InvalidToken).detail(why));
        if principal.site != self.config.site {
            return Err(dead("the token is for another site"));
        }
        if principal.exp.saturating_add(self.config.leeway_s).saturating_mul(1000) <= self.now_ms {
            return Err(dead("the token has expired"));
        }
        let sql = "SELECT (SELECT 1 FROM revoked WHERE jti = ?1),
            (SELECT username FROM families WHERE id = ?2 AND ended_ms IS NULL)";
        let row = self
            .row(sql, &[principal.jti.as_str().into(), principal.family.as_deref().into()])?
            .ok_or(StoreError::Shape { column: 0, wanted: "a row" })?;
        if row.opt_int(0)?.is_some() {
            return Err(dead("the token was revoked"));
        }
        let own = principal.scope.clone();
        if let Some(issuer) = &principal.issuer {
            let ceiling = self.config.issuers.get(issuer);
            let ceiling = ceiling.ok_or_else(|| dead("the token's issuer is no longer configured"))?;
            return Ok(Rights { role: None, scope: own.unwrap_or_default().within(ceiling) });
        }
        // The signature of the edge is not enough, because a thief can have the signing key without the database. A
        // token of the edge therefore needs a row that the site has written: a login or an issued token.
        if principal.generation != self.generation {
            return Err(dead("all older tokens were made invalid; log in again or use a new token"));
        }
        if principal.issued {
            let scope = own.unwrap_or_default().within(&self.issued_scope(&principal.jti)?);
            return Ok(Rights { role: None, scope });
        }
        let person = principal.person.as_ref().map(UserName::as_str);
        let person = person.ok_or_else(|| dead("the site does not know the subject of the token"))?;
        if row.opt_text(1)? != Some(person) {
            return Err(dead("the session has ended"));
        }
        if principal.exp.saturating_sub(principal.iat) > MAX_PERSON_LIFE {
            return Err(dead("the token of a login is valid for at most ten minutes"));
        }
        let rights = self.person_rights(person)?.ok_or_else(|| dead("the person was removed"))?;
        let scope = match own {
            Some(scope) => scope.within(&rights.scope),
            None => rights.scope,
        };
        Ok(Rights { role: rights.role, scope })
    }

    /// Returns whether the token with this id was revoked.
    pub(crate) fn is_revoked(&self, jti: &str) -> Result<bool, StoreError> {
        Ok(self.row("SELECT 1 FROM revoked WHERE jti = ?1", &[jti.into()])?.is_some())
    }

    /// Requires that the caller is a person who has proved their identity in the last [`MAX_PROOF_AGE`] seconds (RFC
    /// 9470). Everything that would outlive a stolen login needs such a proof. The token of a program has no proof, so
    /// its request is refused with 403 `person_required`.
    pub(crate) fn require_proof(&self, principal: &Principal) -> Result<(), Failure> {
        if principal.family.is_none() || principal.person.is_none() {
            return Err(Code::PersonRequired.into());
        }
        let age = principal.auth_time.map(|at| (self.now_ms / 1000).saturating_sub(at));
        if age.is_some_and(|age| age <= MAX_PROOF_AGE) {
            return Ok(());
        }
        let text = "this change outlives your login; confirm it with your password or your login provider";
        let problem = Problem::new(Code::InsufficientUserAuthentication).detail(text);
        Err(Problem { max_age: Some(MAX_PROOF_AGE), ..problem }.into())
    }

    /// Requires that the caller has an administrative right. If the caller lacks the administrative right, the refusal
    /// is written to the audit log.
    pub(crate) fn require_site(
        &self,
        principal: &Principal,
        right: SiteRight,
        act: &str,
        target: &str,
    ) -> Result<(), Failure> {
        if self.rights(principal)?.scope.allows_site(right) {
            return Ok(());
        }
        self.audit_refusal(principal, act, target, Code::InsufficientScope)?;
        let needed = format!("the request requires the scope site:{}", right.as_str());
        Err(Problem::new(Code::InsufficientScope).detail(needed).into())
    }

    pub(crate) fn audit_refusal(
        &self,
        principal: &Principal,
        act: &str,
        target: &str,
        code: Code,
    ) -> Result<(), StoreError> {
        self.audit_refused(principal, act, target, code, CommandDetails::default())
    }

    pub(crate) fn audit_refused_command(
        &self,
        principal: &Principal,
        target: &str,
        code: Code,
        details: CommandDetails<'_>,
    ) -> Result<(), StoreError> {
        self.audit_refused(principal, "command", target, code, details)
    }

    fn audit_refused(
        &self,
        principal: &Principal,
        act: &str,
        target: &str,
        code: Code,
        details: CommandDetails<'_>,
    ) -> Result<(), StoreError> {
        let actor = principal.actor();
        let actor = Actor { name: &actor, jti: Some(&principal.jti) };
        self.audit_repeatable(REFUSALS_MS, actor, act, target, code.as_str(), details)
    }
}
