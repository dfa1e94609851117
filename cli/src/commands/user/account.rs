//! Implements `pinlatch user password`, with which a person changes their own password.

use anyhow::{Context, Result, bail};
use pinlatch_protocol::admin::PasswordRequest;
use pinlatch_protocol::api::{Secret, Whoami};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::UserName;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::edge::api::Api;
use crate::edge::session::api;
use crate::terminal::output::print;
use crate::terminal::password::two_passwords;

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
