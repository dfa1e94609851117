//! Requests that make the Worker fail. A test uses them to check that the Worker answers the next request. Compiled
//! only with the feature `test-hooks`, which no deployed build has.

use std::time::Duration;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use worker::{Delay, Env};

use crate::incoming::object_fault;
use crate::objects::site_stub;

/// The path at which a site's object panics.
pub const OBJECT_PATH: &str = "/panic";

/// Fails in the way that the path specifies. Does nothing at other paths.
pub async fn obey(path: &str, env: &Env) -> Result<(), Problem> {
    match path.strip_prefix("/api/test-hooks/") {
        Some("panic") => panic_now(),
        Some("panic-later") => {
            // The panic happens in a promise callback, where no caller receives the error.
            Delay::from(Duration::from_millis(1)).await;
            panic_now()
        }
        // Unlike a panic, a trap runs no panic hook. A stack overflow behaves the same way.
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

#[allow(clippy::panic, reason = "this is what the feature is for")]
pub fn panic_now() -> ! {
    panic!("a panic on request");
}
