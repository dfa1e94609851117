//! The agent as a whole: lines, simulator and uplink side by side on one thread.

use std::future::Future;

use anyhow::Context;
use tokio::sync::watch;

use crate::clock::WallClock;
use crate::config::{Config, DriverConfig};
use crate::credentials::Credentials;
use crate::journal;
use crate::lines::Lines;
use crate::systemd::{Part, Service};
use crate::tls;
use crate::uplink::Uplink;

/// Runs until `shutdown` is ready, then takes every output to its safe level and closes the link.
pub async fn run(config: Config, clock: WallClock, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    // Safe levels come first: what else is wrong must not leave a line as it was.
    let (lines, edges) = Lines::open(&config);
    let service = Service::from_environment();
    journal::name_device(&Credentials::load(&config.state_dir)?.device);
    let tls = tls::connector(config.ca_file.as_deref(), clock).context("TLS cannot be set up")?;
    let Config { state_dir, allow_plaintext, .. } = config;
    let uplink = Uplink { state_dir, allow_plaintext, tls, lines: lines.clone(), service: service.clone() };
    let (stop, stopped) = watch::channel(false);
    let stopping = async {
        // Polled once the uplink is: it does not wait for the edge, and neither do those who wait for us.
        service.ready();
        shutdown.await;
        service.stopping();
        for (line, error) in lines.make_safe() {
            tracing::error!(%line, %error, "the safe level could not be applied");
        }
        stop.send_replace(true);
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(service.watch(Part::Uplink, uplink.run(stopped)), stopping) } => {}
        () = service.watch(Part::Lines, lines.drive(edges)) => {}
        () = service.feed_watchdog(&lines) => {}
    }
    tracing::info!("stopped");
    Ok(())
}

/// Drives every output to its safe level, without the edge. Returns whether all obeyed.
pub fn make_safe(mut config: Config) -> bool {
    // Simulated contacts listen on a socket that the running agent may hold.
    config.lines.retain(|line| line.safe.is_some());
    if config.lines.iter().all(|line| line.driver != DriverConfig::Sim) {
        config.simulator = None;
    }
    let (lines, _edges) = Lines::open(&config);
    let wrong = lines.make_safe();
    for (line, error) in &wrong {
        tracing::error!(%line, %error, "the safe level could not be applied");
    }
    wrong.is_empty()
}
