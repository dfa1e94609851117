//! Chooses how many tests run at the same time.

/// The number of parallel end-to-end tests per core. The tests wait more than they compute.
pub const PER_CORE: usize = 4;

/// The number of parallel end-to-end tests per core in CI, where the machine can be shared.
pub const PER_CORE_IN_CI: usize = 3;

/// The maximum number of parallel end-to-end tests. A deployment limits the number of waiting logins.
pub const AT_MOST: usize = 8;

/// Returns the number of processors, or two if the number is unknown.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}
