//! Decides which stored password of a person counts.
//!
//! The gate stores password hashes, each with a random id. Storing a hash gives no access: a password counts only while
//! the person's row in the table `people` contains its id. The event that uses a code, or checks a change, also writes
//! the id. A refused or interrupted request therefore leaves the current password unchanged.

use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};

use crate::database::store::StoreError;
use crate::interface::event::Effect;
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

impl Site<'_> {
    /// Returns the id of a person's current password. The result is `None` if the person does not exist or has no
    /// password. A password from before the ids were introduced has an empty id.
    pub(crate) fn password_id(&self, username: &UserName) -> Result<Option<String>, StoreError> {
        let sql = "SELECT password_id FROM people WHERE username = ?1";
        let row = self.row(sql, &[username.as_str().into()])?;
        Ok(row.map(|row| row.opt_text(0).map(|id| id.map(str::to_owned))).transpose()?.flatten())
    }

    /// Returns whether one of the ids is the id of the person's current password. The gate returns several ids if the
    /// person has chosen the same password twice.
    pub(crate) fn is_current_password(
        &self,
        username: &UserName,
        ids: &[String],
    ) -> Result<bool, StoreError> {
        Ok(self.password_id(username)?.is_some_and(|current| ids.contains(&current)))
    }

    pub(crate) fn set_password(&self, username: &UserName, id: &str) -> Result<(), StoreError> {
        let sql = "UPDATE people SET password_id = ?2 WHERE username = ?1";
        self.run(sql, &[username.as_str().into(), id.into()])?;
        Ok(())
    }

    /// Returns the id of the caller's current password. The result is `None` if the caller has no password.
    pub(crate) fn current_password(&self, principal: &Principal) -> Result<Option<String>, Failure> {
        self.rights(principal)?;
        let id = principal.person.as_ref().map(|username| self.password_id(username)).transpose()?;
        Ok(id.flatten())
    }

    /// Changes the caller's password, and ends all other logins of the caller. The change is refused if another change
    /// or a reset has replaced the verified password in the meantime. An open invitation stays valid, because a thief
    /// who knows the password could otherwise prevent a reset by changing the password again and again.
    pub(crate) fn change_password(
        &mut self,
        principal: &Principal,
        verified_ids: &[String],
        id: &str,
    ) -> Result<(), Failure> {
        self.rights(principal)?;
        let username = principal.person.as_ref().ok_or(Code::InsufficientScope)?;
        if !self.is_current_password(username, verified_ids)? {
            let text =
                "your password was changed in the meantime; log in with the new password and try again";
            return Err(Problem::new(Code::LoginFailed).detail(text).into());
        }
        self.set_password(username, id)?;
        self.end_other_logins(username.as_str(), principal.family.as_deref())?;
        self.audit_by(principal, "password", username.as_str(), "done")?;
        Ok(())
    }

    /// Returns whether the caller may secure their account now.
    pub(crate) fn may_secure(&self, principal: &Principal) -> Result<UserName, Failure> {
        self.rights(principal)?;
        self.require_proof(principal)?;
        Ok(principal.person.clone().ok_or(Code::PersonRequired)?)
    }

    /// Sets a new password of the caller, and ends everything that another person could have arranged with the caller's
    /// account: logins, tokens, codes and identities.
    pub(crate) fn secure_account(&mut self, principal: &Principal, id: &str) -> Result<(), Failure> {
        let username = self.may_secure(principal)?;
        self.set_password(&username, id)?;
        self.audit_by(principal, "account_secured", username.as_str(), "done")?;
        self.end_other_logins(username.as_str(), None)?;
        self.void_invitations(&username)?;
        self.drop_identities(&username)?;
        self.end_gifts(&username)?;
        self.effects.push(Effect::Review);
        Ok(())
    }
}
