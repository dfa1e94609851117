//! The agent as a whole: lines, simulator and uplink side by side on one thread.

use std::future::Future;
use std::rc::Rc;

use anyhow::Context;
use tokio::sync::watch;

use crate::clock::WallClock;
use crate::config::{Config, DriverConfig};
use crate::credentials::Credentials;
use crate::journal;
use crate::lines::Lines;
use crate::metrics::Metrics;
use crate::reload::{ConfigWatchers, Source};
use crate::status::{self, Status, StatusSocket};
use crate::systemd::{Part, Service};
use crate::telemetry::Telemetry;
use crate::uplink::{Settings, Uplink};

/// Runs until `shutdown` is ready, then takes every output to its safe level and closes the link. Meanwhile it follows
/// its configuration.
pub async fn run(
    config: Config,
    source: Source,
    clock: WallClock,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    // Safe levels come first: what else is wrong must not leave a line as it was.
    let (lines, signals) = Lines::open(&config);
    // There is no link yet: what does not start at its safe level goes there in its own time.
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
        // Polled once the uplink is: it does not wait for the edge, and neither do those who wait for us.
        service.ready();
        shutdown.await;
        service.stopping();
        for (line, error) in lines.make_safe() {
            tracing::error!(%line, %error, "the safe level could not be applied");
        }
        stop.send_replace(true);
    };
    // Once stopping, nothing is opened any more.
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
        () = tell_status(newest_config.clone(), &status) => {}
        () = tell_metrics(newest_config, &status, &telemetry) => {}
    }
    tracing::info!("stopped");
    Ok(())
}

/// Offers the status where the configuration says, for ever.
async fn tell_status(mut config: watch::Receiver<Rc<Config>>, status: impl Fn() -> Status) {
    loop {
        let path = status::socket_of(&config.borrow_and_update());
        // That nobody can ask is no reason not to work.
        let socket = path.as_deref().and_then(|path| match StatusSocket::bind(path) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::error!(code = error.code(), %error, "the status is not offered");
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

/// Offers the metrics where the configuration says, for ever.
async fn tell_metrics(
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
                    tracing::error!(code = "metrics_port", %address, %error, "the metrics are not served");
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

/// Ready once a configuration was read that differs.
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
