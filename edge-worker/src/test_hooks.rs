//! Handles requests that make the Worker fail. A test sends requests that make the Worker fail, and checks that the
//! Worker answers the next request. This module is compiled only with the feature `test-hooks`, which no deployed build
//! has.

use std::time::Duration;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use worker::{Delay, Env};

use crate::incoming::object_fault;
use crate::objects::site_stub;

/// The path at which a site's Durable Object panics.
pub const OBJECT_PATH: &str = "/panic";

/// Fails in the way that the path specifies. For any other path, this function does nothing.
pub async fn obey(path: &str, env: &Env) -> Result<(), Problem> {
    match path.strip_prefix("/api/test-hooks/") {
        Some("panic") => panic_now(),
        Some("panic-later") => {
            // The panic happens in a promise callback, so no caller receives the error.
            Delay::from(Duration::from_millis(1)).await;
            panic_now()
        }
        // A trap does not run the panic hook, in contrast to a panic. A stack overflow also causes a trap.
        #[cfg(target_arch = "wasm32")]
        Some("trap") => core::arch::wasm32::unreachable(),
        Some(path) => match path.strip_prefix("panic-in-site/") {
            Some(site) => {
                let site = Name::new(site).map_err(|_| Code::UnknownSite)?;
                let stub = site_stub(env, &site).map_err(object_fault)?;
                let url = format!("https://object{OBJECT_PATH}");
                stub.fetch_with_str(&url).await.map(drop).map_err(object_fault)
            }
            None => Ok(()),
        },
        None => Ok(()),
    }
}

#[allow(clippy::panic, reason = "the feature `test-hooks` exists to cause panics")]
pub fn panic_now() -> ! {
    panic!("a panic on request");
}
