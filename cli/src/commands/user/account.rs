//! Implements `pinlatch user password` and `secure`, with which a person changes their own password.

use anyhow::{Context, Result, bail};
use pinlatch_protocol::admin::{PasswordRequest, SecureRequest};
use pinlatch_protocol::api::{Secret, Whoami};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::UserName;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::edge::api::Api;
use crate::edge::session::{api, forget, prove};
use crate::terminal::output::{note, print};
use crate::terminal::password::two_passwords;

/// What `pinlatch user secure` ends, as shown before the user types the passwords.
const SECURING: &str = "This command sets a new password, and ends everything else of your account:\n\
    - all your logins, including this one\n\
    - your API tokens and guest links, and everything that was issued with your API tokens\n\
    - your open invitations and enrolment codes\n\
    - your logins with a login provider: an owner must admit you again\n\
    Your permissions and the site's devices stay. To stop now, press Ctrl-C.";

#[derive(clap::Args)]
pub struct Passwords {
    /// Read the current password and the new password from stdin, one per line, instead of asking for the passwords.
    #[arg(long)]
    password_stdin: bool,
}

impl Passwords {
    /// Returns the current password and the new password.
    fn read(&self) -> Result<(Secret, Secret)> {
        let (current, new) = two_passwords(self.password_stdin)?;
        if current == new {
            bail!("the new password must differ from the current password");
        }
        Ok((current, new))
    }
}

/// Returns the user name of the logged-in person.
pub fn own_name(api: &Api) -> Result<UserName> {
    let whoami: Whoami = api.call(&Endpoint::Whoami)?;
    UserName::new(whoami.sub).ok().context("you are not logged in as a person; run `pinlatch login`")
}

pub fn change_password(args: &Passwords, json: bool) -> Result<()> {
    let api = api()?;
    let username = own_name(&api)?;
    let (current, password) = args.read()?;
    let endpoint = Endpoint::ChangePassword { username: username.clone() };
    api.send::<IgnoredAny>(&endpoint, &PasswordRequest { current, password })?;
    print(json, &json!({ "changed": username }), "The password is changed. Your other logins are ended.")
}

/// Sets a new password, and ends everything that a thief could have arranged with the account. The stored login has
/// then ended too, so it is deleted. The proof comes first, because the edge requires a new proof.
pub fn secure(args: &Passwords, json: bool) -> Result<()> {
    let username = own_name(&api()?)?;
    if !args.password_stdin {
        note(SECURING);
    }
    let (current, password) = args.read()?;
    prove(current)?;
    let endpoint = Endpoint::SecureAccount { username: username.clone() };
    api()?.send::<IgnoredAny>(&endpoint, &SecureRequest { password })?;
    forget()?;
    let text = "Your account is secured. You are logged out everywhere. To log in with the new password, run `pinlatch login`.";
    print(json, &json!({ "secured": username }), text)
}
