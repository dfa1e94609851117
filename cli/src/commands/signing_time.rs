//! Determines the time in a statement that the owner's root key signs.

use anyhow::Result;
use pinlatch_protocol::endpoint::Endpoint;

use crate::commands::doctor::clock::http_date;
use crate::edge::api::Api;
use crate::explained::refused;
use crate::terminal::times::{now, spoken};

/// The largest clock difference with which a command signs a statement, in seconds. A date in the future that the owner
/// signed cannot be taken back.
pub const CLOCK_WRONG: u64 = 300;

/// The time in a statement.
pub struct SigningTime {
    /// The time in seconds of Unix time. If the edge's clock is behind, this is the edge's time, because the edge and the
    /// devices refuse a statement from the future.
    pub at: u64,
    /// Whether this machine's clock was compared with the edge's clock.
    pub compared: bool,
}

/// Returns the current time, or an error if this machine's clock differs from the edge's clock.
pub fn common_time(edge: &Api) -> Result<SigningTime> {
    let now = now()?;
    let Some(theirs) = edge.probe(&Endpoint::Health)?.date.as_deref().and_then(http_date) else {
        return Ok(SigningTime { at: now, compared: false });
    };
    let apart = theirs.abs_diff(now);
    if apart > CLOCK_WRONG {
        let side = if theirs > now { "behind" } else { "ahead of" };
        return Err(refused(
            "wrong_clock",
            format!(
                "this machine's clock is {} {side} the edge's clock, so the signed dates would be wrong; \
                 correct the clock. Nothing was signed",
                spoken(apart)
            ),
        ));
    }
    Ok(SigningTime { at: now.min(theirs), compared: true })
}
