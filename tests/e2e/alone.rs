//! Tests that have the machine to themselves, or with one other that emulates a machine, and what belongs to them. The
//! runner goes by names: they come early and one after another, so that the rest of the machine is not idle each time
//! that the last of the others comes to its end.

mod chaos;
mod latency;
mod night;
mod pi;
mod pi_zero;
mod virt;
