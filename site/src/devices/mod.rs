//! Manages the devices of a site, their lines and the commands to them.

pub(crate) mod agent;
pub(crate) mod command;
pub(crate) mod device;
mod enrolment;
mod keys;
pub(crate) mod lines;
pub(crate) mod outcome;
mod readings;
mod rules;
mod sender;
mod waiting_events;
