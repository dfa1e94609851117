//! Implements `pinlatch user sessions` and `end-session`, which manage the open logins of a person.

use anyhow::Result;
use pinlatch_protocol::admin::Session;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::Code;
use serde::de::IgnoredAny;
use serde_json::json;

use super::account::own_name;
use crate::commands::suggest::{self, known_person, suggested};
use crate::edge::api::Api;
use crate::edge::session::api;
use crate::terminal::columns::columns;
use crate::terminal::output::print;
use crate::terminal::text::plain;
use crate::terminal::times::{stamp, stamp_ms};

#[derive(clap::Args)]
pub struct Ended {
    /// The id of the login, as shown by `pinlatch user sessions`.
    #[arg(allow_hyphen_values = true)]
    pub id: String,
    /// The user name of the person. [default: your own user name]
    username: Option<UserName>,
}

pub fn list(username: Option<&UserName>, json: bool) -> Result<()> {
    let api = api()?;
    let username = given_or_own(username, &api)?;
    let endpoint = Endpoint::ListSessions { username: username.clone() };
    let sessions: Vec<Session> = known_person(&api, &username, api.call(&endpoint))?;
    let text = if sessions.is_empty() { format!("{username} has no open logins.") } else { table(&sessions) };
    print(json, &sessions, &text)
}

pub fn end(args: &Ended, json: bool) -> Result<()> {
    let api = api()?;
    let username = given_or_own(args.username.as_ref(), &api)?;
    let endpoint = Endpoint::EndSession { username: username.clone(), id: args.id.clone() };
    let ended = known_person(&api, &username, api.call::<IgnoredAny>(&endpoint));
    suggested(ended, Code::UnknownSession, || suggest::login(&api, &username, &args.id))?;
    let text = format!("The login {} of {username} is ended.", plain(&args.id));
    print(json, &json!({ "ended": args.id, "username": username }), &text)
}

fn given_or_own(given: Option<&UserName>, api: &Api) -> Result<UserName> {
    given.map_or_else(|| own_name(api), |username| Ok(username.clone()))
}

fn table(sessions: &[Session]) -> String {
    let rows = sessions.iter().map(|session| {
        let client = session.client.as_deref().unwrap_or("unknown");
        let own = if session.current { " (this login)" } else { "" };
        [
            session.id.clone(),
            format!("{client}{own}"),
            stamp_ms(session.started_ms),
            stamp_ms(session.last_used_ms),
            stamp(session.expires_at),
            stamp(session.ends_at),
        ]
    });
    columns(["ID", "PROGRAM", "SINCE", "LAST USED", "EXPIRES", "ENDS"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_marks_the_login_of_the_command() {
        let own = Session {
            id: "s".into(),
            current: true,
            client: Some("pinlatch\u{1b}".into()),
            started_ms: 1_782_907_200_000,
            last_used_ms: 1_782_907_260_000,
            expires_at: 1_782_907_320,
            ends_at: 1_782_910_800,
        };
        let other = Session { current: false, client: None, ..own.clone() };
        let times = "2026-07-01T12:00:00Z  2026-07-01T12:01:00Z  2026-07-01T12:02:00Z  2026-07-01T13:00:00Z";
        let shown = table(&[own, other]);
        let lines: Vec<&str> = shown.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                format!("s   pinlatch\\u001b (this login)  {times}"),
                format!("s   unknown                      {times}")
            ]
        );
    }
}
