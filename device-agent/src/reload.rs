//! Reloads the configuration file when the agent receives SIGHUP.
//!
//! An invalid configuration file has no effect on the running agent. A valid configuration file affects only the parts
//! of the agent whose settings have changed. A line whose configuration has not changed keeps its level and its timers.
//! The connection to the edge stays open, and new connection settings take effect with the next connection.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use pinlatch_protocol::agent::warning;
use tokio::sync::{mpsc, watch};

use crate::clock::WallClock;
use crate::config::{Config, ConfigError, ConfigFile};
use crate::lines::Lines;
use crate::reporting::systemd::Service;
use crate::reporting::telemetry::Telemetry;
use crate::running::RunningConfig;
use crate::uplink::Settings;
use crate::uplink::tls::TlsError;

/// The path of the configuration file, and the requests to reload the file.
pub struct Source {
    pub file: PathBuf,
    /// The place in which the accepted configuration is stored.
    pub running: RunningConfig,
    /// The channel for reload requests, in which each message requests one reload.
    pub asked: mpsc::Receiver<()>,
}

#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl ReloadError {
    /// Logs every error in the configuration.
    fn report(&self) {
        match self {
            Self::Config(error) => error.log(),
            Self::Tls(error) => tracing::error!(code = "ca_file", %error, "the configuration is invalid"),
        }
        tracing::error!(
            code = "reload_refused",
            "the configuration was not reloaded, and the agent keeps the previous configuration: correct the errors, then reload again"
        );
    }
}

/// The parts of the agent that receive a reloaded configuration.
pub struct ConfigWatchers {
    pub lines: Lines,
    /// Sends new connection settings to the uplink.
    pub settings: watch::Sender<Rc<Settings>>,
    /// Sends the new configuration to the status server and to the metrics server.
    pub config: watch::Sender<Rc<Config>>,
    /// Notifies the service manager when a reload starts and when a reload ends.
    pub service: Service,
    pub telemetry: Telemetry,
}

/// Returns the warning about an invalid configuration file.
pub fn config_unusable(file: &Path) -> String {
    format!(
        "the configuration file {} is invalid, so the agent runs with its last good configuration: run `pinlatch-agent check-config`, correct the file, then reload the agent",
        file.display()
    )
}

impl ConfigWatchers {
    /// Reloads the configuration file at each request. This function never returns.
    pub async fn follow(&self, mut source: Source, clock: WallClock) {
        while source.asked.recv().await.is_some() {
            self.service.reloading();
            match read(&source, clock) {
                Ok((ConfigFile { text, config }, settings)) => {
                    self.lines.reload(&config, || source.running.store_or_log(&text)).await;
                    self.telemetry.resolve(warning::CONFIG_UNUSABLE);
                    tracing::info!(lines = config.lines.len(), "the configuration was reloaded");
                    // The settings are sent even if no setting has changed. New settings end the uplink's pause, so
                    // that the next connection attempt starts immediately.
                    self.settings.send_replace(Rc::new(settings));
                    self.config.send_replace(Rc::new(config));
                }
                Err(error) => {
                    error.report();
                    self.telemetry.warn(warning::CONFIG_UNUSABLE, config_unusable(&source.file));
                }
            }
            self.service.reloaded();
        }
        std::future::pending().await
    }
}

fn read(source: &Source, clock: WallClock) -> Result<(ConfigFile, Settings), ReloadError> {
    let loaded = ConfigFile::load(&source.file)?;
    let settings = Settings::of(&loaded.config, clock);
    settings.check_tls()?;
    Ok((loaded, settings))
}
