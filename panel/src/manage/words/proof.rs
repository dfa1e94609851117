//! Texts of the dialog that asks for a new proof of the person's identity.

pub const TITLE: &str = "Confirm that it is you";
pub const TEXT: &str = "This change stays in effect after your session ends. Enter your password to confirm that the change comes from you.";
pub const PASSWORD: &str = "Your password";
pub const GO: &str = "Confirm";
pub const WRONG: &str = "The password is wrong. Try again.";
/// This text is shown before the links to the login providers.
pub const PROVIDERS: &str = "If you have no password, log in again with a login provider in a new tab:";
pub const WAITING: &str =
    "Log in there, then return to this page. The page continues automatically. Your input is kept.";
