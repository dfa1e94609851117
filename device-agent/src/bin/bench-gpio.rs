//! Measures the time that is needed to set a GPIO line. The program compares the kernel call alone with the agent's
//! driver.
//!
//! The command `cargo xtask bench agent` runs this program on an emulated board as `bench-gpio LABEL OFFSET OTHER`.
//! `LABEL` is the label of a GPIO chip, and `OFFSET` and `OTHER` are the offsets of two GPIO lines. The program
//! configures both GPIO lines as outputs and sets them many times. The program prints two times in nanoseconds. The
//! first time is for the kernel call, and the second time is for the driver.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gpio_cdev::{Chip, LineRequestFlags};
use pinlatch_agent::config::{Drive, GpioConfig, GpioPlace};
use pinlatch_agent::lines::driver::gpio;
use pinlatch_protocol::line::Level;

/// The number of measurements with each method. The program alternates between the kernel call and the driver.
const ROUNDS: usize = 41;
/// The number of times that the GPIO line is set in one measurement.
const SETTINGS: u32 = 500;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [label, bare, driven] = arguments.as_slice() else {
        anyhow::bail!("usage: bench-gpio LABEL OFFSET OTHER");
    };
    let chips = gpio::survey()?;
    let chip = chips.iter().find(|chip| chip.label == *label).context("no GPIO chip has this label")?;
    let line = Chip::new(&chip.path)?.get_line(bare.parse()?)?;
    let handle = line.request(LineRequestFlags::OUTPUT, 0, "bench-gpio")?;
    let place = GpioPlace::Chip { label: label.clone(), offset: driven.parse()? };
    let config = GpioConfig { place, active_low: false, drive: Drive::PushPull, bias: None };
    let mut driver = gpio::open_output(&config, Level::On(false))?;

    let (mut calls, mut drivers) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        calls.push(time(|on| Ok(handle.set_value(u8::from(on))?))?);
        drivers.push(time(|on| Ok(driver.set(Level::On(on))?))?);
    }
    println!("{} {}", median(&mut calls)?.as_nanos(), median(&mut drivers)?.as_nanos());
    Ok(())
}

/// Returns the average time that is needed to set the GPIO line once.
fn time(mut set: impl FnMut(bool) -> Result<()>) -> Result<Duration> {
    let began = Instant::now();
    for number in 0..SETTINGS {
        set(number % 2 == 0)?;
    }
    Ok(began.elapsed() / SETTINGS)
}

fn median(times: &mut [Duration]) -> Result<Duration> {
    ensure!(!times.is_empty(), "nothing was measured");
    times.sort();
    times.get(times.len() / 2).copied().context("nothing was measured")
}
