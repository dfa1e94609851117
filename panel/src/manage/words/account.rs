//! Texts of the page about the viewer's own account, and of the lists of open sessions.

use pinlatch_protocol::admin::Session;

use crate::words::ago;

pub const SECURITY: &str = "Password";
pub const PASSWORD: &str = "Change my password";
pub const PASSWORD_NOW: &str = "Current password";
pub const PASSWORD_NEW: &str = "New password";
pub const PASSWORD_HINT: &str = "Use at least 8 characters.";
pub const PASSWORD_SHORT: &str = "The password must have 8 to 256 characters.";
pub const PASSWORD_TEXT: &str = "Your other sessions end when you change your password.";
pub const PASSWORD_DONE: &str = "Your password has been changed.";
pub const PASSWORD_WRONG: &str = "The current password is wrong. Try again.";

pub const SESSIONS: &str = "Your sessions";
pub const SESSIONS_TEXT: &str = "These browsers and programs are logged in with your account. If you do not recognise a session, end the session and change your password.";
pub const NO_SESSIONS: &str = "This person is not logged in.";
/// Marks the session of the page in the list of sessions.
pub const THIS_SESSION: &str = "this session";
pub const END_SESSION: &str = "End";
pub const SESSION_ENDED: &str = "The session has ended.";
pub const UNKNOWN_CLIENT: &str = "Unknown browser or program";

pub const SECURE: &str = "Secure my account";
/// This text is shown on the page.
pub const SECURE_WHEN: &str =
    "Use this if your phone or computer was stolen, or if another person knows your password.";
/// This text is shown in the dialog.
pub const SECURE_TEXT: &str = "You choose a new password. All your sessions end, also this session. All API tokens, guest links, invitations and enrolment strings that you created stop working, and so does everything that was created with these tokens. Your login providers are removed. Your permissions and the enrolled devices stay. You then log in with the new password.";
pub const SECURE_GO: &str = "Secure account";

/// Returns the name of the browser or program of a session.
pub fn client(session: &Session) -> String {
    session.client.clone().unwrap_or_else(|| UNKNOWN_CLIENT.into())
}

/// Describes a session: its start, its last use, and its end. `start` and `end` are formatted times.
pub fn session(start: &str, unused_ms: u64, end: &str) -> String {
    format!("Logged in: {start} · last used {} · ends {end} if it is not used", ago(unused_ms))
}
