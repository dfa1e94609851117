//! Implements `pinlatch user`, which manages the people of a site.

mod account;
mod invitations;
mod sessions;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Subcommand};
use pinlatch_protocol::admin::{
    AcceptReply, AcceptRequest, AdmitRequest, IdentityRule, InviteReply, InviteRequest, Person, RightsRequest,
};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::scope::{Role, ScopeSet};
use serde::de::IgnoredAny;
use serde_json::json;
use url::Url;

use self::account::Passwords;
use self::sessions::Ended;
use crate::commands::login::reached;
use crate::commands::suggest::known_person;
use crate::commands::useless_scopes::warn_of_useless;
use crate::edge::address::deployment;
use crate::edge::session::{api, current};
use crate::terminal::code::code;
use crate::terminal::columns::columns;
use crate::terminal::output::print;
use crate::terminal::password::password;
use crate::terminal::text::plain;
use crate::terminal::times::{stamp, stamp_ms};

#[derive(Subcommand)]
pub enum UserCommand {
    /// List the people of the site, with each person's permissions and the person or token that added the person.
    #[command(visible_alias = "ls")]
    List,
    /// Invite a new person, or let an existing person set a new password. The command prints an invitation code that
    /// can be used once, within 7 days.
    Invite(Invite),
    /// List the open invitations, which were not used and have not expired.
    Invitations,
    /// Withdraw an open invitation. The invitation code then becomes invalid.
    WithdrawInvitation {
        /// The id of the invitation, as shown by `pinlatch user invitations`.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Let a person log in with an account at a login provider (OpenID Connect). For a new person, --role or --scope is
    /// required.
    Admit(Admit),
    /// Accept an invitation and choose a password. The command asks for the invitation code and the password, or reads
    /// them from stdin.
    Accept(Accept),
    /// Change the permissions of a person. The change takes effect at once, even for browser pages that are open.
    Set(Set),
    /// Remove a person from the site. All logins of the person end, and all tokens that the person created become
    /// invalid.
    #[command(visible_alias = "rm")]
    Remove(One),
    /// List the open logins of a person in browsers and command lines, or your own open logins. A login expires if it
    /// is not used, and ends at the latest at the time in the last column.
    Sessions {
        /// The user name of the person. [default: your own user name]
        username: Option<UserName>,
    },
    /// End one login of a person, or one of your own logins.
    EndSession(Ended),
    /// End all logins of a person in browsers and command lines.
    EndSessions(One),
    /// Change your password, and end all your other logins.
    Password(Passwords),
    /// Secure your account after a theft of your password, phone or login: set a new password, and end all your logins,
    /// API tokens, guest links, invitations and enrolment codes. You must then log in again.
    Secure(Passwords),
}

#[derive(clap::Args)]
pub struct Invite {
    /// The user name of the person.
    username: UserName,
    #[command(flatten)]
    rights: Rights,
}

#[derive(clap::Args)]
#[command(group(ArgGroup::new("who").args(["email", "subject"]).required(true)))]
pub struct Admit {
    /// The user name of the person.
    username: UserName,
    /// The issuer URL of the login provider, exactly as written in the deployment's configuration.
    #[arg(long)]
    issuer: String,
    /// The person's email address, which the login provider must have verified. The first login with this address
    /// permanently links the provider's account to the person.
    #[arg(long)]
    email: Option<String>,
    /// The id of the person's account at the login provider (the claim `sub`).
    #[arg(long)]
    subject: Option<String>,
    #[command(flatten)]
    rights: Rights,
}

#[derive(clap::Args)]
#[command(group(ArgGroup::new("wanted").args(["role", "scopes"]).required(true)))]
pub struct Set {
    /// The user name of the person.
    username: UserName,
    #[command(flatten)]
    rights: Rights,
}

#[derive(clap::Args)]
pub struct Rights {
    /// The role of the person. An owner can do everything, an operator can operate every line, and a viewer can see
    /// every line.
    #[arg(long, conflicts_with = "scopes", value_parser = role())]
    role: Option<Role>,
    /// A scope (permission), such as line:porch/*:read, for a person without a role. The option can be given several
    /// times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<ScopeSet>,
}

#[derive(clap::Args)]
pub struct One {
    /// The user name of the person.
    username: UserName,
}

#[derive(clap::Args)]
pub struct Accept {
    /// The deployment's URL.
    #[arg(long, value_parser = deployment)]
    url: Url,
    /// Read the invitation code from the first line of stdin (`--code -`). A code can also be the value of this option,
    /// but other users of this machine can then read it. [default: ask for the code]
    #[arg(long, value_name = "-|CODE", allow_hyphen_values = true)]
    code: Option<String>,
    /// Read the password from stdin instead of asking for the password.
    #[arg(long)]
    password_stdin: bool,
}

impl Rights {
    fn request(&self) -> RightsRequest {
        let scope: ScopeSet = self.scopes.iter().flat_map(ScopeSet::iter).cloned().collect();
        RightsRequest { role: self.role, scope: (!self.scopes.is_empty()).then_some(scope) }
    }
}

pub fn run(command: &UserCommand, json: bool) -> Result<()> {
    match command {
        UserCommand::List => list(json),
        UserCommand::Invite(args) => invite(args, json),
        UserCommand::Admit(args) => {
            let Admit { username, issuer, email, subject, rights } = args;
            let identity =
                IdentityRule { issuer: issuer.clone(), subject: subject.clone(), email: email.clone() };
            let RightsRequest { role, scope } = rights.request();
            let request = AdmitRequest { identity, role, scope };
            let endpoint = Endpoint::AdmitPerson { username: username.clone() };
            api()?.send::<IgnoredAny>(&endpoint, &request)?;
            print(
                json,
                &json!({ "admitted": username }),
                &format!("{username} can log in with {}.", plain(issuer)),
            )
        }
        UserCommand::Accept(args) => accept(args, json),
        UserCommand::Set(Set { username, rights }) => {
            if let Some(scope) = &rights.request().scope {
                warn_of_useless(&api()?, scope);
            }
            let endpoint = Endpoint::ChangePerson { username: username.clone() };
            let api = api()?;
            known_person(&api, username, api.send::<IgnoredAny>(&endpoint, &rights.request()))?;
            print(json, &json!({ "changed": username }), &format!("The permissions of {username} changed."))
        }
        UserCommand::Remove(One { username }) => {
            let (api, endpoint) = (api()?, Endpoint::RemovePerson { username: username.clone() });
            known_person(&api, username, api.call::<IgnoredAny>(&endpoint))?;
            print(json, &json!({ "removed": username }), &format!("{username} is removed."))
        }
        UserCommand::Invitations => invitations::list(json),
        UserCommand::WithdrawInvitation { id } => invitations::withdraw(id, json),
        UserCommand::Sessions { username } => sessions::list(username.as_ref(), json),
        UserCommand::EndSession(args) => sessions::end(args, json),
        UserCommand::EndSessions(One { username }) => {
            let (api, endpoint) = (api()?, Endpoint::EndSessions { username: username.clone() });
            known_person(&api, username, api.call::<IgnoredAny>(&endpoint))?;
            print(json, &json!({ "ended": username }), &format!("All logins of {username} are ended."))
        }
        UserCommand::Password(args) => account::change_password(args, json),
        UserCommand::Secure(args) => account::secure(args, json),
    }
}

fn list(json: bool) -> Result<()> {
    let people: Vec<Person> = api()?.call(&Endpoint::ListPeople)?;
    print(json, &people, &table(&people))
}

fn table(people: &[Person]) -> String {
    let rows = people.iter().map(|person| {
        [
            person.username.to_string(),
            person.role.map_or("custom", Role::as_str).to_owned(),
            person.sessions.to_string(),
            stamp_ms(person.created_ms),
            person.added_by.clone().unwrap_or_default(),
            person.scope.to_string(),
        ]
    });
    columns(["NAME", "ROLE", "LOGINS", "JOINED", "ADDED BY", "SCOPE"], rows)
}

fn invite(args: &Invite, json: bool) -> Result<()> {
    let request = InviteRequest { username: args.username.clone(), rights: args.rights.request() };
    let session = current()?;
    if let Some(scope) = &request.rights.scope {
        warn_of_useless(&session.api()?, scope);
    }
    let reply: InviteReply = session.api()?.send(&Endpoint::Invite, &request)?;
    let url = session.url.as_str().trim_end_matches('/');
    let text = format!(
        "{} is invited. Send this code over a secure channel. It can be used once, until {}:\n  {}\n\
         To accept the invitation, run the following command, which asks for the code:\n  \
         pinlatch user accept --url {url}",
        reply.username,
        stamp(reply.expires_at),
        plain(reply.code.expose()),
    );
    print(json, &reply, &text)
}

fn accept(args: &Accept, json: bool) -> Result<()> {
    let api = reached(&args.url, args.password_stdin)?;
    let request = AcceptRequest {
        code: code(args.code.as_deref(), "invitation code")?,
        password: password(args.password_stdin, true)?,
    };
    let reply: AcceptReply = api.send(&Endpoint::AcceptInvitation, &request)?;
    let url = args.url.as_str().trim_end_matches('/');
    let text = format!(
        "Welcome, {name}. To log in, run:\n  pinlatch login --url {url} --username {name}",
        name = reply.username
    );
    print(json, &reply, &text)
}

/// Creates a parser for the name of a role. The help text lists the names of all roles.
fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.iter().map(|role| role.as_str()))
        .try_map(|word| Role::from_word(&word).ok_or("this word is not a role"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: UserCommand,
    }

    fn rights(args: &[&str]) -> Option<RightsRequest> {
        match Line::try_parse_from([&["x"], args].concat()).ok()?.command {
            UserCommand::Invite(Invite { rights, .. }) | UserCommand::Set(Set { rights, .. }) => {
                Some(rights.request())
            }
            _ => None,
        }
    }

    #[test]
    fn rights_are_a_role_or_scopes() {
        let operator = RightsRequest { role: Some(Role::Operator), scope: None };
        assert_eq!(rights(&["invite", "ben", "--role", "operator"]), Some(operator.clone()));
        assert_eq!(rights(&["set", "ben", "--role", "operator"]), Some(operator));
        let custom = rights(&["set", "ben", "--scope", "line:a/b:set", "--scope", "line:a/*:read"]).unwrap();
        assert_eq!(custom.scope.unwrap().to_string(), "line:a/*:read line:a/b:set");
        assert_eq!(
            rights(&["invite", "ben"]),
            Some(RightsRequest::default()),
            "an existing person keeps their rights"
        );
        for wrong in [
            &["set", "ben"][..],
            &["set", "ben", "--role", "king"],
            &["set", "ben", "--role", "owner", "--scope", "site:users"],
            &["invite", "ben", "--role", "owner", "--scope", "site:users"],
            &["invite", "../ben"],
            &["invite", "ben", "--scope", "everything"],
        ] {
            assert_eq!(rights(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_id_can_start_with_a_hyphen() {
        for (args, id) in [
            (&["end-session", "-x_1", "ben"][..], "-x_1"),
            (&["end-session", "--x"], "--x"),
            (&["withdraw-invitation", "-x"], "-x"),
        ] {
            let line = Line::try_parse_from([&["x"], args].concat());
            assert!(
                matches!(
                    line.map(|line| line.command),
                    Ok(UserCommand::EndSession(Ended { id: given, .. }) | UserCommand::WithdrawInvitation { id: given })
                        if given == id
                ),
                "{args:?}"
            );
        }
    }

    #[test]
    fn the_table_says_who_may_what() {
        let ann = Person {
            username: UserName::new("ann@example.org").unwrap(),
            role: None,
            scope: "line:a/b:set".parse().unwrap(),
            created_ms: 1_782_907_200_000,
            added_by: Some("bea".into()),
            sessions: 2,
            identities: Vec::new(),
        };
        let shown = table(std::slice::from_ref(&ann));
        let row = "ann@example.org  custom  2       2026-07-01T12:00:00Z  bea       line:a/b:set\n";
        assert!(shown.ends_with(row), "{shown}");
    }
}
