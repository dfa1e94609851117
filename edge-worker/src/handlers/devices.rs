//! Handles HTTP requests for devices, GPIO lines and commands.

use pinlatch_protocol::agent::is_statement;
use pinlatch_protocol::api::ConfirmRequest;
use pinlatch_protocol::command::{
    CALL_HEADER, CommandRequest, GRANT_HEADER, MAX_COMMAND_ID, SignedCall, bad_deadline, is_command_id,
};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::calls;
use pinlatch_token::identity::DeviceIdentity;
use pinlatch_token::{is_nonce, random_id};

use crate::auth;
use crate::clock::now_s;
use crate::incoming::Incoming;
use crate::objects::ask_own;
use crate::respond::{self, HandlerResult};

pub async fn list(incoming: Incoming) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let devices = ask_own(&incoming.env, calls::Devices { principal }).await?;
    respond::json(&devices)
}

pub async fn show(incoming: Incoming, device: Name) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let device = ask_own(&incoming.env, calls::Device { principal, device }).await?;
    respond::json(&device)
}

pub async fn remove(incoming: Incoming, device: Name) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    ask_own(&incoming.env, calls::RemoveDevice { principal, device }).await?;
    respond::nothing()
}

pub async fn show_line(incoming: Incoming, device: Name, line: Name) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let line = ask_own(&incoming.env, calls::Line { principal, device, line }).await?;
    respond::json(&line)
}

/// Asks the device for a signed reading, and waits for the answer.
pub async fn read(incoming: Incoming, device: Name, line: Name) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let nonce = incoming.query("nonce");
    if nonce.as_deref().is_some_and(|nonce| !is_nonce(nonce)) {
        let text = "`nonce` must have 16 to 64 base64url characters";
        return Err(Problem::new(Code::InvalidRequest).detail(text));
    }
    let call = calls::ReadLine { principal, id: random_id(), device, line, nonce };
    respond::json(&ask_own(&incoming.env, call).await?)
}

/// Asks the device for a challenge, and waits for the answer.
pub async fn challenge(incoming: Incoming, device: Name) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let call = calls::AskChallenge { principal, id: random_id(), device };
    respond::json(&ask_own(&incoming.env, call).await?)
}

pub async fn show_key(incoming: Incoming, device: Name) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let key = ask_own(&incoming.env, calls::DeviceKey { principal, device }).await?;
    respond::json(&key)
}

pub async fn show_rules(incoming: Incoming, device: Name) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let rules = ask_own(&incoming.env, calls::DeviceRules { principal, device }).await?;
    respond::json(&rules)
}

/// Verifies a device identity with the owner's root key, so that a wrong one is refused early, and stores it.
pub async fn confirm(mut incoming: Incoming, device: Name) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let ConfirmRequest { identity } = incoming.json().await?;
    let refused = |why: String| Problem::new(Code::IdentityRefused).detail(why);
    if !is_statement(&identity) {
        return Err(refused("the text is not a signed token".into()));
    }
    let root = &incoming.deployment.root;
    let verified = DeviceIdentity::verify(&identity, root, &principal.site, Some(now_s()))
        .map_err(|refusal| refused(refusal.to_string()))?;
    if verified.device != device {
        return Err(refused("the identity is for another device".into()));
    }
    let thumbprint = verified.key.thumbprint().to_owned();
    ask_own(&incoming.env, calls::ConfirmDevice { principal, device, thumbprint, identity }).await?;
    respond::nothing()
}

/// Runs one action on a GPIO line, and waits for the result of the command.
pub async fn act(mut incoming: Incoming, device: Name, line: Name, action: String) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let args = incoming.arguments().await?;
    let id = incoming.header("Idempotency-Key").unwrap_or_else(random_id);
    if !is_command_id(&id) {
        let text = format!("`Idempotency-Key` must have 1 to {MAX_COMMAND_ID} visible ASCII characters");
        return Err(Problem::new(Code::InvalidRequest).detail(text));
    }
    let deadline_ms =
        incoming.query("deadline_ms").map(|text| text.parse().map_err(|_| bad_deadline())).transpose()?;
    let call = match (incoming.header(CALL_HEADER), incoming.header(GRANT_HEADER)) {
        (Some(call), Some(grant)) => Some(SignedCall { call, grant }),
        (None, None) => None,
        _ => {
            let text = format!("the headers `{CALL_HEADER}` and `{GRANT_HEADER}` are only valid together");
            return Err(Problem::new(Code::InvalidArguments).detail(text));
        }
    };
    let request = CommandRequest { id, device, line, action, args, deadline_ms, call };
    let result = ask_own(&incoming.env, calls::Command { principal, request }).await?;
    respond::json(&result)
}

pub async fn command(incoming: Incoming, id: String) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let result = ask_own(&incoming.env, calls::CommandStatus { principal, id }).await?;
    respond::json(&result)
}
