//! Manages the people of a site, their logins and permissions, and the tokens that they issue.

pub(crate) mod authority;
pub(crate) mod frames;
pub(crate) mod giver;
mod identities;
mod invitations;
pub(crate) mod logins;
mod passwords;
pub(crate) mod people;
pub(crate) mod shares;
pub(crate) mod tokens;
