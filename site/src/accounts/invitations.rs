//! Manages invitations. An invitation counts only as far as its giver may act when it is used.

use pinlatch_protocol::admin::{Invitation, RightsRequest};
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::{Role, ScopeSet, SiteRight};

use crate::accounts::authority::Rights;
use crate::accounts::giver::{Giver, GiverColumns, expiry_of_code};
use crate::accounts::people::{StoredRights, by, granted, require_usable, stored};
use crate::database::rows::{Columns as _, columns};
use crate::database::store::{Row, StoreError};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// The columns of an invitation in the table `codes`.
struct StoredInvitation {
    id: String,
    username: UserName,
    role: Option<String>,
    scope: Option<ScopeSet>,
    creator: Option<String>,
    expires_ms: u64,
}

columns!(StoredInvitation { id, username, role, scope, creator, expires_ms });

/// Returns the statement for the invitations that are neither used nor expired at `?1`, in milliseconds of Unix time.
fn open_invitations(which: &str) -> String {
    let (columns, giver) = (StoredInvitation::LIST, GiverColumns::LIST);
    let open = "username IS NOT NULL AND used_ms IS NULL AND expires_ms > ?1";
    format!("SELECT {columns}, {giver} FROM codes WHERE {open} {which}")
}

impl StoredInvitation {
    fn view(self) -> Invitation {
        let Self { id, username, role, scope, creator, expires_ms } = self;
        Invitation {
            id,
            username,
            role: role.as_deref().and_then(Role::from_word),
            scope,
            creator: creator.unwrap_or_default(),
            expires_at: expires_ms / 1000,
        }
    }
}

impl Site<'_> {
    /// Invites a new person, or lets an existing person choose a new password. The caller must have all rights of the
    /// invited person. Only an owner can invite an owner. This function returns the expiry of the invitation, in
    /// seconds of Unix time.
    pub(crate) fn invite(
        &mut self,
        principal: &Principal,
        username: &UserName,
        wanted: &RightsRequest,
        code_id: &str,
        expires_at: u64,
    ) -> Result<u64, Failure> {
        self.require_site(principal, SiteRight::Users, "invite", username.as_str())?;
        require_usable(username)?;
        // A caller with a stolen access token must not be able to take over the account permanently.
        if principal.person.as_ref() == Some(username) {
            let text = "you cannot invite yourself; to change your password, use your current password";
            return Err(Problem::new(Code::InvalidRequest).detail(text).into());
        }
        let (role, scope) = match self.person_rights(username.as_str())? {
            Some(there) => {
                if wanted.role.is_some() || wanted.scope.is_some() {
                    let text = "the person already exists; send the role or scope in a PATCH request instead";
                    return Err(Problem::new(Code::InvalidRequest).detail(text).into());
                }
                self.require_over(principal, &there, "invite", username)?;
                self.require_proof_for(principal, &there)?;
                // At most one code can set a person's password at any time, so earlier codes are deleted.
                self.void_invitations(username)?;
                (None, None)
            }
            None => {
                let given = granted(wanted)?;
                self.require_over(principal, &given, "invite", username)?;
                self.require_proof_for(principal, &given)?;
                self.require_room()?;
                let (role, scope) = stored(&given);
                (Some(role), scope)
            }
        };
        let expires_at = expiry_of_code(principal, expires_at);
        let [person, parent, issuer] = Giver::of(principal)?.values();
        self.run(
            "INSERT INTO codes (id, username, role, scope, expires_ms, person, parent, issuer, creator)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &[
                code_id.into(),
                username.as_str().into(),
                role.into(),
                scope.into(),
                expires_at.saturating_mul(1000).into(),
                person,
                parent,
                issuer,
                principal.actor().into(),
            ],
        )?;
        self.audit_by(principal, "invite", username.as_str(), "done")?;
        Ok(expires_at)
    }

    /// Returns the user name of an invitation that [`Site::accept_invitation`] would accept now. Examples of refused
    /// invitations are the invitation of a new person who has already joined, the invitation of a person who was
    /// removed, and the invitation of a giver who may not give these rights any more.
    pub(crate) fn invited(&self, code_id: &str) -> Result<UserName, Failure> {
        Ok(self.open_invitation(code_id)?.ok_or(Code::CodeRefused)?.0.username)
    }

    /// Returns an invitation that can be used now, with the rights of the person after its use.
    fn open_invitation(&self, code_id: &str) -> Result<Option<(StoredInvitation, Rights)>, StoreError> {
        let row = self.row(&open_invitations("AND id = ?2"), &[self.now_ms.into(), code_id.into()])?;
        Ok(row.map(|row| self.usable_invitation(&row)).transpose()?.flatten())
    }

    /// Reads a row of [`open_invitations`], if its giver may still give the rights of the invitation.
    fn usable_invitation(&self, row: &Row) -> Result<Option<(StoredInvitation, Rights)>, StoreError> {
        let invitation = StoredInvitation::read(row)?;
        let giver = GiverColumns::read_at(row, StoredInvitation::COUNT)?.giver();
        let Some(given) = self.given_by(&invitation)? else { return Ok(None) };
        let is_usable = self.may_still_admit(giver.as_ref(), &given)?;
        Ok(is_usable.then_some((invitation, given)))
    }

    /// Returns the rights of the person after the use of an invitation. The result is `None` if the invitation is for
    /// an existing person who was removed, or for a new person who has already joined.
    fn given_by(&self, invitation: &StoredInvitation) -> Result<Option<Rights>, StoreError> {
        let there = self.person_rights(invitation.username.as_str())?;
        Ok(match &invitation.role {
            None => there,
            Some(_) if there.is_some() => None,
            Some(role) => Some(StoredRights { role: role.clone(), scope: invitation.scope.clone() }.into()),
        })
    }

    /// Uses an invitation. For a new person, this function creates the person. For an existing person, this function
    /// ends all earlier logins.
    pub(crate) fn accept_invitation(
        &mut self,
        code_id: &str,
        password_id: &str,
    ) -> Result<UserName, Failure> {
        let (invitation, _) = self.open_invitation(code_id)?.ok_or(Code::CodeRefused)?;
        let StoredInvitation { username, role, scope, creator, .. } = invitation;
        self.run("UPDATE codes SET used_ms = ?2 WHERE id = ?1", &[code_id.into(), self.now_ms.into()])?;
        match role {
            Some(role) => {
                let scope = scope.map(|scope| scope.to_string());
                self.add_person(&username, &role, scope.as_deref(), creator.as_deref())?;
            }
            None => self.end_other_logins(username.as_str(), None)?,
        }
        self.set_password(&username, password_id)?;
        self.void_invitations(&username)?;
        self.audit(by(&username, None), "accept_invitation", username.as_str(), "done")?;
        Ok(username)
    }

    /// Returns the invitations that can still be used.
    pub(crate) fn invitations(&self, principal: &Principal) -> Result<Vec<Invitation>, Failure> {
        self.require_site(principal, SiteRight::Users, "invitations", "users")?;
        let rows = self.run(&open_invitations("ORDER BY username"), &[self.now_ms.into()])?;
        let usable = rows.iter().filter_map(|row| self.usable_invitation(row).transpose());
        Ok(usable.map(|one| Ok(one?.0.view())).collect::<Result<_, StoreError>>()?)
    }

    /// Withdraws one open invitation.
    pub(crate) fn withdraw_invitation(&self, principal: &Principal, id: &str) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Users, "invitation_withdrawal", id)?;
        let (invitation, given) = self.open_invitation(id)?.ok_or(Code::UnknownCode)?;
        self.require_over(principal, &given, "invitation_withdrawal", &invitation.username)?;
        self.run("DELETE FROM codes WHERE id = ?1", &[id.into()])?;
        self.audit_by(principal, "invitation_withdrawal", invitation.username.as_str(), "done")?;
        Ok(())
    }

    pub(crate) fn withdraw_invitations(
        &self,
        principal: &Principal,
        username: &UserName,
    ) -> Result<(), Failure> {
        let rows = self.run(
            "SELECT role, scope FROM codes
             WHERE username = ?1 AND role IS NOT NULL AND used_ms IS NULL AND expires_ms > ?2",
            &[username.as_str().into(), self.now_ms.into()],
        )?;
        if rows.is_empty() {
            return Err(Code::UnknownPerson.into());
        }
        for row in &rows {
            self.require_over(principal, &StoredRights::read(row)?.into(), "person_removal", username)?;
        }
        self.void_invitations(username)?;
        self.audit_by(principal, "person_removal", username.as_str(), "invitation_withdrawn")?;
        Ok(())
    }

    /// Deletes the unused invitations of a person.
    pub(crate) fn void_invitations(&self, username: &UserName) -> Result<(), StoreError> {
        let sql = "DELETE FROM codes WHERE username = ?1 AND used_ms IS NULL";
        self.run(sql, &[username.as_str().into()])?;
        Ok(())
    }
}
