//! Tests that run alone on the host, or in parallel with one other that emulates a board, and related tests. The test
//! runner starts tests in the order of their names, so these run early and one after another. Spread over the run, each
//! of them would leave the host idle while it waits for the last parallel test to end.

mod chaos;
mod latency;
mod night;
mod pi;
mod pi_zero;
mod virt;
