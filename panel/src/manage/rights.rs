//! What is offered to whom. The edge decides; what it would refuse is not offered.

#[cfg(test)]
mod tests;

use pinlatch_protocol::admin::{Person, TokenView};
use pinlatch_protocol::api::Whoami;
use pinlatch_protocol::scope::{Role, Scope, ScopeSet, SiteRight};

use super::page::Page;

/// What the person who looks may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Their user name.
    pub name: String,
    /// Their role.
    pub role: Option<Role>,
    /// Their scopes.
    pub scope: ScopeSet,
}

impl Rights {
    /// As the edge says.
    pub fn of(whoami: &Whoami) -> Self {
        Self { name: whoami.sub.clone(), role: whoami.role, scope: whoami.scope.clone() }
    }

    /// Whether they hold an administrative right.
    pub fn may(&self, right: SiteRight) -> bool {
        self.scope.allows_site(right)
    }

    /// The pages in the navigation, in order.
    pub fn pages(&self) -> Vec<Page> {
        let all = [
            (Page::Devices, self.may(SiteRight::Devices)),
            (Page::People, self.may(SiteRight::Users)),
            (Page::Tokens, self.may(SiteRight::Tokens)),
            (Page::Activity, self.may(SiteRight::Audit)),
            (Page::Inspector, true),
        ];
        all.into_iter().filter(|(_, offered)| *offered).map(|(page, _)| page).collect()
    }

    /// Whether a page is theirs to see.
    pub fn shows(&self, page: &Page) -> bool {
        match page {
            // Of the devices everybody may see what the board shows too.
            Page::Devices | Page::Device(_) | Page::Unknown => true,
            page => self.pages().contains(page),
        }
    }

    /// Whether a person is themselves.
    pub fn is_self(&self, person: &Person) -> bool {
        person.username.as_str() == self.name
    }

    /// Whether they may give these rights to somebody: nobody gives more than they hold, and only an owner makes
    /// an owner.
    pub fn may_give(&self, role: Option<Role>, scope: &ScopeSet) -> bool {
        self.may(SiteRight::Users)
            && self.scope.covers(scope)
            && (role != Some(Role::Owner) || self.role == Some(Role::Owner))
    }

    /// Whether they may change a person, remove them or end their logins.
    pub fn may_change(&self, person: &Person) -> bool {
        self.may_give(person.role, &person.scope)
    }

    /// Whether they may let a person choose a new password. One's own is changed with the one so far.
    pub fn may_reset(&self, person: &Person) -> bool {
        self.may_change(person) && !self.is_self(person)
    }

    /// Whether they may revoke a token.
    pub fn may_revoke(&self, token: &TokenView) -> bool {
        self.may(SiteRight::Tokens) && self.scope.covers(&token.scope)
    }

    /// Whether they may hand one scope on.
    pub fn holds(&self, scope: &Scope) -> bool {
        self.scope.covers(&[scope.clone()].into_iter().collect())
    }
}

/// Whether somebody would be the last owner to go: a site keeps one.
pub fn is_last_owner(person: &Person, people: &[Person]) -> bool {
    let is_owner = |person: &&Person| person.role == Some(Role::Owner);
    is_owner(&person) && people.iter().filter(is_owner).count() == 1
}
