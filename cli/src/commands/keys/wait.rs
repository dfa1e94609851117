//! Computes the waits between the steps of a key rotation.

use pinlatch_token::{EdgeKeys, MAX_PERSON_LIFE, Step};

/// The time that new secrets need to reach every running instance (isolate) of the Worker, in seconds.
pub const SPREAD: u64 = 300;

/// Returns the earliest time for the next step of the rotation, in Unix seconds. Returns `None` if no rotation is in
/// progress.
pub fn wait_until(edge: &EdgeKeys) -> Option<u64> {
    let wait = match edge.next_step() {
        Step::Publish => return None,
        Step::Switch => SPREAD,
        // After the switch, an instance of the Worker can have the old secrets, and sign with the old key, for up to
        // `SPREAD` seconds.
        Step::Retire => SPREAD + MAX_PERSON_LIFE,
    };
    Some(edge.last_step_at()?.saturating_add(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_wait() {
        let keys = EdgeKeys::generate_at(1_000).unwrap();
        assert_eq!(wait_until(&keys), None);
        let published = keys.step(Step::Publish, 5_000).unwrap();
        assert_eq!(wait_until(&published), Some(5_300));
        let switched = published.step(Step::Switch, 6_000).unwrap();
        assert_eq!(wait_until(&switched), Some(6_900));
        assert_eq!(wait_until(&switched.step(Step::Retire, 7_000).unwrap()), None);
    }
}
