//! Signs readings and receipts with the device's key. Everyone who has the device's identity can verify them without
//! the edge.
//!
//! Each statement contains the id of the agent's run and a number, so that a missing receipt is visible. The agent signs
//! a limited number of readings, because a signature takes milliseconds on a small board.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use pinlatch_protocol::agent::{Outcome, no_reading};
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::command::CommandClaims;
use pinlatch_token::reading::Reading;
use pinlatch_token::receipt::{Receipt, command_digest};
use pinlatch_token::statement::{Moment, TimeSource};
use pinlatch_token::{Refusal, SigningKey, random_id};
use tokio::time::Instant;

use crate::clock::EdgeClock;
use crate::rate::{Rate, Used};

/// The rate of the readings that callers ask for.
const ASKED: Rate = Rate { every: Duration::from_millis(50), at_once: 300 };
/// The rate of the readings that lines with `signed = true` report, over all lines.
const REPORTED: Rate = Rate { every: Duration::from_millis(200), at_once: 30 };

/// The level of a line, with the time of its measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    pub level: Level,
    pub at: Instant,
    /// The unit of a sensor.
    pub unit: Option<String>,
}

/// The numbers of the statements in one run of the agent. They continue when the agent connects again.
#[derive(Debug)]
pub struct Run {
    /// A random id of this run.
    boot: String,
    readings: Cell<u64>,
    receipts: Cell<u64>,
    asked: RefCell<Used>,
    reported: RefCell<Used>,
}

impl Run {
    pub fn boot(&self) -> &str {
        &self.boot
    }
}

impl Default for Run {
    fn default() -> Self {
        Self {
            boot: random_id(),
            readings: Cell::default(),
            receipts: Cell::default(),
            asked: RefCell::default(),
            reported: RefCell::default(),
        }
    }
}

/// The reason for which a reading is signed. Each reason has its own rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion<'a> {
    /// A caller has asked for the reading, possibly with a nonce.
    Asked { nonce: Option<&'a str> },
    /// The level of a line with `signed = true` has changed.
    Reported,
}

/// Signs the statements of one device.
pub struct Statements {
    key: SigningKey,
    site: Name,
    device: Name,
    run: Rc<Run>,
}

impl Statements {
    pub fn new(key: SigningKey, site: Name, device: Name, run: Rc<Run>) -> Self {
        Self { key, site, device, run }
    }

    /// Signs a reading of a line. If the agent has just signed many readings, the function returns the code
    /// [`no_reading::BUSY`].
    pub fn reading(
        &self,
        line: &Name,
        measured: Measurement,
        occasion: Occasion<'_>,
        (clock, boot_ms): (&EdgeClock, u64),
    ) -> Result<String, &'static str> {
        let now = Instant::now();
        let (used, rate, nonce) = match occasion {
            Occasion::Asked { nonce } => (&self.run.asked, ASKED, nonce),
            Occasion::Reported => (&self.run.reported, REPORTED, None),
        };
        if !used.borrow_mut().admit(rate, now) {
            return Err(no_reading::BUSY);
        }
        let moment = self.moment(&self.run.readings, clock, boot_ms);
        let age = u64::try_from(now.saturating_duration_since(measured.at).as_millis()).unwrap_or(u64::MAX);
        let reading = Reading {
            line: line.clone(),
            level: measured.level,
            measured_ms: moment.at_ms.saturating_sub(age),
            unit: measured.unit,
            moment,
            nonce: nonce.map(Into::into),
        };
        reading.sign(&self.key, &self.site, &self.device).map_err(|refusal| {
            log(&refusal);
            no_reading::BUSY
        })
    }

    /// Signs a receipt for the outcome of a verified command.
    pub fn receipt(
        &self,
        jwt: &str,
        claims: &CommandClaims,
        outcome: &Outcome,
        (clock, boot_ms): (&EdgeClock, u64),
    ) -> Option<String> {
        let receipt = Receipt {
            command: outcome.id.clone(),
            digest: command_digest(jwt),
            line: claims.line.clone(),
            action: claims.action.clone(),
            args: claims.args.clone(),
            status: outcome.status,
            code: outcome.code.clone(),
            level: outcome.level,
            moment: self.moment(&self.run.receipts, clock, boot_ms),
        };
        receipt.sign(&self.key, &self.site, &self.device).inspect_err(log).ok()
    }

    /// Takes the next number. The time is edge time, because the agent makes statements only while it is connected.
    fn moment(&self, number: &Cell<u64>, clock: &EdgeClock, boot_ms: u64) -> Moment {
        let n = number.get().saturating_add(1);
        number.set(n);
        Moment {
            at_ms: clock.estimate_ms(boot_ms),
            source: TimeSource::Edge,
            uncertainty_ms: Some(clock.uncertainty_ms(boot_ms)),
            boot: self.run.boot.clone(),
            n,
        }
    }
}

fn log(refusal: &Refusal) {
    tracing::error!(code = refusal.code(), %refusal, "the agent could not sign a statement");
}

#[cfg(test)]
mod tests {
    use pinlatch_token::identity::{self, DeviceIdentity};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn readings_are_counted_and_limited_by_their_occasion() {
        let (root, key) = (SigningKey::generate(), SigningKey::generate());
        let (site, device, line) =
            (Name::new("home").unwrap(), Name::new("porch").unwrap(), Name::new("heat").unwrap());
        let identity = identity::sign(&root, &site, &device, &key.public(), 1).unwrap();
        let identity = DeviceIdentity::verify(&identity, &root.public(), &site, None).unwrap();
        let run = Rc::new(Run::default());
        let statements = Statements::new(key.clone(), site.clone(), device.clone(), Rc::clone(&run));
        let clock = EdgeClock::new(1_790_000_000_000, 0, 0);
        let measured =
            Measurement { level: Level::Number(23.5), at: Instant::now(), unit: Some("°C".into()) };
        tokio::time::advance(Duration::from_secs(30)).await;
        let sign = |occasion| statements.reading(&line, measured.clone(), occasion, (&clock, 30_000));
        let signed = sign(Occasion::Asked { nonce: Some("0123456789abcdef") }).unwrap();
        let reading = Reading::verify(&signed, &identity, Some("0123456789abcdef")).unwrap();
        assert_eq!((reading.moment.n, reading.moment.boot.as_str()), (1, run.boot.as_str()));
        assert_eq!(reading.moment.at_ms - reading.measured_ms, 30_000, "the measurement was 30 s ago");
        for n in 0..REPORTED.at_once {
            assert!(sign(Occasion::Reported).is_ok(), "{n}");
        }
        assert_eq!(sign(Occasion::Reported), Err(no_reading::BUSY));
        // A new connection continues the numbers, and other occasions have their own rate.
        let again = Statements::new(key, site, device, run);
        let asked = again
            .reading(&line, measured.clone(), Occasion::Asked { nonce: None }, (&clock, 30_000))
            .unwrap();
        let n = Reading::verify(&asked, &identity, None).unwrap().moment.n;
        assert_eq!(n, u64::from(REPORTED.at_once) + 2);
        tokio::time::advance(REPORTED.every).await;
        assert!(sign(Occasion::Reported).is_ok());
        // A nonce that no caller can have sent is refused, and nothing is signed.
        assert_eq!(sign(Occasion::Asked { nonce: Some("short") }), Err(no_reading::BUSY));
    }
}
