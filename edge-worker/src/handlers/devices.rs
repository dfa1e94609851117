//! Handles HTTP requests for devices, GPIO lines and commands.

use pinlatch_protocol::command::{CommandRequest, MAX_DEADLINE_MS, MIN_DEADLINE_MS, is_command_id};
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
        let text = "`Idempotency-Key` must have 1 to 64 visible ASCII characters";
        return Err(Problem::new(Code::InvalidRequest).detail(text));
    }
    let deadline_ms = incoming.query("deadline_ms").map(deadline).transpose()?;
    let site = principal.site.clone();
    let request = CommandRequest { id, device, line, action, args, deadline_ms };
    match ask_site(&incoming.env, &site, &Call::Command { principal, request }).await? {
        Reply::Command(result) => reply(&result),
        other => Err(unexpected(&other)),
    }
}

/// Parses a deadline and checks its range. The site checks the deadline only for a new command. For a repeated command
/// id, the site returns the stored result without a check of the deadline. This function therefore refuses an invalid
/// deadline before the request reaches the site.
fn deadline(text: String) -> Result<u64, Problem> {
    let range = MIN_DEADLINE_MS..=MAX_DEADLINE_MS;
    text.parse().ok().filter(|ms| range.contains(ms)).ok_or_else(|| {
        let text =
            format!("`deadline_ms` must be a whole number from {MIN_DEADLINE_MS} to {MAX_DEADLINE_MS}");
        Problem::new(Code::InvalidArguments).detail(text)
    })
}

pub async fn command(incoming: Incoming, id: String) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let site = principal.site.clone();
    match ask_site(&incoming.env, &site, &Call::CommandStatus { principal, id }).await? {
        Reply::Command(result) => reply(&result),
        other => Err(unexpected(&other)),
    }
}
