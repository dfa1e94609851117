//! Texts of sign-in, setup and invitations.

use pinlatch_protocol::api::MIN_PASSWORD;
use pinlatch_protocol::name::NameError;

/// Shown in place of the site, if the address names none.
pub const NO_SITE: &str = "Control panel";
pub const UNREACHED: &str = "Pinlatch cannot be reached. Check your connection.";
pub const SESSION_ENDED: &str = "Your session has ended. Sign in again.";
/// Label of the button, and while the request runs.
pub const LOG_IN: (&str, &str) = ("Sign in", "Signing in…");
pub const FIRST_TIME: &str = "A new site without an owner? ";
pub const SET_UP_LINK: &str = "Set it up";
pub const SET_UP_HEADING: &str = "Set up";
pub const SET_UP_TEXT: &str =
    "Create the owner account of this site. The command “pinlatch init” printed the setup code.";
/// Label of the button, and while the request runs.
pub const SET_UP: (&str, &str) = ("Create owner account", "Setting up…");
pub const INVITED_HEADING: &str = "Welcome";
pub const INVITED_TEXT: &str = "You have been invited to this site. Choose a password to sign in.";
/// Label of the button, and while the request runs.
pub const ACCEPT: (&str, &str) = ("Set password", "Saving…");
pub const HAVE_ACCOUNT: &str = "Already have an account? ";
pub const USER_NAME: &str = "User name";
pub const PASSWORD: &str = "Password";
pub const SETUP_CODE: &str = "Setup code";
pub const USER_NAME_HINT: &str = "Lower-case letters and digits, or an e-mail address.";
pub const PASSWORD_HINT: &str = "At least 8 characters. Several unrelated words make a strong password.";
/// Accessible name of the button that shows or hides the password.
pub const SHOW_PASSWORD: &str = "Show the password";
/// Label of that button while the password is hidden, and while it is shown.
pub const SHOW: (&str, &str) = ("Show", "Hide");

/// Label of a button during a pause that the edge asked for.
pub fn try_again_in(seconds: u32) -> String {
    format!("Try again in {seconds} s")
}

pub fn log_in_with(label: &str) -> String {
    format!("Sign in with {label}")
}

pub fn bad_user_name(wrong: &NameError) -> String {
    format!("Check the user name: {wrong}.")
}

pub fn short_password() -> String {
    format!("The password needs at least {MIN_PASSWORD} characters.")
}
