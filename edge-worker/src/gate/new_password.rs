//! Stores new passwords at a gate before the site decides about them.

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::Problem;
use pinlatch_token::random_id;

use super::call::{GateCall, Source};
use super::send;
use crate::incoming::Incoming;

/// A password that a gate has stored. The password gives no access until the site has accepted its id.
pub struct NewPassword {
    site: Name,
    username: UserName,
    id: String,
    replaces: Option<String>,
}

impl NewPassword {
    /// Stores a password at the gate. The caller must have checked the password with
    /// [`require_acceptable`](super::require_acceptable). `current` is the id of the person's current password, which
    /// the site has returned for this request.
    pub async fn store(
        incoming: &Incoming,
        site: &Name,
        username: &UserName,
        password: Secret,
        source: Source,
        current: Option<String>,
    ) -> Result<Self, Problem> {
        let (site, username, id) = (site.clone(), username.clone(), random_id());
        let new = Self { site, username, id, replaces: current.clone() };
        let Self { site, username, id, .. } = &new;
        let (site, username, id) = (site.clone(), username.clone(), id.clone());
        send(incoming, &new.username, &GateCall::Store { site, username, id, password, source, current })
            .await?;
        Ok(new)
    }

    /// Returns the id that the site must accept.
    pub fn id(&self) -> String {
        self.id.clone()
    }

    /// Deletes the password that does not count after the decision of the site, and returns the decision. A failure of
    /// the deletion does not matter, because the site does not accept the id of the password.
    pub async fn settle<T>(self, incoming: &Incoming, decision: Result<T, Problem>) -> Result<T, Problem> {
        let unused = match &decision {
            Ok(_) => self.replaces,
            Err(problem) if problem.status < 500 => Some(self.id),
            // The site may have accepted the password, because only the reply can be lost.
            Err(_) => None,
        };
        if let Some(id) = unused {
            let call = GateCall::Forget { site: self.site, username: self.username.clone(), id };
            if let Err(problem) = send(incoming, &self.username, &call).await {
                worker::console_log!("an unused password is still stored: {problem}");
            }
        }
        decision
    }
}
