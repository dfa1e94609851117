//! Manages people: the first owner, invitations, roles, scopes, and the removal of people.

use pinlatch_protocol::admin::{Person, RightsRequest};
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::{Role, ScopeSet, SiteRight};

use crate::accounts::authority::{CUSTOM, Rights, administers};
use crate::audit::Actor;
use crate::database::rows::{Columns as _, columns};
use crate::database::store::StoreError;
use crate::interface::event::{Effect, PanelFilter};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// The maximum number of people per site, including open invitations.
const MAX_PEOPLE: i64 = 1_000;

impl Site<'_> {
    pub(crate) fn setup_allowed(&self, code_id: &str) -> Result<(), Failure> {
        if self.row("SELECT 1 FROM people LIMIT 1", &[])?.is_some() {
            return Err(Code::AlreadySetUp.into());
        }
        if self.row("SELECT 1 FROM codes WHERE id = ?1", &[code_id.into()])?.is_some() {
            return Err(Code::CodeRefused.into());
        }
        Ok(())
    }

    pub(crate) fn setup(
        &mut self,
        code_id: &str,
        username: UserName,
        password_id: &str,
    ) -> Result<(), Failure> {
        self.setup_allowed(code_id)?;
        // The used setup code is stored permanently, because a setup code may be created without an expiry. Each site
        // stores at most one setup code.
        self.run(
            "INSERT INTO codes (id, expires_ms, used_ms) VALUES (?1, ?2, ?3)",
            &[code_id.into(), u64::MAX.into(), self.now_ms.into()],
        )?;
        self.add_person(&username, Role::Owner.as_str(), None, None)?;
        self.set_password(&username, password_id)?;
        self.audit(by(&username, None), "setup", username.as_str(), "done")?;
        Ok(())
    }

    /// Adds a person who has no password yet. `added_by` is the actor who invited or admitted the person.
    pub(crate) fn add_person(
        &self,
        username: &UserName,
        role: &str,
        scope: Option<&str>,
        added_by: Option<&str>,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO people (username, role, scope, created_ms, added_by) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[username.as_str().into(), role.into(), scope.into(), self.now_ms.into(), added_by.into()],
        )?;
        Ok(())
    }

    /// Returns the current rights of a person, or `None` if the person does not exist.
    pub(crate) fn person_rights(&self, username: &str) -> Result<Option<Rights>, StoreError> {
        let sql = format!("SELECT {} FROM people WHERE username = ?1", StoredRights::LIST);
        let row = self.row(&sql, &[username.into()])?;
        Ok(row.as_ref().map(StoredRights::read).transpose()?.map(Into::into))
    }

    pub(crate) fn people(&self, principal: &Principal) -> Result<Vec<Person>, Failure> {
        self.require_site(principal, SiteRight::Users, "users", "users")?;
        let rows = self.run(
            &format!(
                "SELECT {}, (SELECT count(*) FROM families
                 WHERE families.username = people.username AND ended_ms IS NULL AND expires_ms > ?1)
                 FROM people ORDER BY username",
                StoredPerson::LIST
            ),
            &[self.now_ms.into()],
        )?;
        let people = rows.iter().map(|row| {
            let StoredPerson { username, role, scope, created_ms, added_by } = StoredPerson::read(row)?;
            let Rights { role, scope } = StoredRights { role, scope }.into();
            let sessions = row.uint(StoredPerson::COUNT)?;
            let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
            let identities = self.identities_of(username.as_str())?;
            Ok(Person { username, role, scope, created_ms, added_by, sessions, identities })
        });
        Ok(people.collect::<Result<_, StoreError>>()?)
    }

    /// Requires a new proof of the caller's identity if a change gives or takes administrative rights.
    pub(crate) fn require_proof_for(&self, principal: &Principal, rights: &Rights) -> Result<(), Failure> {
        if administers(&rights.scope) { self.require_proof(principal) } else { Ok(()) }
    }

    /// Changes a person's rights. The change takes effect immediately, even for open WebSockets. The caller must have
    /// all old and all new rights of the person.
    pub(crate) fn change_person(
        &mut self,
        principal: &Principal,
        username: &UserName,
        wanted: &RightsRequest,
    ) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Users, "rights", username.as_str())?;
        let before = self.person_rights(username.as_str())?.ok_or(Code::UnknownPerson)?;
        let given = granted(wanted)?;
        self.require_over(principal, &before, "rights", username)?;
        self.require_over(principal, &given, "rights", username)?;
        self.require_proof_for(principal, &before)?;
        self.require_proof_for(principal, &given)?;
        if given.role != Some(Role::Owner) {
            self.require_another_owner(username)?;
        }
        let (role, scope) = stored(&given);
        self.run(
            "UPDATE people SET role = ?2, scope = ?3 WHERE username = ?1",
            &[username.as_str().into(), role.into(), scope.into()],
        )?;
        // The creator of an open invitation may lack some of the person's new rights, so the invitation is deleted.
        self.void_invitations(username)?;
        self.audit_by(principal, "rights", username.as_str(), role)?;
        // Open panels show the old permissions. The site closes the panels' WebSockets, so that the panels load a new
        // snapshot.
        self.close_panels(PanelFilter::Person(username.clone()));
        self.effects.push(Effect::Review);
        Ok(())
    }

    /// Removes a person, the person's logins, and everything that the person gave. If the person has not joined yet,
    /// this function only deletes the invitation.
    pub(crate) fn remove_person(
        &mut self,
        principal: &Principal,
        username: &UserName,
    ) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Users, "person_removal", username.as_str())?;
        let Some(before) = self.person_rights(username.as_str())? else {
            return self.withdraw_invitations(principal, username);
        };
        self.require_over(principal, &before, "person_removal", username)?;
        self.require_another_owner(username)?;
        self.require_proof(principal)?;
        self.end_other_logins(username.as_str(), None)?;
        self.void_invitations(username)?;
        self.drop_identities(username)?;
        self.run("DELETE FROM people WHERE username = ?1", &[username.as_str().into()])?;
        // Everything that the removed person gave ends permanently, because a new person with the same name can join
        // later.
        self.end_gifts(username)?;
        self.audit_by(principal, "person_removal", username.as_str(), "done")?;
        self.effects.push(Effect::Review);
        Ok(())
    }

    /// Ends the tokens, open codes and unused admissions that a person gave. What others gave with these tokens ends
    /// too, because each use checks the chain of givers.
    pub(crate) fn end_gifts(&self, username: &UserName) -> Result<(), StoreError> {
        let person = username.as_str();
        self.run(
            "UPDATE tokens SET ended_ms = ?2 WHERE person = ?1 AND ended_ms IS NULL",
            &[person.into(), self.now_ms.into()],
        )?;
        self.run("DELETE FROM codes WHERE person = ?1 AND used_ms IS NULL", &[person.into()])?;
        self.run("DELETE FROM identities WHERE person = ?1", &[person.into()])?;
        Ok(())
    }

    /// Checks that the number of people and open invitations is below the maximum.
    pub(crate) fn require_room(&self) -> Result<(), Failure> {
        let row = self.row(
            "SELECT (SELECT count(*) FROM people) + (SELECT count(*) FROM codes
             WHERE username IS NOT NULL AND role IS NOT NULL AND used_ms IS NULL AND expires_ms > ?1)",
            &[self.now_ms.into()],
        )?;
        if row.map_or(Ok(0), |row| row.int(0))? < MAX_PEOPLE {
            return Ok(());
        }
        let text = "the site has the maximum of 1000 people and open invitations; first remove one of them";
        Err(Problem::new(Code::InvalidRequest).detail(text).into())
    }

    /// Requires that the caller has all rights that a change grants or removes. A refusal is written to the audit log.
    pub(crate) fn require_cover(
        &self,
        principal: &Principal,
        given: &ScopeSet,
        act: &str,
        target: &str,
    ) -> Result<(), Failure> {
        if self.rights(principal)?.scope.covers(given) {
            return Ok(());
        }
        let text = "you can only grant or remove rights that you have";
        Err(self.beyond(principal, act, target, text))
    }

    /// Requires that the caller can grant or remove the rights of a person. In addition to the
    /// check of [`Site::require_cover`], only an owner can grant or remove the rights of an owner.
    /// A token with all rights cannot create an owner, because the token expires but the new owner
    /// does not.
    pub(crate) fn require_over(
        &self,
        principal: &Principal,
        rights: &Rights,
        act: &str,
        username: &UserName,
    ) -> Result<(), Failure> {
        self.require_cover(principal, &rights.scope, act, username.as_str())?;
        if rights.role != Some(Role::Owner) || self.rights(principal)?.role == Some(Role::Owner) {
            return Ok(());
        }
        Err(self.beyond(
            principal,
            act,
            username.as_str(),
            "only an owner can add, change or remove an owner",
        ))
    }

    /// Refuses a request that exceeds the caller's rights, and writes the refusal to the audit log.
    pub(crate) fn beyond(&self, principal: &Principal, act: &str, target: &str, why: &str) -> Failure {
        match self.audit_refusal(principal, act, target, Code::InsufficientScope) {
            Ok(()) => Problem::new(Code::InsufficientScope).detail(why).into(),
            Err(error) => error.into(),
        }
    }

    fn require_another_owner(&self, username: &UserName) -> Result<(), Failure> {
        let row = self.row(
            "SELECT role = 'owner' AND NOT EXISTS (SELECT 1 FROM people WHERE role = 'owner' AND username <> ?1)
             FROM people WHERE username = ?1",
            &[username.as_str().into()],
        )?;
        if row.map_or(Ok(0), |row| row.int(0))? != 0 {
            return Err(Code::LastOwner.into());
        }
        Ok(())
    }
}

/// A row of the table `people`.
struct StoredPerson {
    username: UserName,
    role: String,
    scope: Option<ScopeSet>,
    created_ms: u64,
    added_by: Option<String>,
}

columns!(StoredPerson { username, role, scope, created_ms, added_by });

/// The columns with the rights of a person or of an invitation.
pub(crate) struct StoredRights {
    pub role: String,
    pub scope: Option<ScopeSet>,
}

columns!(StoredRights { role, scope });

impl From<StoredRights> for Rights {
    fn from(stored: StoredRights) -> Self {
        let role = Role::from_word(&stored.role);
        let scope = role.map_or_else(|| stored.scope.unwrap_or_default(), Role::scopes);
        Self { role, scope }
    }
}

/// Returns the rights in a request. The request must contain either a role or a scope.
pub(crate) fn granted(wanted: &RightsRequest) -> Result<Rights, Problem> {
    match (wanted.role, &wanted.scope) {
        (Some(role), None) => Ok(Rights { role: Some(role), scope: role.scopes() }),
        (None, Some(scope)) => Ok(Rights { role: None, scope: scope.clone() }),
        _ => Err(Problem::new(Code::InvalidRequest).detail("the request needs either `role` or `scope`")),
    }
}

pub(crate) fn stored(rights: &Rights) -> (&'static str, Option<String>) {
    match rights.role {
        Some(role) => (role.as_str(), None),
        None => (CUSTOM, Some(rights.scope.to_string())),
    }
}

/// Refuses the user name `accept`, because the API already uses the path `/users/accept`.
pub(crate) fn require_usable(username: &UserName) -> Result<(), Problem> {
    if username.as_str() == "accept" {
        return Err(
            Problem::new(Code::InvalidRequest).detail("`accept` is reserved; choose another user name")
        );
    }
    Ok(())
}

pub(crate) fn by<'a>(username: &'a UserName, jti: Option<&'a str>) -> Actor<'a> {
    Actor { name: username.as_str(), jti }
}
