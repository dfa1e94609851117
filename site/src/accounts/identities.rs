//! Manages people's identities at login providers, and logins with a login provider.

use pinlatch_protocol::admin::{AdmitRequest, IdentityRule, MAX_IDENTITY, RightsRequest};
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::SiteRight;

use crate::accounts::giver::{Giver, GiverColumns};
use crate::accounts::people::{granted, require_usable, stored};
use crate::audit::{Actor, CommandDetails, REFUSALS_MS};
use crate::database::rows::{Columns as _, columns};
use crate::database::store::StoreError;
use crate::interface::call::{LoggedIn, NewLogin};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// The maximum number of identities per person.
const MAX_IDENTITIES: i64 = 8;

/// The columns of the table `identities` that the API returns.
struct StoredIdentity {
    iss: String,
    sub: Option<String>,
    email: Option<String>,
}

columns!(StoredIdentity { iss, sub, email });

impl Site<'_> {
    /// Lets a person log in with a login provider. If the person does not exist yet, this function creates the person.
    pub(crate) fn admit(
        &mut self,
        principal: &Principal,
        username: &UserName,
        request: &AdmitRequest,
    ) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Users, "admit", username.as_str())?;
        require_usable(username)?;
        let rule = checked(&request.identity)?;
        let rights = RightsRequest { role: request.role, scope: request.scope.clone() };
        let joins = match self.person_rights(username.as_str())? {
            Some(there) => {
                if rights.role.is_some() || rights.scope.is_some() {
                    let text = "the person already exists; send the role or scope in a PATCH request instead";
                    return Err(Problem::new(Code::InvalidRequest).detail(text).into());
                }
                self.require_over(principal, &there, "admit", username)?;
                self.require_proof(principal)?;
                None
            }
            None => {
                let given = granted(&rights)?;
                self.require_over(principal, &given, "admit", username)?;
                self.require_proof(principal)?;
                self.require_room()?;
                Some(given)
            }
        };
        let who = key_of(&rule);
        let taken = self.row(
            "SELECT username FROM identities WHERE iss = ?1 AND (who = ?2 OR sub = ?3)",
            &[rule.issuer.as_str().into(), who.as_str().into(), rule.subject.as_deref().into()],
        )?;
        if let Some(row) = taken {
            if row.text(0)? != username.as_str() {
                return Err(Code::IdentityTaken.into());
            }
            return Ok(());
        }
        let count =
            self.row("SELECT count(*) FROM identities WHERE username = ?1", &[username.as_str().into()])?;
        if count.map_or(Ok(0), |row| row.int(0))? >= MAX_IDENTITIES {
            return Err(Problem::new(Code::InvalidRequest)
                .detail("a person can have at most 8 identities; remove the person's identities first")
                .into());
        }
        if let Some(given) = joins {
            let (role, scope) = stored(&given);
            self.add_person(username, role, scope.as_deref(), Some(&principal.actor()))?;
            self.void_invitations(username)?;
        }
        let [person, parent, issuer] = Giver::of(principal)?.values();
        self.run(
            "INSERT INTO identities (iss, who, username, sub, email, person, parent, issuer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                rule.issuer.into(),
                who.into(),
                username.as_str().into(),
                rule.subject.into(),
                rule.email.into(),
                person,
                parent,
                issuer,
            ],
        )?;
        self.audit_by(principal, "admit", username.as_str(), "done")?;
        Ok(())
    }

    /// Removes all identities of a person, and ends the person's open logins.
    pub(crate) fn forget_identities(
        &mut self,
        principal: &Principal,
        username: &UserName,
    ) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Users, "identities_removal", username.as_str())?;
        let there = self.person_rights(username.as_str())?.ok_or(Code::UnknownPerson)?;
        self.require_over(principal, &there, "identities_removal", username)?;
        self.require_proof(principal)?;
        self.drop_identities(username)?;
        self.end_other_logins(username.as_str(), None)?;
        self.audit_by(principal, "identities_removal", username.as_str(), "done")?;
        Ok(())
    }

    pub(crate) fn drop_identities(&self, username: &UserName) -> Result<(), StoreError> {
        self.run("DELETE FROM identities WHERE username = ?1", &[username.as_str().into()])?;
        Ok(())
    }

    pub(crate) fn identities_of(&self, username: &str) -> Result<Vec<IdentityRule>, StoreError> {
        let sql =
            format!("SELECT {} FROM identities WHERE username = ?1 ORDER BY iss, who", StoredIdentity::LIST);
        let rows = self.run(&sql, &[username.into()])?;
        let rules = rows.iter().map(|row| {
            let StoredIdentity { iss, sub, email } = StoredIdentity::read(row)?;
            Ok(IdentityRule { issuer: iss, subject: sub, email })
        });
        rules.collect()
    }

    /// Handles a login with a provider after the Worker has verified the login. If the person was admitted to the site,
    /// the login starts. An email address identifies a person only until the first login with the email address. The
    /// first login stores the provider's subject, because another person can get the same email address later. The
    /// first login counts only if the giver of the admission may still admit the person.
    pub(crate) fn federated_login(
        &mut self,
        issuer: &str,
        subject: &str,
        email: Option<&str>,
        new: &NewLogin,
    ) -> Result<LoggedIn, Failure> {
        let Some(username) = self.admitted(issuer, subject, email)? else {
            let name = format!("{issuer}#{subject}");
            let actor = Actor { name: &name, jti: None };
            let (code, none) = (Code::NotAdmitted.as_str(), CommandDetails::default());
            self.audit_repeatable(REFUSALS_MS, actor, "login", issuer, code, none)?;
            return Err(Code::NotAdmitted.into());
        };
        self.login(username, new)
    }

    /// Returns the person with this identity. The first use of an identity stores the subject, and deletes the giver of
    /// the admission.
    fn admitted(
        &self,
        issuer: &str,
        subject: &str,
        email: Option<&str>,
    ) -> Result<Option<UserName>, StoreError> {
        let columns = format!("who, username, {}", GiverColumns::LIST);
        let sql = format!("SELECT {columns} FROM identities WHERE iss = ?1 AND sub = ?2");
        let mut row = self.row(&sql, &[issuer.into(), subject.into()])?;
        if let (None, Some(email)) = (&row, email) {
            let sql = format!("SELECT {columns} FROM identities WHERE iss = ?1 AND who = ?2 AND sub IS NULL");
            row = self.row(&sql, &[issuer.into(), email_key(email).into()])?;
        }
        let Some(row) = row else { return Ok(None) };
        let (who, username): (String, UserName) = (row.text(0)?.into(), row.parsed(1)?);
        if let giver @ Some(_) = GiverColumns::read_at(&row, 2)?.giver() {
            let Some(rights) = self.person_rights(username.as_str())? else { return Ok(None) };
            if !self.may_still_admit(giver.as_ref(), &rights)? {
                return Ok(None);
            }
        }
        self.run(
            "UPDATE identities SET sub = ?3, person = NULL, parent = NULL, issuer = NULL WHERE iss = ?1 AND who = ?2
             AND (sub IS NULL OR person IS NOT NULL OR parent IS NOT NULL)",
            &[issuer.into(), who.into(), subject.into()],
        )?;
        Ok(Some(username))
    }
}

/// Checks an identity rule. The identity rule must contain either a subject or an email address, but not both.
fn checked(rule: &IdentityRule) -> Result<IdentityRule, Problem> {
    let wrong = |text: &str| Problem::new(Code::InvalidRequest).detail(text);
    let fits = |text: &str| (1..=MAX_IDENTITY).contains(&text.len()) && !text.chars().any(char::is_control);
    let all = [Some(&rule.issuer), rule.subject.as_ref(), rule.email.as_ref()];
    if !all.into_iter().flatten().all(|text| fits(text)) {
        let rule = "bytes and no control characters";
        return Err(wrong(&format!("`issuer`, `subject` and `email` must have 1 to {MAX_IDENTITY} {rule}")));
    }
    if rule.subject.is_some() == rule.email.is_some() {
        return Err(wrong("`identity` must contain either `subject` or `email`, but not both"));
    }
    let email = rule.email.as_ref().map(|email| email.to_ascii_lowercase());
    if email.as_ref().is_some_and(|email| !email.contains('@')) {
        return Err(wrong("`email` is not an email address"));
    }
    Ok(IdentityRule { email, ..rule.clone() })
}

fn key_of(rule: &IdentityRule) -> String {
    match (&rule.subject, &rule.email) {
        (Some(subject), _) => format!("sub:{subject}"),
        (None, Some(email)) => email_key(email),
        (None, None) => String::new(),
    }
}

fn email_key(email: &str) -> String {
    format!("email:{}", email.to_ascii_lowercase())
}
