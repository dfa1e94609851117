//! Pinlatch's Worker: a thin shim around `pinlatch-site` and `pinlatch-token`.
//!
//! Every request enters at [`fetch`]. The Worker verifies signatures before a request reaches a Durable Object. If a
//! request needs state, the Worker sends it to the site's Durable Object as a [`pinlatch_site::Call`]. The HTTP headers
//! that the client sent are not forwarded to a Durable Object.

mod assets;
mod auth;
mod config;
mod cookies;
mod gate;
mod handlers;
mod incoming;
mod objects;
#[cfg(test)]
mod openapi;
mod published;
mod respond;
mod route;
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

/// The current time, in milliseconds of Unix time. When deployed, the clock advances only after I/O.
fn now_ms() -> u64 {
    worker::Date::now().as_millis()
}

/// The current time, in seconds of Unix time.
fn now_s() -> u64 {
    now_ms() / 1000
}
