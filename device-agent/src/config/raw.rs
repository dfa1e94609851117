//! Defines the syntax of the configuration file. A `Spanned` value contains its position in the file, which error
//! messages show.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pinlatch_protocol::line::LineKind;
use serde::Deserialize;
use toml::{Spanned, Value};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub state_dir: PathBuf,
    pub ca_file: Option<PathBuf>,
    #[serde(default)]
    pub allow_plaintext: bool,
    pub proxy: Option<Spanned<String>>,
    pub link_timeout_s: Option<Spanned<u32>>,
    pub status_socket: Option<PathBuf>,
    pub metrics: Option<Spanned<String>>,
    #[serde(default)]
    pub allow_remote_metrics: bool,
    pub simulator: Option<Simulator>,
    #[serde(default)]
    pub lines: BTreeMap<Spanned<String>, Line>,
    #[serde(default)]
    pub interlocks: BTreeMap<Spanned<String>, Interlock>,
    #[serde(default)]
    pub rules: Vec<Rule>,
    pub owner: Option<Owner>,
    #[serde(default)]
    pub rules_journal: bool,
}

/// The keys of the table `[owner]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    pub root: Spanned<String>,
    pub site: Spanned<String>,
    pub device: Spanned<String>,
}

/// The keys of a table `[[rules]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub name: Spanned<String>,
    pub when: Spanned<When>,
    #[serde(rename = "do")]
    pub action: RuleAction,
    pub after_ms: Option<Spanned<u32>>,
    pub per_minute: Option<Spanned<u32>>,
}

/// The keys of `when` in a rule. The words are texts, because each enum makes the binary some kilobytes larger. Exactly one of `goes`, `is`, `press`, `above`, `below` and `link` is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    pub line: Option<Spanned<String>>,
    pub goes: Option<Spanned<String>>,
    pub is: Option<Spanned<String>>,
    pub press: Option<Spanned<String>>,
    pub above: Option<Spanned<f64>>,
    pub below: Option<Spanned<f64>>,
    pub hysteresis: Option<Spanned<f64>>,
    pub link: Option<Spanned<String>>,
    pub for_ms: Option<Spanned<u32>>,
}

/// The keys of `do` in a rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleAction {
    pub line: Spanned<String>,
    pub action: Spanned<String>,
    pub args: Option<Spanned<Value>>,
}

/// The keys of the table `[simulator]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulator {
    pub journal: Option<PathBuf>,
    pub socket: Option<PathBuf>,
}

/// The keys of a table `[interlocks.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interlock {
    pub lines: Spanned<Vec<Spanned<String>>>,
    pub dead_time_ms: Option<Spanned<u32>>,
}

/// The possible values of the key `driver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    Sim,
    Gpio,
    Pwm,
    W1,
    Iio,
    Hwmon,
}

/// The keys of a table `[lines.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub kind: Spanned<LineKind>,
    pub driver: Spanned<Driver>,
    // The following keys configure the statements that the device signs.
    pub signed: Option<Spanned<bool>>,
    pub receipts: Option<Spanned<bool>>,
    /// The word `edge` or `holder`.
    pub authority: Option<Spanned<String>>,
    // The following keys configure GPIO lines.
    pub gpio: Option<Spanned<String>>,
    pub chip: Option<Spanned<String>>,
    pub offset: Option<Spanned<u32>>,
    pub active_low: Option<Spanned<bool>>,
    pub drive: Option<Spanned<super::settings::Drive>>,
    pub bias: Option<Spanned<super::settings::Bias>>,
    // The following keys configure PWM channels and servos.
    pub pwm: Option<Spanned<String>>,
    /// The channel is a number for the driver `pwm`, and a text for the drivers `iio` and `hwmon`.
    pub channel: Option<Spanned<Value>>,
    pub channels: Option<Spanned<Vec<u32>>>,
    pub frequency_hz: Option<Spanned<u32>>,
    pub gamma: Option<Spanned<f64>>,
    pub pulse_us: Option<Spanned<Vec<u32>>>,
    pub range_deg: Option<Spanned<Vec<f64>>>,
    // The following keys configure sensors.
    pub device: Option<Spanned<String>>,
    pub unit: Option<Spanned<String>>,
    pub precision: Option<Spanned<u32>>,
    pub interval_s: Option<Spanned<u32>>,
    pub min_change: Option<Spanned<f64>>,
    // The following keys configure the limits and the levels of outputs.
    pub retain: Option<Spanned<bool>>,
    pub safe: Option<Spanned<Value>>,
    pub initial: Option<Spanned<Value>>,
    pub max_on_ms: Option<Spanned<u32>>,
    pub min_interval_ms: Option<Spanned<u32>>,
    pub on_link_loss: Option<Spanned<Value>>,
    // The following keys configure contacts.
    pub debounce_ms: Option<Spanned<u32>>,
    pub presses: Option<Spanned<bool>>,
    pub long_press_ms: Option<Spanned<u32>>,
}
