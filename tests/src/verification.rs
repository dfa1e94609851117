//! Measures how long token verification takes in workerd, and defines the limits for `cargo xtask bench verify`.
//!
//! A Worker's clock does not advance during computation, so the HTTP client measures the time. The time for N
//! verifications is the time of a request with N verifications minus the time of a request without verifications. All
//! verifications of one request by our code run inside the WebAssembly module. Therefore the token is passed to the
//! WebAssembly module once per request, not once per verification.

use std::time::{Duration, Instant};

use xtask::bench::Row;

/// The target computing time of one request. The target time is much longer than the transfer time of a request, but
/// short enough that the benchmark does not take minutes.
const REQUEST: Duration = Duration::from_millis(300);
/// The minimum computing time that is used to calculate the number of verifications per
/// [`REQUEST`].
const ENOUGH: Duration = Duration::from_millis(50);
/// The number of measurements for each verifier. The shortest measured time is used, because other work on the host can
/// only add time.
const ROUNDS: usize = 3;
/// The number of measured requests without verifications. The shortest measured time is used.
const EMPTY_ROUNDS: usize = 10;

/// The time limits for one signature algorithm.
pub struct Bars {
    /// The name of the algorithm, from RFC 7518 §3.1.
    pub alg: &'static str,
    /// The maximum time of our first verification of a token, as a multiple of the time that `jose` needs. The value is
    /// `None` if no such limit applies.
    first_of_jose: Option<f64>,
    /// The maximum time of our first verification of a token, in µs. The value is `None` if no such limit applies.
    first: Option<f64>,
    /// The minimum factor by which our repeated verification of a token must be faster than `jose`.
    repeated: f64,
}

/// Returns the limits for most algorithms. Signature checks in WebAssembly cannot be as fast as the C++ code of
/// workerd. Therefore only the repeated verification, which uses a cache, has a limit.
const fn bars(alg: &'static str) -> Bars {
    Bars { alg, first_of_jose: None, first: None, repeated: 5.0 }
}

/// The limits for all signature algorithms that Pinlatch accepts.
pub const ALGORITHMS: [Bars; 12] = [
    Bars { first_of_jose: Some(1.0), repeated: 2.0, ..bars("HS256") },
    bars("HS384"),
    bars("HS512"),
    bars("RS256"),
    bars("RS384"),
    bars("RS512"),
    bars("PS256"),
    bars("PS384"),
    bars("PS512"),
    Bars { first: Some(1500.0), ..bars("ES256") },
    bars("ES384"),
    Bars { first: Some(1500.0), ..bars("EdDSA") },
];

/// The token verifiers that the benchmark compares.
const WHO: [&str; 3] = ["jose", "first", "repeated"];

/// Returns the time per verification of each verifier in µs, in the order of [`WHO`]. The verifiers take turns, so that
/// a busy period of the host affects all verifiers.
pub fn times(run: impl Fn(&str, u32)) -> [f64; 3] {
    let request = |who: &str, count: u32| {
        let began = Instant::now();
        run(who, count);
        began.elapsed()
    };
    let empty = (0..EMPTY_ROUNDS).map(|_| request("first", 0)).min().unwrap_or_default();
    let counts = WHO.map(|who| (who, enough(|count| request(who, count).saturating_sub(empty))));
    let mut best = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        for ((who, count), best) in counts.into_iter().zip(&mut best) {
            let took = request(who, count).saturating_sub(empty);
            *best = best.min(took.as_secs_f64() * 1e6 / f64::from(count));
        }
    }
    best
}

/// Returns the number of verifications for which a request takes about as long as [`REQUEST`].
fn enough(mut run: impl FnMut(u32) -> Duration) -> u32 {
    let mut count = 4_u32;
    loop {
        let took = run(count);
        if took >= ENOUGH || count > u32::MAX / 4 {
            let share = REQUEST.as_secs_f64() / took.as_secs_f64();
            return ((f64::from(count) * share).round() as u32).max(1);
        }
        count *= 4;
    }
}

/// Returns the rows of the result table for one algorithm, with the limits of the algorithm.
pub fn rows(bars: &Bars, [jose, first, repeated]: [f64; 3]) -> Vec<Row> {
    let alg = bars.alg;
    let mut rows = vec![
        Row::at_most(&format!("{alg}, jose"), jose, "µs", None),
        Row::at_most(&format!("{alg}, first"), first, "µs", bars.first),
        Row::at_most(&format!("{alg}, repeated"), repeated, "µs", None),
    ];
    if let Some(most) = bars.first_of_jose {
        rows.push(Row::at_most(&format!("{alg}, first: of jose's time"), first / jose, "×", Some(most)));
    }
    let gain = format!("{alg}, repeated: times as fast as jose");
    rows.push(Row::at_least(&gain, jose / repeated, "×", bars.repeated));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_run_as_fill_a_request() {
        let each = Duration::from_micros(10);
        assert_eq!(enough(|count| each * count), 30_000);
        assert_eq!(enough(|_| Duration::from_secs(600)), 1);
    }

    #[test]
    fn bars_are_of_the_right_figures() {
        let holds = rows(&ALGORITHMS[0], [10.0, 8.0, 4.0]);
        assert!(holds.iter().all(|row| row.holds), "{holds:?}");
        let failed = rows(&ALGORITHMS[0], [10.0, 11.0, 6.0]);
        let failed: Vec<_> = failed.iter().filter(|row| !row.holds).map(|row| row.value).collect();
        assert_eq!(failed, [1.1, 10.0 / 6.0]);
        let eddsa = rows(&ALGORITHMS[11], [60.0, 1600.0, 4.0]);
        assert_eq!(eddsa.iter().filter(|row| !row.holds).count(), 1);
    }
}
