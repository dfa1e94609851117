//! Texts of the pages for login, setup and invitations.

use pinlatch_protocol::api::MIN_PASSWORD;
use pinlatch_protocol::name::NameError;

/// This text is shown in place of the site's name if the page's URL does not contain a site.
pub const NO_SITE: &str = "Control panel";
pub const UNREACHED: &str = "Pinlatch cannot be reached. Check your connection.";
pub const SESSION_ENDED: &str = "Your session has ended. Log in again.";
/// The label of the button of the login form, and its label while the request runs.
pub const LOG_IN: (&str, &str) = ("Log in", "Logging in…");
pub const FIRST_TIME: &str = "Is this a new site without an owner? ";
pub const SET_UP_LINK: &str = "Set up the site";
pub const SET_UP_HEADING: &str = "Set up";
pub const SET_UP_TEXT: &str =
    "Create the owner account of this site. The command “pinlatch init” printed the setup code.";
/// The label of the button of the setup form, and its label while the request runs.
pub const SET_UP: (&str, &str) = ("Create owner account", "Setting up…");
/// The heading and the text are for new people, and for people who replace their password.
pub const INVITED_HEADING: &str = "Welcome";
pub const INVITED_TEXT: &str =
    "Choose a password for this site. You log in with this password and your user name.";
/// The label of a field with the person's own user name, which cannot be changed.
pub const YOUR_USER_NAME: &str = "Your user name is";
pub const PASSWORD_MISSING: &str = "Type your password.";
/// The label of the button of the invitation form, and its label while the request runs.
pub const ACCEPT: (&str, &str) = ("Set password", "Saving…");
pub const HAVE_ACCOUNT: &str = "Do you already have an account? ";
pub const USER_NAME: &str = "User name";
pub const PASSWORD: &str = "Password";
pub const SETUP_CODE: &str = "Setup code";
pub const USER_NAME_HINT: &str = "Use lower-case letters and digits, or your e-mail address.";
pub const PASSWORD_HINT: &str = "Use at least 8 characters. Several unrelated words make a strong password.";
/// The accessible name of the button that shows or hides the password.
pub const SHOW_PASSWORD: &str = "Show the password";
/// The label of the same button while the password is hidden, and its label while the password is shown.
pub const SHOW: (&str, &str) = ("Show", "Hide");

/// Returns the label of a button that is disabled because the edge requested a pause.
pub fn try_again_in(seconds: u32) -> String {
    format!("Try again in {seconds} s")
}

pub fn log_in_with(label: &str) -> String {
    format!("Log in with {label}")
}

pub fn bad_user_name(wrong: &NameError) -> String {
    match wrong {
        NameError::Empty => "Type your user name.".into(),
        wrong => format!("Check the user name: {wrong}."),
    }
}

pub fn short_password() -> String {
    format!("The password needs at least {MIN_PASSWORD} characters.")
}
