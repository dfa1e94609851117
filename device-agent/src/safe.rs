//! Sets outputs to their safe levels without the running agent, after the agent has ended for any reason.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::config::{Config, DriverConfig, LineConfig, Simulator};
use crate::lines::Lines;
use crate::lines::driver::gpio::{self, ChipInfo};
use crate::rules::RuleRuns;

/// One output of the hardware. The same output can have several names in configurations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Output {
    Gpio {
        chip: PathBuf,
        offset: u32,
    },
    /// A GPIO line that this machine does not have, or whose chip cannot be opened.
    UnknownGpio(String),
    Pwm {
        chip: String,
        channel: u32,
    },
    Simulated {
        journal: Option<PathBuf>,
        line: String,
    },
}

/// Sets every output of the given configurations to its safe level without contacting the edge. For an output in several
/// configurations, the first configuration decides. Returns false if the safe level of any output could not be applied.
pub fn make_safe(configs: Vec<Config>) -> bool {
    make_safe_on(configs, &gpio::survey().unwrap_or_default())
}

fn make_safe_on(configs: Vec<Config>, chips: &[ChipInfo]) -> bool {
    let (mut done, mut opened, mut is_safe) = (HashSet::new(), Vec::new(), true);
    for config in configs {
        let config = outputs_except(config, chips, &done);
        done.extend(outputs_of(&config, chips));
        let (lines, _signals) = Lines::open(&config, RuleRuns::default());
        for (line, error) in lines.make_safe() {
            tracing::error!(%line, %error, "the safe level could not be applied");
            is_safe = false;
        }
        // The hardware stays open until all outputs are at their safe levels.
        opened.push(lines);
    }
    is_safe
}

/// Sets the outputs of the previous run that the new configuration does not contain to their safe levels.
pub fn make_removed_safe(previous: Config, new: &Config) {
    // Usually, the configuration has not changed since the previous run.
    if previous == *new {
        return;
    }
    let chips = gpio::survey().unwrap_or_default();
    let removed = outputs_except(previous, &chips, &outputs_of(new, &chips));
    for line in &removed.lines {
        tracing::warn!(line = %line.name, "the line of the previous run is not in the configuration; it goes to its safe level");
    }
    if !removed.lines.is_empty() {
        make_safe_on(vec![removed], &chips);
    }
}

/// Returns the configuration with only the outputs that are not in `done`.
fn outputs_except(mut config: Config, chips: &[ChipInfo], done: &HashSet<Output>) -> Config {
    let simulator = config.simulator.clone();
    // All inputs are removed from the configuration, so that the simulator's socket is not opened. An agent that is
    // still running can be using the simulator's socket.
    config.lines.retain(|line| {
        let is_done = |output: &Output| done.contains(output);
        line.safe.is_some() && !outputs(line, simulator.as_ref(), chips).iter().any(is_done)
    });
    // An interlock identifies lines by index, and the removal of lines has changed the indexes. The interlocks can be
    // removed, because every interlocked line is off at its safe level.
    config.interlocks.clear();
    config.lines.iter_mut().for_each(|line| line.initial = None);
    if config.lines.iter().all(|line| line.driver != DriverConfig::Sim) {
        config.simulator = None;
    }
    config
}

fn outputs_of(config: &Config, chips: &[ChipInfo]) -> HashSet<Output> {
    config.lines.iter().flat_map(|line| outputs(line, config.simulator.as_ref(), chips)).collect()
}

fn outputs(line: &LineConfig, simulator: Option<&Simulator>, chips: &[ChipInfo]) -> Vec<Output> {
    match &line.driver {
        DriverConfig::Gpio(gpio) => vec![match gpio::resolve(&gpio.place, chips) {
            Ok((chip, offset)) => Output::Gpio { chip: chip.path.clone(), offset },
            Err(_) => Output::UnknownGpio(gpio.place.to_string()),
        }],
        DriverConfig::Pwm(pwm) => {
            let chip = &pwm.chip;
            pwm.channels.iter().map(|channel| Output::Pwm { chip: chip.clone(), channel: *channel }).collect()
        }
        DriverConfig::Sim => {
            let journal = simulator.and_then(|simulator| simulator.journal.clone());
            vec![Output::Simulated { journal, line: line.name.to_string() }]
        }
        DriverConfig::Sensor(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::lines::driver::gpio::LineInfo;

    fn config(lines: &str) -> Config {
        Config::parse(&format!("state_dir = \"state\"\n{lines}"), Path::new("/etc")).unwrap()
    }

    fn names(config: &Config) -> Vec<&str> {
        config.lines.iter().map(|line| line.name.as_str()).collect()
    }

    #[test]
    fn one_output_under_two_names_is_set_once() {
        let named = |name: &str| LineInfo { name: Some(name.into()), ..LineInfo::default() };
        let chips = [ChipInfo {
            path: "/dev/gpiochip0".into(),
            label: "pinctrl-rp1".into(),
            lines: vec![named("GPIO4"), named("GPIO17")],
        }];
        let running = config(
            "[lines.pump]\nkind = \"switch\"\ndriver = \"gpio\"\ngpio = \"GPIO17\"\n\
             [lines.bell]\nkind = \"contact\"\ndriver = \"gpio\"\ngpio = \"GPIO4\"\n",
        );
        let file = config(
            "[lines.heater]\nkind = \"switch\"\ndriver = \"gpio\"\nchip = \"pinctrl-rp1\"\noffset = 1\n\
             [lines.lamp]\nkind = \"switch\"\ndriver = \"gpio\"\nchip = \"pinctrl-rp1\"\noffset = 0\n",
        );
        let running = outputs_except(running, &chips, &HashSet::new());
        assert_eq!(names(&running), ["pump"], "an input has no safe level");
        let done = outputs_of(&running, &chips);
        assert_eq!(names(&outputs_except(file, &chips, &done)), ["lamp"]);
    }
}
