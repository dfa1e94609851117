//! Implements `pinlatch user invitations` and `withdraw-invitation`.

use anyhow::Result;
use pinlatch_protocol::admin::Invitation;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::problem::Code;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::commands::suggest::{self, suggested};
use crate::edge::session::api;
use crate::terminal::columns::columns;
use crate::terminal::output::print;
use crate::terminal::text::plain;
use crate::terminal::times::stamp;

pub fn list(json: bool) -> Result<()> {
    let invitations: Vec<Invitation> = api()?.call(&Endpoint::ListInvitations)?;
    let text =
        if invitations.is_empty() { "The site has no open invitations.".into() } else { table(&invitations) };
    print(json, &invitations, &text)
}

pub fn withdraw(id: &str, json: bool) -> Result<()> {
    let (api, endpoint) = (api()?, Endpoint::WithdrawInvitation { id: id.to_owned() });
    suggested(api.call::<IgnoredAny>(&endpoint), Code::UnknownCode, || suggest::invitation(&api, id))?;
    print(json, &json!({ "withdrawn": id }), &format!("The invitation {} is withdrawn.", plain(id)))
}

fn table(invitations: &[Invitation]) -> String {
    let rows = invitations.iter().map(|invitation| {
        let gives = match (invitation.role, &invitation.scope) {
            (Some(role), _) => role.as_str(),
            (None, Some(_)) => "custom",
            (None, None) => "a new password",
        };
        [
            invitation.id.clone(),
            invitation.username.to_string(),
            gives.to_owned(),
            stamp(invitation.expires_at),
            invitation.creator.clone(),
            invitation.scope.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]
    });
    columns(["ID", "NAME", "GIVES", "UNTIL", "BY", "SCOPE"], rows)
}

#[cfg(test)]
mod tests {
    use pinlatch_protocol::name::UserName;
    use pinlatch_protocol::scope::Role;

    use super::*;

    #[test]
    fn the_table_says_what_an_invitation_gives() {
        let reset = Invitation {
            id: "i".into(),
            username: UserName::new("ben").unwrap(),
            role: None,
            scope: None,
            creator: "ann".into(),
            expires_at: 1_782_907_200,
        };
        let owner = Invitation { role: Some(Role::Owner), ..reset.clone() };
        let custom = Invitation { scope: Some("line:a/b:set".parse().unwrap()), ..reset.clone() };
        let shown = table(&[reset, owner, custom]);
        let lines: Vec<&str> = shown.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "i   ben   a new password  2026-07-01T12:00:00Z  ann",
                "i   ben   owner           2026-07-01T12:00:00Z  ann",
                "i   ben   custom          2026-07-01T12:00:00Z  ann  line:a/b:set",
            ]
        );
    }
}
