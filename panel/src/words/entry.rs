//! What the panel says on its ways in.

use pinlatch_protocol::api::MIN_PASSWORD;
use pinlatch_protocol::name::NameError;

/// In place of a site's name, where the address has none.
pub const NO_SITE: &str = "Control panel";
/// The edge was not reached.
pub const UNREACHED: &str = "Pinlatch cannot be reached. Check your connection.";
/// Over the form, where somebody was logged in before.
pub const SESSION_ENDED: &str = "Your session has ended. Log in again.";
/// The button that logs in, and while it is at work.
pub const LOG_IN: (&str, &str) = ("Log in", "Logging in…");
/// Before the way to the setup.
pub const FIRST_TIME: &str = "A new site without an owner? ";
/// The way to the setup.
pub const SET_UP_LINK: &str = "Set it up";
/// Over the setup.
pub const SET_UP_HEADING: &str = "Set up";
/// What the setup is.
pub const SET_UP_TEXT: &str = "You become the owner of this site. “pinlatch init” printed the setup code.";
/// The button that makes the owner, and while it is at work.
pub const SET_UP: (&str, &str) = ("Become the owner", "Setting up…");
/// Over an invitation.
pub const INVITED_HEADING: &str = "Welcome";
/// What an invitation is.
pub const INVITED_TEXT: &str = "You are invited. Choose a password, and you are in.";
/// The button that uses an invitation, and while it is at work.
pub const ACCEPT: (&str, &str) = ("Choose this password", "One moment…");
/// Before the way to the login.
pub const HAVE_ACCOUNT: &str = "Do you have an account? ";
/// Of a user name.
pub const USER_NAME_HINT: &str = "Small letters and digits, or an address.";
/// Of a password that is chosen.
pub const PASSWORD_HINT: &str =
    "At least 8 characters. A few words that only you would put together are good.";

/// On a button that has to wait.
pub fn try_again_in(seconds: u32) -> String {
    format!("Try again in {seconds} s")
}

/// On the way to a provider.
pub fn log_in_with(label: &str) -> String {
    format!("Log in with {label}")
}

/// What is wrong with a user name.
pub fn bad_user_name(wrong: &NameError) -> String {
    format!("Check the user name: {wrong}.")
}

/// What is wrong with a password that is chosen.
pub fn short_password() -> String {
    format!("The password needs at least {MIN_PASSWORD} characters.")
}
