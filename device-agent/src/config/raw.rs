//! The configuration file as it stands on paper: types only, with the place of each value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pinlatch_protocol::line::LineKind;
use serde::Deserialize;
use toml::{Spanned, Value};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub state_dir: PathBuf,
    pub ca_file: Option<PathBuf>,
    #[serde(default)]
    pub allow_plaintext: bool,
    pub simulator: Option<Simulator>,
    #[serde(default)]
    pub lines: BTreeMap<Spanned<String>, Line>,
}

/// `[simulator]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulator {
    pub journal: Option<PathBuf>,
    pub socket: Option<PathBuf>,
}

/// `driver = "…"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    Sim,
    Gpio,
}

/// `[lines.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub kind: Spanned<LineKind>,
    pub driver: Spanned<Driver>,
    pub gpio: Option<Spanned<String>>,
    pub chip: Option<Spanned<String>>,
    pub offset: Option<Spanned<u32>>,
    pub active_low: Option<Spanned<bool>>,
    pub retain: Option<Spanned<bool>>,
    pub safe: Option<Spanned<Value>>,
    pub max_on_ms: Option<Spanned<u32>>,
    pub min_interval_ms: Option<Spanned<u32>>,
    pub debounce_ms: Option<Spanned<u32>>,
    pub on_link_loss: Option<Spanned<Value>>,
}
