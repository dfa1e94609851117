//! Tests that must run alone on the host, tests that emulate a board, and related tests. The test runner starts tests
//! in the order of their names. Because the name of the module `alone` begins with `a`, its tests start early and run
//! one after another. If the tests of the module `alone` ran later, the host would be idle before each of these tests
//! until all parallel tests have ended.

mod chaos;
mod latency;
mod night;
mod pi;
mod pi_zero;
mod rules;
mod virt;
