//! Pinlatch's Worker, which runs the crates `pinlatch-site` and `pinlatch-token` on Cloudflare Workers or workerd.
//!
//! Every HTTP request enters at [`fetch`]. The Worker verifies signatures before a request reaches a Durable Object. If
//! a request needs the state of a site, the Worker sends a
//! [`pinlatch_site::Call`] to the site's Durable Object. The Worker does not forward the client's
//! HTTP headers to a Durable Object.

mod assets;
mod auth;
mod body;
mod client_address;
mod client_name;
mod clock;
mod config;
mod cookies;
mod gate;
mod handlers;
mod incoming;
mod objects;
mod origins;
mod pressure;
mod published;
mod respond;
mod sealed;
mod site;
#[cfg(feature = "test-hooks")]
mod test_hooks;

pub use gate::GateObject;
pub use published::PublishedObject;
pub use site::SiteObject;

use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch, respond_with_errors)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    console_error_panic_hook::set_once();
    handlers::answer(request, env).await
}
