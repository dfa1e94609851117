//! Computes the pauses between attempts to connect to the edge.
//!
//! If no server responds, a connection attempt sends only some TCP SYN packets. While no server responds, the pauses
//! stay short, even during a long outage. The agent therefore reconnects within two seconds after the edge is reachable
//! again. If a server responds, each connection attempt causes a handshake and possibly a request on this server. The
//! pauses therefore grow while a server responds with errors. Each pause is a random time from zero to an upper bound
//! (full jitter). Random pauses prevent all devices of a site from reconnecting at the same time.

use std::time::Duration;

use crate::uplink::link_error::LinkError;

/// The upper bound of the first random pause. Each further failure doubles the upper bound.
const FIRST: Duration = Duration::from_millis(500);
/// The upper bound of the pauses while no server responds. The agent must reconnect within two seconds after the edge
/// is reachable again. An upper bound of 1.5 seconds leaves half a second for the successful connection attempt.
const LONGEST_IN_SILENCE: Duration = Duration::from_millis(1_500);
/// The upper bound of the pauses while a server responds but the connection fails.
const LONGEST: Duration = Duration::from_secs(32);
/// The minimum duration of a connection after which the upper bound is reset to `FIRST`.
const GOOD_AFTER: Duration = Duration::from_secs(10);
/// The minimum pause after an error that an early retry cannot fix. The actual pause is a random time from 60 to 120
/// seconds.
const LASTING: Duration = Duration::from_secs(60);
/// The longest pause that the agent accepts from the edge's header `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub struct Backoff {
    /// The number of consecutive failed attempts to which no server responded.
    silent: u32,
    /// The number of failed attempts to which a server responded since the last good connection. Attempts without a
    /// response are not counted. After a long outage, the agent therefore retries soon even if the first response of
    /// the server is an error.
    answered: u32,
}

impl Backoff {
    /// Returns the pause after a failed connection attempt or a lost connection. `up` is the duration of the lost
    /// connection, or zero if no connection was established. `random` is a uniformly distributed random number from 0
    /// to 1.
    pub fn pause(&mut self, error: &LinkError, up: Duration, random: f64) -> Duration {
        if up >= GOOD_AFTER {
            *self = Self::default();
        }
        let (failures, longest) = if error.is_silence() {
            (&mut self.silent, LONGEST_IN_SILENCE)
        } else {
            self.silent = 0;
            (&mut self.answered, LONGEST)
        };
        let ceiling = FIRST.saturating_mul(2u32.saturating_pow(*failures)).min(longest);
        *failures = failures.saturating_add(1);
        if error.is_lasting() {
            return LASTING.mul_f64(1.0 + random);
        }
        let asked = match error {
            LinkError::Refused { retry_after: Some(seconds), .. } => Duration::from_secs(*seconds),
            _ => Duration::ZERO,
        };
        asked.min(MAX_RETRY_AFTER) + ceiling.mul_f64(random)
    }
}

/// Returns a uniformly distributed random number from 0 to 1. If the system provides no random numbers, the function
/// returns 1, which results in the longest pause.
pub fn random() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;
    use crate::uplink::connect_error::{HttpError, ProxyError};
    use pinlatch_protocol::close;

    const LOST: LinkError = LinkError::Timeout("it");

    fn refused(status: StatusCode, code: &str, retry_after: Option<u64>) -> LinkError {
        LinkError::Refused { status, code: code.into(), retry_after }
    }

    fn longest(error: &LinkError, attempts: usize) -> Vec<u128> {
        let mut backoff = Backoff::default();
        (0..attempts).map(|_| backoff.pause(error, Duration::ZERO, 1.0).as_millis()).collect()
    }

    #[test]
    fn an_edge_that_is_silent_is_tried_within_two_seconds_for_ever() {
        assert_eq!(longest(&LOST, 6), [500, 1_000, 1_500, 1_500, 1_500, 1_500]);
        assert_eq!(longest(&LOST, 200_000).last(), Some(&1_500), "after a long outage");
        assert_eq!(Backoff::default().pause(&LOST, Duration::ZERO, 0.0), Duration::ZERO, "full jitter");
        for away in [
            LinkError::Gateway(StatusCode::BAD_GATEWAY),
            HttpError::Proxy(ProxyError::Refused(StatusCode::GATEWAY_TIMEOUT)).into(),
            HttpError::Timeout("the answer").into(),
        ] {
            assert_eq!(longest(&away, 9)[8], 1_500, "{away}");
        }
    }

    #[test]
    fn an_edge_that_answers_is_not_hammered() {
        let overloaded = refused(StatusCode::SERVICE_UNAVAILABLE, "misconfigured", None);
        let pauses = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000, 32_000];
        assert_eq!(longest(&overloaded, 9), pauses);
        let mut backoff = Backoff::default();
        let mut pause =
            |error: &LinkError, up| backoff.pause(error, Duration::from_secs(up), 1.0).as_millis();
        for _ in 0..9 {
            pause(&overloaded, 0);
        }
        assert_eq!(pause(&overloaded, 9), 32_000);
        assert_eq!(pause(&overloaded, 10), 500, "a good connection");
        for _ in 0..999 {
            pause(&LOST, 0);
        }
        assert_eq!(pause(&overloaded, 0), 1_000, "the server returns and fails once");
        for foreign in [
            LinkError::NotTheEdge(StatusCode::OK),
            HttpError::Proxy(ProxyError::Unauthorised).into(),
            LinkError::Closed { code: 1012, reason: String::new() },
        ] {
            assert_eq!(longest(&foreign, 9)[8], 32_000, "{foreign}");
        }
    }

    #[test]
    fn where_haste_is_no_use_there_is_none() {
        let pause = |error: &LinkError| Backoff::default().pause(error, Duration::ZERO, 0.0).as_secs();
        assert_eq!(pause(&refused(StatusCode::UNAUTHORIZED, "invalid_token", None)), 60);
        assert_eq!(pause(&refused(StatusCode::CONFLICT, "device_connected", None)), 60);
        assert_eq!(pause(&LinkError::Closed { code: close::REPLACED, reason: String::new() }), 60);
        assert_eq!(pause(&refused(StatusCode::TOO_MANY_REQUESTS, "throttled", Some(7))), 7);
        assert_eq!(pause(&refused(StatusCode::SERVICE_UNAVAILABLE, "misconfigured", Some(1 << 40))), 300);
        assert_eq!(pause(&LinkError::NotTheEdge(StatusCode::FORBIDDEN)), 0, "a captive portal");
    }
}
