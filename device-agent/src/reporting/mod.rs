//! Reports on the agent: counters, the status socket, metrics, logs and the notifications to systemd.

pub mod journal;
pub mod log;
pub mod metrics;
pub mod status;
pub mod systemd;
pub mod telemetry;
