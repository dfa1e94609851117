//! Names the sender of a command for people.

use pinlatch_protocol::admin::TokenKind;
use pinlatch_protocol::command::{LastCommand, Sender, SenderKind};

use crate::database::store::StoreError;
use crate::devices::command::Command;
use crate::site::Site;

impl Site<'_> {
    /// Returns an executed command with the name of its sender. `at_ms` is the time of the command.
    pub(crate) fn last_command(&self, command: &Command, at_ms: u64) -> Result<LastCommand, StoreError> {
        Ok(LastCommand {
            by: self.sender(command)?,
            action: command.action.clone(),
            args: serde_json::from_str(&command.args).unwrap_or_default(),
            at_ms,
        })
    }

    /// Returns the sender of a command. An issued token has the name that its creator chose.
    fn sender(&self, command: &Command) -> Result<Sender, StoreError> {
        if command.is_own() {
            return Ok(Sender { kind: SenderKind::Site, name: command.actor.clone() });
        }
        let issued = command.jti.as_deref().map(|jti| self.issued_name(jti)).transpose()?.flatten();
        let (kind, name) = match issued {
            Some((TokenKind::Api, name)) => (SenderKind::Api, name),
            Some((TokenKind::Guest, name)) => (SenderKind::Guest, name),
            // No user name contains the `#` between the issuer and the subject of another token.
            None if command.actor.contains('#') => (SenderKind::External, command.actor.clone()),
            None => (SenderKind::Person, command.actor.clone()),
        };
        Ok(Sender { kind, name })
    }
}
