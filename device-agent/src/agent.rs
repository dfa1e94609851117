//! The agent as a whole: lines, simulator and uplink side by side on one thread.

use std::future::Future;

use anyhow::Context;
use tokio::sync::watch;

use crate::clock::WallClock;
use crate::config::{Config, DriverConfig};
use crate::credentials::Credentials;
use crate::journal;
use crate::lines::Lines;
use crate::status::{self, Status, StatusSocket};
use crate::systemd::{Part, Service};
use crate::telemetry::Telemetry;
use crate::tls;
use crate::uplink::Uplink;

/// Runs until `shutdown` is ready, then takes every output to its safe level and closes the link.
pub async fn run(config: Config, clock: WallClock, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    // Safe levels come first: what else is wrong must not leave a line as it was.
    let (lines, signals) = Lines::open(&config);
    // There is no link yet: what does not start at its safe level goes there in its own time.
    lines.link_lost();
    let service = Service::from_environment();
    journal::name_device(&Credentials::load(&config.state_dir)?.device);
    let tls = tls::connector(config.ca_file.as_deref(), clock).context("TLS cannot be set up")?;
    let telemetry = Telemetry::default();
    let status = offer_status(&config);
    let Config { state_dir, allow_plaintext, .. } = config;
    let uplink = Uplink {
        state_dir,
        allow_plaintext,
        tls,
        lines: lines.clone(),
        telemetry: telemetry.clone(),
        service: service.clone(),
    };
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
        () = service.watch(Part::Lines, lines.drive(signals)) => {}
        () = service.feed_watchdog(&lines) => {}
        () = tell_status(status.as_ref(), || Status::of(&telemetry, &lines, clock)) => {}
    }
    tracing::info!("stopped");
    Ok(())
}

/// The socket of `pinlatch-agent status`. That nobody can ask is no reason not to work.
fn offer_status(config: &Config) -> Option<StatusSocket> {
    match StatusSocket::bind(&status::socket_of(config)?) {
        Ok(socket) => Some(socket),
        Err(error) => {
            tracing::error!(code = error.code(), %error, "the status is not offered");
            None
        }
    }
}

async fn tell_status(socket: Option<&StatusSocket>, status: impl Fn() -> Status) {
    match socket {
        Some(socket) => socket.serve(status).await,
        None => std::future::pending().await,
    }
}

/// Drives every output to its safe level, without the edge. Returns whether all obeyed.
pub fn make_safe(mut config: Config) -> bool {
    // Simulated inputs listen on a socket that the running agent may hold.
    config.lines.retain(|line| line.safe.is_some());
    // Nothing goes on here, and the places that interlocks name have moved.
    config.interlocks.clear();
    config.lines.iter_mut().for_each(|line| line.initial = None);
    if config.lines.iter().all(|line| line.driver != DriverConfig::Sim) {
        config.simulator = None;
    }
    let (lines, _signals) = Lines::open(&config);
    let wrong = lines.make_safe();
    for (line, error) in &wrong {
        tracing::error!(%line, %error, "the safe level could not be applied");
    }
    wrong.is_empty()
}
