//! Tests that run alone on the host, or in parallel with one other that emulates a board, and related tests. The test
//! runner starts tests in the order of their names, so these run early and one after another. If they ran at different
//! times, the host would idle before each of them until the last parallel test ends.

mod chaos;
mod latency;
mod night;
mod pi;
mod pi_zero;
mod virt;
