//! Decides when a document is fetched, and how long a stored document is used. The module `plan` does no I/O.

/// How long a stored document is used without a new fetch, in milliseconds.
const FRESH_MS: u64 = 600_000;

/// How long a stored document is used while new fetches fail, in milliseconds.
const STALE_MS: u64 = 24 * 3_600_000;

/// The minimum time between two fetches of a document, in milliseconds. The minimum time also applies to fetches for
/// unknown key ids. Without the minimum time, tokens with invented key ids could cause a flood of requests to an
/// issuer.
const COOLDOWN_MS: u64 = 30_000;

/// The minimum time between two fetches while no usable document is stored, in milliseconds.
const FIRST_COOLDOWN_MS: u64 = 5_000;

/// The times of the last successful fetch and of the last attempt, for the document of a URL.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// When the stored document was fetched, in milliseconds of Unix time. The value is `None` if no document is
    /// stored.
    pub fetched_ms: Option<u64>,
    /// When the last fetch was attempted, in milliseconds of Unix time.
    pub tried_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Return the stored document.
    Use,
    /// Fetch the document. If the fetch fails, return the stored document.
    FetchOrUse,
    /// Fetch the document, because no usable document is stored.
    Fetch,
    /// Return an error, because no usable document is stored and the last fetch was attempted too recently.
    Wait,
}

/// Decides how to answer a request for the document. `lacks` means that the stored document does not contain the key
/// that the caller needs.
pub fn plan(known: Known, lacks: bool, now_ms: u64) -> Plan {
    let since = |at_ms: u64| now_ms.saturating_sub(at_ms);
    let age = known.fetched_ms.map(since).filter(|age| *age < STALE_MS);
    let tried = known.tried_ms.map_or(u64::MAX, since);
    match age {
        Some(age) if (age < FRESH_MS && !lacks) || tried < COOLDOWN_MS => Plan::Use,
        Some(_) => Plan::FetchOrUse,
        None if tried < FIRST_COOLDOWN_MS => Plan::Wait,
        None => Plan::Fetch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(fetched_ms: Option<u64>, tried_ms: Option<u64>) -> Known {
        Known { fetched_ms, tried_ms }
    }

    #[test]
    fn a_fresh_text_is_used_and_an_old_one_renewed() {
        let now = 10 * STALE_MS;
        assert_eq!(plan(at(None, None), false, now), Plan::Fetch);
        let fresh = now - FRESH_MS + 1;
        assert_eq!(plan(at(Some(fresh), Some(fresh)), false, now), Plan::Use);
        let old = now - FRESH_MS;
        assert_eq!(plan(at(Some(old), Some(old)), false, now), Plan::FetchOrUse);
        assert_eq!(plan(at(Some(old), Some(now - 1)), false, now), Plan::Use, "it failed just now");
        let ancient = now - STALE_MS;
        assert_eq!(plan(at(Some(ancient), Some(ancient)), false, now), Plan::Fetch);
        assert_eq!(plan(at(Some(ancient), Some(now - 1)), false, now), Plan::Wait);
    }

    #[test]
    fn unknown_keys_make_no_flood() {
        let now = 10 * STALE_MS;
        let fetched = now - COOLDOWN_MS;
        assert_eq!(plan(at(Some(fetched), Some(fetched)), true, now), Plan::FetchOrUse);
        assert_eq!(plan(at(Some(fetched), Some(fetched + 1)), true, now), Plan::Use);
        let fetches = (0..100_000u64).scan(at(None, None), |known, second| {
            let fetch = plan(*known, true, now + second * 10) != Plan::Use;
            if fetch {
                *known = at(Some(now + second * 10), Some(now + second * 10));
            }
            Some(fetch)
        });
        assert!(fetches.filter(|fetch| *fetch).count() <= 34, "a thousand seconds, one in thirty");
    }

    #[test]
    fn a_clock_that_went_back_asks_no_more_often() {
        assert_eq!(plan(at(Some(1_000), Some(1_000)), true, 0), Plan::Use);
    }
}
