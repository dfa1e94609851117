//! Sends the edge the state of the device: the hello message, the events of lines, readings, and reports about rules.

use pinlatch_protocol::agent::{FromAgent, MachineInfo, Outcome};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::rule::{RULES_IN_FRAME, RuleRun};

use super::Session;
use crate::clock::boot_ms;
use crate::lines::{Event, LineEvent};
use crate::rules::{Ran, RanAt};
use crate::statements::{Measurement, Occasion};
use crate::uplink::link_error::LinkError;

impl Session<'_> {
    /// Sends a hello message with the lines, the given outcomes and information about the machine, and then the rules.
    pub(super) async fn describe(&mut self, outcomes: Vec<Outcome>) -> Result<(), LinkError> {
        let version = env!("CARGO_PKG_VERSION").into();
        let up_ms = boot_ms();
        let machine = MachineInfo {
            up_s: Some(up_ms / 1_000),
            clock_ahead_ms: Some(self.trust.clock.ahead_of(self.context.wall, up_ms).saturating_neg()),
            agent_up_s: Some(self.context.telemetry.started().elapsed().as_secs()),
        };
        let warnings = self.context.telemetry.reported_warnings();
        let (lines, rules) = (self.lines().infos(), self.lines().rules());
        let count = u32::try_from(rules.len()).unwrap_or(u32::MAX);
        self.send(&FromAgent::Hello { version, lines, outcomes, machine, warnings, rules: count }).await?;
        let mut first = 0;
        for rules in rules.chunks(RULES_IN_FRAME) {
            self.send(&FromAgent::Rules { first, rules: rules.to_vec() }).await?;
            first += u32::try_from(rules.len()).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    /// Answers a question with a signed reading of the line, or with the reason why the device signs none.
    pub(super) async fn answer(
        &mut self,
        question: String,
        line: &Name,
        nonce: Option<&str>,
    ) -> Result<(), LinkError> {
        let time = (&self.trust.clock, boot_ms());
        let reading = self
            .lines()
            .measure(line)
            .and_then(|measured| self.statements.reading(line, measured, Occasion::Asked { nonce }, time));
        let (jwt, code) = match reading {
            Ok(jwt) => (Some(jwt), None),
            Err(code) => (None, Some(code.into())),
        };
        self.send(&FromAgent::Reading { question, jwt, code }).await
    }

    /// Signs the level of an event, if the line has the setting `signed`.
    fn sign_event(&self, event: &Event) -> Option<String> {
        let LineEvent::Level(level) = event.news else { return None };
        if !self.lines().is_signed(&event.line) {
            return None;
        }
        let unit = self.lines().measure(&event.line).ok().and_then(|measured| measured.unit);
        let measured = Measurement { level: level?, at: event.at, unit };
        let time = (&self.trust.clock, boot_ms());
        self.statements.reading(&event.line, measured, Occasion::Reported, time).ok()
    }

    pub(super) async fn report(&mut self, event: Event) -> Result<(), LinkError> {
        let ago = u64::try_from(event.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let at_ms = self.trust.clock.estimate_ms(boot_ms()).saturating_sub(ago);
        let reading = self.sign_event(&event);
        let line = event.line;
        self.context.telemetry.count(|counters| counters.events += 1);
        self.send(&match event.news {
            LineEvent::Level(level) => {
                let (ends_in_ms, blinking) = (event.course.ends_in_ms(event.at), event.course.blinking);
                FromAgent::Event { line, level, at_ms, ends_in_ms, blinking, reading }
            }
            LineEvent::Press { long } => FromAgent::Press { line, long, at_ms },
            LineEvent::LeftOut(count) => FromAgent::LeftOut { line, count },
        })
        .await
    }

    /// Reports what a rule did. After many reports, the edge confirms them before the next regular ping.
    pub(super) async fn report_run(&mut self, ran: Ran) -> Result<(), LinkError> {
        let now_ms = self.trust.clock.estimate_ms(boot_ms());
        let ago = |ago_ms| Some(now_ms.saturating_sub(ago_ms));
        let at_ms = match ran.at {
            RanAt::Now(at) => ago(u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)),
            RanAt::SinceBoot(up_ms) => ago(boot_ms().saturating_sub(up_ms)),
            RanAt::Wall(ms) => Some(ms),
            RanAt::Unknown => None,
        };
        self.send(&FromAgent::RuleRun(RuleRun { at_ms, ..ran.run })).await?;
        if self.lines().is_ping_due() {
            self.ping().await?;
        }
        Ok(())
    }
}
