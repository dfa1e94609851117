//! Tests that run alone on the host, or together with at most one other test that emulates a board. Also related tests.
//! The test runner starts tests in the order of their names, so these tests run early and one after another. At any
//! other position, the host would be idle before each of these tests until the last parallel test ends.

mod chaos;
mod latency;
mod night;
mod pi;
mod pi_zero;
mod virt;
