//! Handles HTTP requests for devices, GPIO lines and commands.

use pinlatch_protocol::command::{CommandRequest, MAX_COMMAND_ID, bad_deadline, is_command_id};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::{Call, Reply};
use pinlatch_token::random_id;

use super::{HandlerResult, reply, unexpected};
use crate::auth;
use crate::incoming::Incoming;
use crate::objects::ask_site;
use crate::respond;

pub async fn list(incoming: Incoming) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let site = principal.site.clone();
    match ask_site(&incoming.env, &site, &Call::Devices { principal }).await? {
        Reply::Devices(devices) => reply(&devices),
        other => Err(unexpected(&other)),
    }
}

pub async fn show(incoming: Incoming, device: Name) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let site = principal.site.clone();
    match ask_site(&incoming.env, &site, &Call::Device { principal, device }).await? {
        Reply::Device(device) => reply(&device),
        other => Err(unexpected(&other)),
    }
}

pub async fn remove(incoming: Incoming, device: Name) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let site = principal.site.clone();
    ask_site(&incoming.env, &site, &Call::RemoveDevice { principal, device }).await?;
    respond::nothing().map_err(|error| respond::fault("response", error))
}

pub async fn show_line(incoming: Incoming, device: Name, line: Name) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let site = principal.site.clone();
    match ask_site(&incoming.env, &site, &Call::Line { principal, device, line }).await? {
        Reply::Line(line) => reply(&line),
        other => Err(unexpected(&other)),
    }
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
    let deadline_ms = incoming.query("deadline_ms").map(|text| text.parse().map_err(|_| bad_deadline())).transpose()?;
    let site = principal.site.clone();
    let request = CommandRequest { id, device, line, action, args, deadline_ms };
    match ask_site(&incoming.env, &site, &Call::Command { principal, request }).await? {
        Reply::Command(result) => reply(&result),
        other => Err(unexpected(&other)),
    }
}

pub async fn command(incoming: Incoming, id: String) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let site = principal.site.clone();
    match ask_site(&incoming.env, &site, &Call::CommandStatus { principal, id }).await? {
        Reply::Command(result) => reply(&result),
        other => Err(unexpected(&other)),
    }
}
