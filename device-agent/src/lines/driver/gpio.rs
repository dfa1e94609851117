//! Drives GPIO lines through the kernel's GPIO character device with the crate `gpio-cdev`.
//!
//! A GPIO line is identified by its name, such as `GPIO17`, or by the label of its chip and an offset. Chip numbers are
//! not used, because the same chip can have another number under another kernel. On a Raspberry Pi, the kernel
//! continues to drive an output that the agent has released. This module therefore does not rely on the kernel to reset
//! a GPIO line.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use gpio_cdev::{
    AsyncLineEventHandle, Chip, EventRequestFlags, EventType, Line, LineHandle, LineRequestFlags, chips,
};
use pinlatch_protocol::line::Level;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::interface::{Driver, DriverError, Input, Signal, Watch, list};
use crate::config::{Bias, Drive, GpioConfig, GpioPlace};

/// The name that other programs see as the user of the agent's GPIO lines.
const CONSUMER: &str = "pinlatch-agent";

impl From<gpio_cdev::Error> for DriverError {
    fn from(error: gpio_cdev::Error) -> Self {
        Self(error.to_string())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChipInfo {
    pub path: PathBuf,
    /// The label of the GPIO chip, which stays the same between kernels.
    pub label: String,
    /// The GPIO lines of the chip in the order of their offsets.
    pub lines: Vec<LineInfo>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineInfo {
    /// The name of the GPIO line. The value is `None` if the device tree does not define a name.
    pub name: Option<String>,
    /// The name of the program that uses the GPIO line.
    pub consumer: Option<String>,
    pub used: bool,
}

/// Lists all GPIO chips that can be opened. Each chip is listed only once. A Raspberry Pi 5 has symbolic links with old
/// chip numbers, which lead to chips that are already listed.
pub fn survey() -> Result<Vec<ChipInfo>, DriverError> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut closed = None;
    for chip in chips()? {
        let chip = match chip {
            Ok(chip) => chip,
            Err(error) => {
                closed = Some(error);
                continue;
            }
        };
        if !seen.insert(chip.name().to_owned()) {
            continue;
        }
        let lines = chip.lines().map(|line| {
            let info = line.info()?;
            Ok(LineInfo {
                name: info.name().map(Into::into),
                consumer: info.consumer().map(Into::into),
                used: info.is_used(),
            })
        });
        let lines = lines.collect::<Result<_, gpio_cdev::Error>>()?;
        found.push(ChipInfo { path: chip.path().into(), label: chip.label().into(), lines });
    }
    match closed {
        Some(error) if found.is_empty() => Err(DriverError(format!(
            "the GPIO chips cannot be opened (check whether this user is in the group gpio): {error}"
        ))),
        _ => {
            found.sort_by(|one, other| one.path.cmp(&other.path));
            Ok(found)
        }
    }
}

/// Finds a GPIO line. If no GPIO line matches, the error message lists the available GPIO lines or chips.
pub fn resolve<'a>(place: &GpioPlace, chips: &'a [ChipInfo]) -> Result<(&'a ChipInfo, u32), DriverError> {
    if chips.is_empty() {
        return Err(DriverError("this machine has no GPIO chip".into()));
    }
    let mut matches = Vec::new();
    for chip in chips {
        for (offset, line) in (0u32..).zip(&chip.lines) {
            let fits = match place {
                GpioPlace::Name(name) => line.name.as_ref() == Some(name),
                GpioPlace::Chip { label, offset: wanted } => chip.label == *label && *wanted == offset,
            };
            if fits {
                matches.push((chip, offset));
            }
        }
    }
    match (matches.as_slice(), place) {
        ([only], _) => Ok(*only),
        ([], GpioPlace::Name(name)) => {
            let names = chips.iter().flat_map(|chip| &chip.lines).filter_map(|line| line.name.as_deref());
            Err(DriverError(format!("no GPIO line is named {name:?}; available: {}", list(names))))
        }
        ([], GpioPlace::Chip { label, offset }) => match chips.iter().find(|chip| chip.label == *label) {
            Some(chip) => {
                Err(DriverError(format!("{label} has {} lines, and no offset {offset}", chip.lines.len())))
            }
            None => {
                let labels = list(chips.iter().map(|chip| chip.label.as_str()));
                Err(DriverError(format!("no GPIO chip has the label {label:?}; available: {labels}")))
            }
        },
        (several, _) => {
            let paths = list(several.iter().map(|(chip, _)| chip.path.to_str().unwrap_or_default()));
            Err(DriverError(format!("{place} matches several GPIO lines, on these chips: {paths}")))
        }
    }
}

pub fn open_output(gpio: &GpioConfig, start: Level) -> Result<Box<dyn Driver>, DriverError> {
    let start = u8::from(start == Level::On(true));
    let drive = match gpio.drive {
        Drive::PushPull => LineRequestFlags::empty(),
        Drive::OpenDrain => LineRequestFlags::OPEN_DRAIN,
        Drive::OpenSource => LineRequestFlags::OPEN_SOURCE,
    };
    let flags = LineRequestFlags::OUTPUT | drive | polarity(gpio);
    let handle = request(&gpio.place, |line| line.request(flags.clone(), start, CONSUMER))?;
    Ok(Box::new(GpioOutput { handle }))
}

/// Opens a contact and returns its level. Each level change of the contact is sent to `signals`.
pub fn open_contact(
    gpio: &GpioConfig,
    number: usize,
    signals: &mpsc::Sender<Signal>,
) -> Result<(bool, Watch), DriverError> {
    let flags = LineRequestFlags::INPUT | polarity(gpio) | pull(gpio.bias);
    let both = || EventRequestFlags::BOTH_EDGES;
    let handle = request(&gpio.place, |line| line.events(flags.clone(), both(), CONSUMER))?;
    let handle = AsyncLineEventHandle::new(handle)?;
    let level = handle.as_ref().get_value()? != 0;
    let watching = tokio::spawn(watch(handle, number, signals.clone()));
    Ok((level, watching.into()))
}

fn polarity(gpio: &GpioConfig) -> LineRequestFlags {
    if gpio.active_low { LineRequestFlags::ACTIVE_LOW } else { LineRequestFlags::empty() }
}

/// Returns the bits `GPIOHANDLE_REQUEST_BIAS_*` of `linux/gpio.h`, which exist since Linux 5.5. The crate `gpio-cdev`
/// has no names for the bias bits, but passes the bits to the kernel. A kernel before Linux 5.5 rejects the bias bits
/// with EINVAL.
fn pull(bias: Option<Bias>) -> LineRequestFlags {
    LineRequestFlags::from_bits_retain(match bias {
        None => 0,
        Some(Bias::PullUp) => 1 << 5,
        Some(Bias::PullDown) => 1 << 6,
        Some(Bias::Disabled) => 1 << 7,
    })
}

/// Requests a GPIO line from the kernel. If another program uses the GPIO line, the error message contains the name of
/// this program.
fn request<H>(
    place: &GpioPlace,
    ask: impl FnOnce(&Line) -> Result<H, gpio_cdev::Error>,
) -> Result<H, DriverError> {
    let chips = survey()?;
    let (chip, offset) = resolve(place, &chips)?;
    let line = Chip::new(&chip.path)?.get_line(offset)?;
    ask(&line).map_err(|error| {
        let index = usize::try_from(offset).unwrap_or(usize::MAX);
        match chip.lines.get(index) {
            Some(LineInfo { consumer: Some(holder), used: true, .. }) => {
                DriverError(format!("{place} is in use by {holder:?}: {error}"))
            }
            _ => DriverError(format!("{place}: {error}")),
        }
    })
}

struct GpioOutput {
    handle: LineHandle,
}

impl Driver for GpioOutput {
    fn set(&mut self, level: Level) -> Result<(), DriverError> {
        let Level::On(on) = level else {
            return Err(DriverError("a gpio line accepts only on and off".into()));
        };
        Ok(self.handle.set_value(u8::from(on))?)
    }
}

async fn watch(mut handle: AsyncLineEventHandle, number: usize, signals: mpsc::Sender<Signal>) {
    let mut lost = None;
    let mut flood = Flood::default();
    while lost.is_none() {
        let Some(event) = handle.next().await else { return };
        if flood.is_too_fast(Instant::now()) {
            sleep(SAMPLE_EVERY).await;
            // The edges in the meantime are skipped, because only the current level counts. The kernel's queue is
            // short, so it is empty after a few reads.
            for _ in 0..KERNEL_QUEUE {
                if handle.next().now_or_never().is_none() {
                    break;
                }
            }
        }
        let input = match (handle.as_ref().get_value(), event) {
            // The contact's current level is used instead of the level in the event. The kernel's event queue is short,
            // and the kernel drops events when the level changes too often.
            (Ok(level), Ok(_)) => Input::Edge(level != 0),
            (Err(_), Ok(event)) => Input::Edge(event.event_type() == EventType::RisingEdge),
            (_, Err(error)) => {
                lost = Some(DriverError(format!("the GPIO line can no longer be read: {error}")));
                continue;
            }
        };
        if signals.send(Signal { line: number, input }).await.is_err() {
            return;
        }
    }
    // The GPIO line must be released before the agent opens it again.
    drop(handle);
    if let Some(error) = lost {
        let _ = signals.send(Signal { line: number, input: Input::Lost(error) }).await;
    }
}

/// The number of signal edges in [`FLOOD_WINDOW`] after which a contact is sampled. A bouncing contact has fewer.
const FLOOD_EDGES: u32 = 32;
const FLOOD_WINDOW: Duration = Duration::from_millis(100);
/// The time between two samples of a contact with too many signal edges.
const SAMPLE_EVERY: Duration = Duration::from_millis(10);
/// The maximum number of events that the kernel queues for one GPIO line, in all versions of the kernel.
const KERNEL_QUEUE: usize = 64;

/// Counts the signal edges of a contact, so that a fast signal does not take the whole processor.
#[derive(Debug, Default)]
struct Flood {
    window: Option<Instant>,
    edges: u32,
}

impl Flood {
    /// Counts a signal edge. Returns whether the contact has too many signal edges.
    fn is_too_fast(&mut self, now: Instant) -> bool {
        if self.window.is_none_or(|since| now >= since + FLOOD_WINDOW) {
            *self = Self { window: Some(now), edges: 0 };
        }
        self.edges = self.edges.saturating_add(1);
        self.edges > FLOOD_EDGES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip(path: &str, label: &str, names: &[&str]) -> ChipInfo {
        let line = |name: &&str| LineInfo { name: Some((*name).into()), ..LineInfo::default() };
        ChipInfo { path: path.into(), label: label.into(), lines: names.iter().map(line).collect() }
    }

    fn by_name(name: &str) -> GpioPlace {
        GpioPlace::Name(name.into())
    }

    #[test]
    fn a_line_is_found_by_name_or_label() {
        let chips = [
            chip("/dev/gpiochip0", "raspberrypi-exp-gpio", &["BT_ON"]),
            chip("/dev/gpiochip4", "pinctrl-rp1", &["ID_SDA", "GPIO17"]),
        ];
        let (found, offset) = resolve(&by_name("GPIO17"), &chips).unwrap();
        assert_eq!((found.label.as_str(), offset), ("pinctrl-rp1", 1));
        let place = GpioPlace::Chip { label: "pinctrl-rp1".into(), offset: 0 };
        assert_eq!(resolve(&place, &chips).unwrap().1, 0);
    }

    #[test]
    fn a_fast_signal_is_sampled_and_a_bouncing_contact_is_not() {
        let (mut flood, start) = (Flood::default(), Instant::now());
        let edge = |flood: &mut Flood, us: u64| flood.is_too_fast(start + Duration::from_micros(us));
        assert!(
            (0..20).all(|number| !edge(&mut flood, number * 200)),
            "a contact bounces for some milliseconds"
        );
        // A signal of 10 kHz: most edges of each 100 ms are not handled one by one.
        let mut flood = Flood::default();
        let handled = (0..20_000).filter(|number| !edge(&mut flood, number * 50)).count();
        assert_eq!(handled, 320, "in one second");
    }

    #[test]
    fn bias_is_told_by_the_bits_that_the_kernel_knows() {
        let bits = [None, Some(Bias::PullUp), Some(Bias::PullDown), Some(Bias::Disabled)]
            .map(|bias| (LineRequestFlags::INPUT | LineRequestFlags::ACTIVE_LOW | pull(bias)).bits());
        assert_eq!(bits, [0b101, 0b10_0101, 0b100_0101, 0b1000_0101]);
    }

    #[test]
    fn errors_name_what_there_is() {
        let one = chip("/dev/gpiochip0", "pinctrl-bcm2835", &["GPIO2", "GPIO3"]);
        let error = |place: &GpioPlace, chips: &[ChipInfo]| resolve(place, chips).unwrap_err().0;
        assert!(error(&by_name("GPIO1"), std::slice::from_ref(&one)).contains("GPIO2, GPIO3"));
        let beyond = GpioPlace::Chip { label: "pinctrl-bcm2835".into(), offset: 2 };
        assert!(error(&beyond, std::slice::from_ref(&one)).contains("has 2 lines"));
        let other = GpioPlace::Chip { label: "pinctrl-rp1".into(), offset: 0 };
        assert!(error(&other, std::slice::from_ref(&one)).contains("pinctrl-bcm2835"));
        let twin = chip("/dev/gpiochip1", "pinctrl-bcm2835", &["GPIO2"]);
        let both = error(&by_name("GPIO2"), &[one, twin]);
        assert!(both.contains("/dev/gpiochip0, /dev/gpiochip1"), "{both}");
        assert!(error(&by_name("GPIO2"), &[]).contains("no GPIO chip"));
    }
}
