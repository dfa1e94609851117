//! Runs all parts of the agent concurrently on one thread: the lines, the simulator, the uplink, the status server and
//! the metrics server.

use std::future::Future;
use std::rc::Rc;

use anyhow::Context;
use tokio::sync::watch;

use crate::clock::WallClock;
use crate::config::{Config, DriverConfig};
use crate::credentials::Credentials;
use crate::lines::Lines;
use crate::reload::{ConfigWatchers, Source};
use crate::reporting::journal;
use crate::reporting::metrics::Metrics;
use crate::reporting::status::{self, Status, StatusSocket};
use crate::reporting::systemd::{Part, Service};
use crate::reporting::telemetry::Telemetry;
use crate::uplink::{Settings, Uplink};

/// Runs the agent until the future `shutdown` completes. The agent then sets every output to its safe level and closes
/// the connection to the edge. While the agent runs, it reloads the configuration at each request from `source`.
pub async fn run(
    config: Config,
    source: Source,
    clock: WallClock,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    // The outputs are opened before all other parts. If a later step of the start fails, every output is therefore at
    // its safe level.
    let (lines, signals) = Lines::open(&config);
    // No connection to the edge exists yet. Every output therefore follows its rule `on_link_loss`.
    lines.link_lost();
    let service = Service::from_environment();
    let settings = Settings::of(&config, clock).context("TLS cannot be set up")?;
    journal::name_device(&Credentials::load(settings.state_dir())?.device);
    let telemetry = Telemetry::default();
    let (settings, newest_settings) = watch::channel(Rc::new(settings));
    let (config, newest_config) = watch::channel(Rc::new(config));
    let watchers = ConfigWatchers { lines: lines.clone(), settings, config, service: service.clone() };
    let uplink = Uplink {
        settings: newest_settings,
        lines: lines.clone(),
        telemetry: telemetry.clone(),
        service: service.clone(),
    };
    let status = || Status::of(&telemetry, &lines, clock);
    let (stop, stopped) = watch::channel(false);
    let mut no_longer = stopped.clone();
    let stopping = async {
        // `join!` polls the uplink's future before the future `stopping`. The agent therefore reports that it is ready
        // only after the uplink has started. The agent can be ready without a connection to the edge.
        service.ready();
        shutdown.await;
        service.stopping();
        for (line, error) in lines.make_safe() {
            tracing::error!(%line, %error, "the safe level could not be applied");
        }
        stop.send_replace(true);
    };
    // After the agent has started to stop, it ignores requests to reload the configuration.
    let following = async {
        tokio::select! {
            () = watchers.follow(source, clock) => {}
            _ = no_longer.wait_for(|stop| *stop) => std::future::pending().await,
        }
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(service.watch(Part::Uplink, uplink.run(stopped)), stopping) } => {}
        () = service.watch(Part::Lines, lines.drive(signals)) => {}
        () = service.feed_watchdog(&lines) => {}
        () = following => {}
        () = serve_status(newest_config.clone(), &status) => {}
        () = serve_metrics(newest_config, &status, &telemetry) => {}
    }
    tracing::info!("stopped");
    Ok(())
}

/// Serves the agent's status on the configured Unix socket. This function never returns.
async fn serve_status(mut config: watch::Receiver<Rc<Config>>, status: impl Fn() -> Status) {
    loop {
        let path = status::socket_of(&config.borrow_and_update());
        // If the status socket cannot be opened, the agent continues without a status socket.
        let socket = path.as_deref().and_then(|path| match StatusSocket::bind(path) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::error!(code = error.code(), %error, "the status socket cannot be opened; `pinlatch-agent status` does not work");
                None
            }
        });
        let serving = async {
            match &socket {
                Some(socket) => socket.serve(&status).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = serving => {}
            () = changed(&mut config, |config| status::socket_of(config) != path) => {}
        }
    }
}

/// Serves the metrics over HTTP at the configured IP address and port. This function never returns.
async fn serve_metrics(
    mut config: watch::Receiver<Rc<Config>>,
    status: impl Fn() -> Status,
    telemetry: &Telemetry,
) {
    loop {
        let address = config.borrow_and_update().metrics;
        let serving = async {
            let Some(address) = address else { return std::future::pending().await };
            match Metrics::bind(address).await {
                Ok(metrics) => {
                    let at = metrics.address().unwrap_or(address);
                    tracing::info!(%at, "metrics are served");
                    metrics.serve(&status, telemetry).await;
                }
                Err(error) => {
                    tracing::error!(code = "metrics_port", %address, %error, "the metrics server cannot listen at this address; the metrics are not served");
                    std::future::pending().await
                }
            }
        };
        tokio::select! {
            () = serving => {}
            () = changed(&mut config, |config| config.metrics != address) => {}
        }
    }
}

/// Waits until a reload provides a configuration for which `differs` returns true.
async fn changed(config: &mut watch::Receiver<Rc<Config>>, differs: impl Fn(&Config) -> bool) {
    loop {
        if config.changed().await.is_err() {
            return std::future::pending().await;
        }
        if differs(&config.borrow_and_update()) {
            return;
        }
    }
}

/// Sets every output to its safe level without contacting the edge. Returns false if the safe level of any output could
/// not be applied.
pub fn make_safe(mut config: Config) -> bool {
    // All inputs are removed from the configuration, so that the simulator's socket is not opened. An agent that is
    // still running can be using the simulator's socket.
    config.lines.retain(|line| line.safe.is_some());
    // An interlock identifies lines by index, and the removal of the inputs has changed the indexes. The interlocks can
    // be removed, because every interlocked line is off at its safe level.
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
