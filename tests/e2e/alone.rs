//! Tests that must run alone on the host, tests that emulate a board, and related tests. The test
//! runner starts tests in the order of their names. Because the name of this module begins with
//! `a`, these tests run early and one after another. If these tests ran later, the host would be
//! idle before each of them until the last parallel test ends.

mod chaos;
mod latency;
mod night;
mod pi;
mod pi_zero;
mod virt;
