//! Reloading of the configuration file at SIGHUP.
//!
//! An invalid file has no effect. A valid file affects only the parts that have changed: a line that has not changed
//! keeps its level and its timers. The link stays open, and changes to its settings take effect with the next
//! connection.

use std::path::PathBuf;
use std::rc::Rc;

use tokio::sync::{mpsc, watch};

use crate::clock::WallClock;
use crate::config::{Config, ConfigError};
use crate::lines::Lines;
use crate::systemd::Service;
use crate::tls::TlsError;
use crate::uplink::Settings;

/// The configuration file, and requests to reload it.
pub struct Source {
    pub file: PathBuf,
    /// Each message requests one reload.
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
    /// Logs every issue.
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
            "the reload was refused and changed nothing: correct the configuration, then reload again"
        );
    }
}

/// Receivers of a reloaded configuration.
pub struct ConfigWatchers {
    pub lines: Lines,
    /// Sends new settings to the uplink.
    pub settings: watch::Sender<Rc<Settings>>,
    /// Sends the new configuration to the status and metrics servers.
    pub config: watch::Sender<Rc<Config>>,
    /// Notified when a reload starts and ends.
    pub service: Service,
}

impl ConfigWatchers {
    /// Reloads the file at each request. Never returns.
    pub async fn follow(&self, mut source: Source, clock: WallClock) {
        while source.asked.recv().await.is_some() {
            self.service.reloading();
            match read(&source, clock) {
                Ok((config, settings)) => {
                    self.lines.reload(&config).await;
                    tracing::info!(lines = config.lines.len(), "the configuration was read again");
                    // Sent even if nothing has changed, because new settings end the uplink's pause, so that the next
                    // attempt starts immediately.
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
