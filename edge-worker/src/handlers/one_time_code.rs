//! Checks one-time codes. Each one-time code contains an HMAC that only the edge can compute.

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_token::{Code as OneTimeCode, CodePurpose};

use crate::clock::now_s;
use crate::incoming::Incoming;

/// Checks the HMAC and the expiry of a one-time code. The Worker itself refuses a guessed code, so the guessed code
/// never reaches a site.
pub fn open_code(
    incoming: &Incoming,
    purpose: CodePurpose,
    text: &Secret,
) -> Result<(Name, OneTimeCode), Problem> {
    let deployment = &incoming.deployment;
    let code = deployment.keys.open_code(purpose, text.expose(), now_s()).map_err(|refusal| {
        worker::console_log!("code refused: {}", refusal.code());
        Problem::new(Code::CodeRefused)
    })?;
    Ok((deployment.site(Some(&code.site))?.clone(), code))
}
