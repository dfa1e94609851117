//! The permissions of the viewer. The panel offers only controls that these permissions allow. The edge checks the
//! permissions again for each call.

#[cfg(test)]
mod tests;

use pinlatch_protocol::admin::{Invitation, Person, TokenView};
use pinlatch_protocol::api::Whoami;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::{Role, Scope, ScopeSet, SiteRight};

use super::page::Page;
use crate::visit::Visitor;

/// The permissions of the viewer, who is the logged-in person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    pub name: String,
    pub role: Option<Role>,
    pub scope: ScopeSet,
}

impl Rights {
    pub fn of(whoami: &Whoami) -> Self {
        Self { name: whoami.sub.clone(), role: whoami.role, scope: whoami.scope.clone() }
    }

    pub fn may(&self, right: SiteRight) -> bool {
        self.scope.allows_site(right)
    }

    pub fn pages(&self) -> Vec<Page> {
        Page::open_to(&self.scope)
    }

    pub fn shows(&self, page: &Page) -> bool {
        match page {
            // The device pages show only data that the board also shows.
            Page::Devices | Page::Device(_) | Page::Unknown => true,
            // Every person has an account. A guest has none.
            Page::Account => Visitor::of_subject(&self.name) == Visitor::Person,
            page => self.pages().contains(page),
        }
    }

    /// Whether the viewer may see the rules of a device, which name all lines of the device.
    pub fn may_see_rules(&self, device: &Name) -> bool {
        let all_lines = format!("line:{device}/*:read").parse::<ScopeSet>();
        self.may(SiteRight::Devices) || all_lines.is_ok_and(|all_lines| self.scope.covers(&all_lines))
    }

    pub fn is_self(&self, person: &Person) -> bool {
        person.username.as_str() == self.name
    }

    /// Whether the viewer may grant these permissions. A viewer can grant only permissions that the viewer has. Only an
    /// owner can make another person an owner.
    pub fn may_give(&self, role: Option<Role>, scope: &ScopeSet) -> bool {
        self.may(SiteRight::Users)
            && self.scope.covers(scope)
            && (role != Some(Role::Owner) || self.role == Some(Role::Owner))
    }

    /// Whether the viewer may change or remove a person, or end the sessions of the person.
    pub fn may_change(&self, person: &Person) -> bool {
        self.may_give(person.role, &person.scope)
    }

    /// Whether the viewer may reset the password of a person. Viewers cannot reset their own password, because they
    /// change it by entering the current password.
    pub fn may_reset(&self, person: &Person) -> bool {
        self.may_change(person) && !self.is_self(person)
    }

    /// Whether the viewer may withdraw an invitation. An invitation without permissions lets an existing person choose
    /// a new password.
    pub fn may_withdraw(&self, invitation: &Invitation, people: &[Person]) -> bool {
        match (invitation.role, &invitation.scope) {
            (Some(role), _) => self.may_give(Some(role), &role.scopes()),
            (None, Some(scope)) => self.may_give(None, scope),
            (None, None) => {
                people.iter().any(|person| person.username == invitation.username && self.may_change(person))
            }
        }
    }

    pub fn may_revoke(&self, token: &TokenView) -> bool {
        self.may(SiteRight::Tokens) && self.scope.covers(&token.scope)
    }

    /// Whether the viewer may end all sessions, tokens and links of the site.
    pub fn may_stop(&self) -> bool {
        self.role == Some(Role::Owner)
    }

    /// Whether the viewer has a scope and can therefore grant this scope.
    pub fn holds(&self, scope: &Scope) -> bool {
        self.scope.covers(&[scope.clone()].into_iter().collect())
    }
}

/// Whether a person is the last owner, who cannot be removed.
pub fn is_last_owner(person: &Person, people: &[Person]) -> bool {
    let is_owner = |person: &&Person| person.role == Some(Role::Owner);
    is_owner(&person) && people.iter().filter(is_owner).count() == 1
}
