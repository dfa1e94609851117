//! Runs all parts of the agent concurrently on one thread: the lines, the simulator, the uplink, the status server and
//! the metrics server.

use std::future::Future;
use std::rc::Rc;

use pinlatch_protocol::agent::warning;
use tokio::sync::watch;

use crate::clock::WallClock;
use crate::config::{Config, ConfigError};
use crate::credentials::{Credentials, CredentialsError};
use crate::lines::Lines;
use crate::reload::{ConfigWatchers, Source, config_unusable};
use crate::reporting::journal;
use crate::reporting::metrics::Metrics;
use crate::reporting::status::{self, Status, StatusSocket};
use crate::reporting::systemd::{Part, Service};
use crate::reporting::telemetry::Telemetry;
use crate::rules::RuleRuns;
use crate::running::Start;
use crate::safe;
use crate::statements::Run;
use crate::uplink::{Settings, Uplink};

/// Runs the agent until the future `shutdown` completes. The agent then sets every output to its safe level and closes
/// the connection to the edge. While the agent runs, it reloads the configuration at each request from `source`.
pub async fn run(
    start: Start,
    source: Source,
    clock: WallClock,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let Start { loaded, previous, fault } = start;
    let config = loaded.config;
    // Everything that can end the start is read before the first output is driven. If the start fails, no output has
    // changed. Later faults, such as damaged credentials, only prevent the connection to the edge.
    match Credentials::load(&config.state_dir) {
        Ok(credentials) => {
            if let Some(owner) = &config.owner {
                owner.check(&credentials)?;
            }
            journal::name_device(&credentials.device);
        }
        Err(error @ CredentialsError::NotEnrolled(_)) => return Err(error.into()),
        Err(_) => {}
    }
    if let Some(previous) = previous {
        safe::make_removed_safe(previous.config, &config);
    }
    source.running.store_or_log(&loaded.text);
    let run = Rc::new(Run::default());
    let mut runs = RuleRuns::of_run(run.boot().into());
    runs.use_journal(config.rules_journal.as_deref());
    let (lines, signals) = Lines::open(&config, runs);
    // No connection to the edge exists yet. Every output therefore follows its rule `on_link_loss`.
    lines.link_lost();
    let service = Service::from_environment();
    let settings = Settings::of(&config, clock);
    let telemetry = Telemetry::default();
    if let Some(fault) = &fault {
        warn_of_last_good(&telemetry, fault);
    }
    let (settings, newest_settings) = watch::channel(Rc::new(settings));
    let (config, newest_config) = watch::channel(Rc::new(config));
    let watchers = ConfigWatchers {
        lines: lines.clone(),
        settings,
        config,
        service: service.clone(),
        telemetry: telemetry.clone(),
    };
    let uplink = Uplink {
        settings: newest_settings,
        lines: lines.clone(),
        telemetry: telemetry.clone(),
        service: service.clone(),
        run,
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

/// Reports that the agent runs with the configuration of its previous run.
fn warn_of_last_good(telemetry: &Telemetry, fault: &ConfigError) {
    fault.log();
    tracing::error!(
        code = warning::CONFIG_UNUSABLE,
        "the agent runs with its last good configuration: correct the errors in the configuration file, then reload the agent"
    );
    telemetry.warn(warning::CONFIG_UNUSABLE, config_unusable(&fault.file));
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
