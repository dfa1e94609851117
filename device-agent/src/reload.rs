//! Reloads the configuration file when the agent receives SIGHUP.
//!
//! An invalid configuration file has no effect on the running agent. A valid configuration file affects only the parts
//! of the agent whose settings have changed. A line whose configuration has not changed keeps its level and its timers.
//! The connection to the edge stays open, and new connection settings take effect with the next connection.

use std::path::PathBuf;
use std::rc::Rc;

use tokio::sync::{mpsc, watch};

use crate::clock::WallClock;
use crate::config::{Config, ConfigError};
use crate::lines::Lines;
use crate::reporting::systemd::Service;
use crate::uplink::Settings;
use crate::uplink::tls::TlsError;

/// The path of the configuration file, and the requests to reload the file.
pub struct Source {
    pub file: PathBuf,
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
            Self::Config(error) => {
                for issue in &error.issues {
                    let (line, column) = issue.at.unwrap_or_default();
                    let file = error.file.display();
                    tracing::error!(
                        code = issue.code,
                        "the configuration is invalid: {file}:{line}:{column}: {}",
                        issue.message
                    );
                }
            }
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
}

impl ConfigWatchers {
    /// Reloads the configuration file at each request. This function never returns.
    pub async fn follow(&self, mut source: Source, clock: WallClock) {
        while source.asked.recv().await.is_some() {
            self.service.reloading();
            match read(&source, clock) {
                Ok((config, settings)) => {
                    self.lines.reload(&config).await;
                    tracing::info!(lines = config.lines.len(), "the configuration was reloaded");
                    // The settings are sent even if no setting has changed. New settings end the uplink's pause, so
                    // that the next connection attempt starts immediately.
                    self.settings.send_replace(Rc::new(settings));
                    self.config.send_replace(Rc::new(config));
                }
                Err(error) => error.report(),
            }
            self.service.reloaded();
        }
        std::future::pending().await
    }
}

fn read(source: &Source, clock: WallClock) -> Result<(Config, Settings), ReloadError> {
    let config = Config::load(&source.file)?;
    let settings = Settings::of(&config, clock)?;
    Ok((config, settings))
}
