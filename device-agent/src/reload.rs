//! Following the configuration file while the agent runs, at SIGHUP.
//!
//! A file that is not usable changes nothing. Of a usable one, what has not changed is not touched: a line keeps its
//! level and its timers, and the link stays. What concerns the link counts from the next connection on.

use std::path::PathBuf;
use std::rc::Rc;

use tokio::sync::{mpsc, watch};

use crate::clock::WallClock;
use crate::config::{Config, ConfigError};
use crate::lines::Lines;
use crate::systemd::Service;
use crate::tls::TlsError;
use crate::uplink::Settings;

/// Where the configuration comes from, and who asks to read it again.
pub struct Source {
    /// The file.
    pub file: PathBuf,
    /// Each message asks once.
    pub asked: mpsc::Receiver<()>,
}

/// Why a configuration is not followed.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl ReloadError {
    /// Tells each thing that is wrong.
    fn report(&self) {
        match self {
            Self::Config(error) => {
                for issue in &error.issues {
                    let (line, column) = issue.at.unwrap_or_default();
                    let file = error.file.display();
                    tracing::error!(
                        code = issue.code,
                        "the configuration is not usable: {file}:{line}:{column}: {}",
                        issue.message
                    );
                }
            }
            Self::Tls(error) => tracing::error!(code = "ca_file", %error, "the configuration is not usable"),
        }
        tracing::error!(code = "reload_refused", "everything runs on as before");
    }
}

/// What follows the configuration.
pub struct ConfigWatchers {
    /// The lines.
    pub lines: Lines,
    /// The uplink.
    pub settings: watch::Sender<Rc<Settings>>,
    /// Whoever else reads it.
    pub config: watch::Sender<Rc<Config>>,
    /// Who is told that it is done.
    pub service: Service,
}

impl ConfigWatchers {
    /// Reads the file whenever it is asked for; never ends.
    pub async fn follow(&self, mut source: Source, clock: WallClock) {
        while source.asked.recv().await.is_some() {
            self.service.reloading();
            match read(&source, clock) {
                Ok((config, settings)) => {
                    self.lines.reload(&config).await;
                    tracing::info!(lines = config.lines.len(), "the configuration was read again");
                    // Also where nothing has changed: an attempt that waits is made now.
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
