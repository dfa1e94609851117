//! The panel's data: devices as last reported, and commands sent from here.
//!
//! A displayed level is always a reported level. A command does not change it: the command is pending until its answer
//! comes, and the new level arrives as an event.

mod command_state;
pub mod map;
#[cfg(test)]
mod tests;
pub mod trace;

use std::fmt;

use pinlatch_protocol::api::Whoami;
use pinlatch_protocol::command::{CommandRequest, CommandResult, DEFAULT_DEADLINE_MS, MIN_DEADLINE_MS};
use pinlatch_protocol::line::{Action, Level, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{Change, DeviceView, LineView, ToPanel};

use crate::link::SocketId;
use crate::visit::Visitor;
pub use command_state::{Answer, CommandState, CommandOutcome, Pending, Pressed, Pulse};
use map::Map;
use trace::Trace;

const PRESS_SHOWN_MS: u64 = 6_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub device: Name,
    pub line: Name,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.device, self.line)
    }
}

/// The next step for the caller after a frame was applied.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelUpdate {
    /// Nothing.
    Facts,
    /// All data was replaced; the token is valid for this many milliseconds.
    Snapshot(u64),
    /// An event is missing; a new snapshot is needed.
    Gap,
    /// A command on this line has ended.
    Answered(Key),
    /// This contact was pressed; `true` for a long press.
    Pressed(Key, bool),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    /// The viewer. `None` before the first snapshot.
    pub whoami: Option<Whoami>,
    devices: Map<Name, DeviceView>,
    command_states: Map<Key, CommandState>,
    presses: Map<Key, Pressed>,
    traces: Map<Key, Trace>,
    /// Round-trip time of each device's last command, milliseconds.
    answered: Map<Name, u64>,
    /// Increases whenever a device or line is added, removed or replaced.
    shape: u64,
    seq: u64,
    /// Edge time minus the panel's clock.
    skew_ms: i64,
}

impl Model {
    /// Whether a snapshot was received.
    pub fn is_filled(&self) -> bool {
        self.whoami.is_some()
    }

    /// Remaining validity of the viewer's token, milliseconds.
    pub fn left_ms(&self, now_ms: u64) -> Option<u64> {
        let until_ms = self.whoami.as_ref()?.exp.saturating_mul(1_000);
        Some(until_ms.saturating_sub(self.edge_ms(now_ms)))
    }

    fn is_guests(&self) -> bool {
        self.whoami.as_ref().is_some_and(|whoami| Visitor::of_subject(&whoami.sub) == Visitor::Guest)
    }

    /// The devices to show, in order. Guests do not see devices without visible lines.
    pub fn names(&self) -> Vec<Name> {
        let all = !self.is_guests();
        let shown =
            self.devices.iter().map(|(_, device)| device).filter(|device| all || !device.lines.is_empty());
        shown.map(|device| device.name.clone()).collect()
    }

    pub fn device(&self, name: &Name) -> Option<&DeviceView> {
        self.devices.get(name)
    }

    pub fn line(&self, key: &Key) -> Option<&LineView> {
        self.devices.get(&key.device)?.lines.iter().find(|line| line.name == key.line)
    }

    /// Round-trip time of the last command from here, milliseconds. Refusals by the edge are not counted, because they do
    /// not measure the device.
    pub fn answered_in(&self, device: &Name) -> Option<u64> {
        self.answered.get(device).copied()
    }

    /// Changes whenever the set of devices or lines changes.
    pub fn shape(&self) -> u64 {
        self.shape
    }

    pub fn command_state(&self, key: &Key) -> CommandState {
        self.command_states.get(key).cloned().unwrap_or_default()
    }

    /// The last press of a contact, for `PRESS_SHOWN_MS`.
    pub fn pressed(&self, key: &Key, now_ms: u64) -> Option<Pressed> {
        let shown = |press: &&Pressed| now_ms.saturating_sub(press.told_ms) < PRESS_SHOWN_MS;
        self.presses.get(key).filter(shown).copied()
    }

    /// A sensor's readings since the page was opened.
    pub fn trace(&self, key: &Key) -> Option<&Trace> {
        self.traces.get(key)
    }

    /// The running pulse of a momentary line. `None` if its length is unknown.
    pub fn pulse(&self, key: &Key, now_ms: u64) -> Option<Pulse> {
        let line = self.line(key).filter(|line| line.kind == LineKind::Momentary)?;
        let began_ms = line.changed_ms.filter(|_| line.reported == Some(Level::On(true)))?;
        let state = self.command_states.get(key);
        let asked = state.and_then(|state| match (&state.pending, &state.answer) {
            (Some(pending), _) => Some((pending.action, pending.asked_ms)),
            (None, Some(answer)) if answer.outcome == CommandOutcome::Executed => {
                Some((answer.action, answer.asked_ms))
            }
            _ => None,
        });
        let own = asked.and_then(|(action, asked_ms)| match action {
            // The line switched on at about the time of our command. The clock offset is only known to within a frame's
            // travel time.
            Action::Pulse { ms } if began_ms.abs_diff(self.edge_ms(asked_ms)) < DEFAULT_DEADLINE_MS => {
                Some(ms)
            }
            _ => None,
        });
        let ms = own.or(line.max_on_ms)?;
        let gone_ms = self.edge_ms(now_ms).saturating_sub(began_ms);
        Some(Pulse { ms, gone_ms: u32::try_from(gone_ms).unwrap_or(u32::MAX).min(ms), own: own.is_some() })
    }

    /// Converts the panel's clock to edge time, milliseconds of Unix time.
    pub fn edge_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.skew_ms)
    }

    pub fn apply(&mut self, frame: ToPanel, local_ms: u64) -> ModelUpdate {
        match frame {
            ToPanel::Snapshot { seq, now_ms, whoami, devices } => {
                let life_ms = whoami.exp.saturating_mul(1_000).saturating_sub(now_ms);
                self.seq = seq;
                self.skew_ms = i64::try_from(now_ms).unwrap_or(0) - i64::try_from(local_ms).unwrap_or(0);
                self.whoami = Some(whoami);
                self.devices = Map::default();
                devices.into_iter().for_each(|device| self.devices.insert(device.name.clone(), device));
                self.shape += 1;
                self.forget_removed();
                self.follow_sensors(local_ms);
                ModelUpdate::Snapshot(life_ms)
            }
            ToPanel::Event { seq, change, .. } => {
                if seq <= self.seq {
                    return ModelUpdate::Facts;
                }
                let whole = seq == self.seq.saturating_add(1);
                self.seq = seq;
                // The event is applied even if an earlier one is missing, because it states a complete fact.
                let known = self.change(change, local_ms);
                if known && whole { ModelUpdate::Facts } else { ModelUpdate::Gap }
            }
            ToPanel::Press { device, line, long, .. } => {
                let key = Key { device, line };
                if self.line(&key).is_none() {
                    return ModelUpdate::Facts;
                }
                let count = self.presses.get(&key).map_or(0, |press| press.count).wrapping_add(1);
                self.presses.insert(key.clone(), Pressed { long, count, told_ms: local_ms });
                ModelUpdate::Pressed(key, long)
            }
            ToPanel::Result { result } => {
                self.time_answer(&result, local_ms);
                self.settle_result(&result)
            }
            ToPanel::Problem { id, problem } => {
                id.map_or(ModelUpdate::Facts, |id| self.settle(&id, CommandOutcome::of_problem(problem)))
            }
        }
    }

    /// Records the round-trip time, if the device itself answered.
    fn time_answer(&mut self, result: &CommandResult, local_ms: u64) {
        let of = CommandOutcome::of(result.status, result.code.as_deref());
        let by_device = matches!(of, Some(CommandOutcome::Executed | CommandOutcome::Refused(_)));
        let asked = |state: &CommandState| {
            state.pending.as_ref().filter(|own| own.id == result.id).map(|own| own.asked_ms)
        };
        let found =
            self.command_states.iter().find_map(|(key, state)| Some((key.device.clone(), asked(state)?)));
        if let Some((device, asked_ms)) = found.filter(|_| by_device) {
            self.answered.insert(device, local_ms.saturating_sub(asked_ms));
        }
    }

    /// Applies a change; false if its device or line is unknown here.
    fn change(&mut self, change: Change, local_ms: u64) -> bool {
        match change {
            Change::Device { device } => {
                self.devices.insert(device.name.clone(), device);
                self.shape += 1;
                self.forget_removed();
                self.follow_sensors(local_ms);
            }
            Change::Removed { device } => {
                self.devices.remove(&device);
                self.shape += 1;
                self.forget_removed();
            }
            Change::Presence { device, online, last_seen_ms } => {
                let Some(known) = self.devices.get_mut(&device) else { return false };
                known.online = online;
                known.last_seen_ms = last_seen_ms.or(known.last_seen_ms);
            }
            Change::Line { device, line } => {
                let Some(known) = self.devices.get_mut(&device) else { return false };
                let Some(place) = known.lines.iter_mut().find(|own| own.name == line.name) else {
                    return false;
                };
                if line.kind != place.kind {
                    self.shape += 1;
                }
                if line.kind == LineKind::Sensor {
                    let key = Key { device, line: line.name.clone() };
                    self.traces.change(&key, |trace| trace.push(local_ms, line.reported));
                }
                *place = line;
            }
            Change::Hidden => {}
        }
        true
    }

    /// Records the current reading of every sensor.
    fn follow_sensors(&mut self, local_ms: u64) {
        for (_, device) in self.devices.iter() {
            for line in device.lines.iter().filter(|line| line.kind == LineKind::Sensor) {
                let key = Key { device: device.name.clone(), line: line.name.clone() };
                self.traces.change(&key, |trace| trace.push(local_ms, line.reported));
            }
        }
    }

    fn forget_removed(&mut self) {
        let devices = &self.devices;
        let known = |key: &Key| {
            let device = devices.get(&key.device);
            device.is_some_and(|device| device.lines.iter().any(|line| line.name == key.line))
        };
        self.command_states.retain(known);
        self.presses.retain(known);
        self.traces.retain(known);
        self.answered.retain(|name| devices.get(name).is_some());
    }

    /// Queues a command for [`Model::to_send`]. Ignored while another command of the line is pending.
    pub fn ask(&mut self, key: Key, id: String, action: Action, now_ms: u64) {
        self.command_states.change(&key, |state| {
            if state.pending.is_none() {
                state.pending = Some(Pending { id, action, asked_ms: now_ms, sent_on: None });
                state.answer = None;
            }
        });
    }

    /// The commands to send on this socket: new ones, and those that an earlier socket may have lost. A repeated id returns
    /// the first result, so nothing runs twice. Commands without enough time left are not sent.
    pub fn to_send(&mut self, socket: SocketId, now_ms: u64) -> Vec<CommandRequest> {
        let mut requests = Vec::new();
        for (key, state) in self.command_states.iter_mut() {
            let Some(pending) = &mut state.pending else { continue };
            let left = pending.left_ms(now_ms);
            let stale = pending.sent_on.is_none() && pending.overdue(now_ms);
            if pending.sent_on == Some(socket) || left < MIN_DEADLINE_MS || stale {
                continue;
            }
            pending.sent_on = Some(socket);
            requests.push(CommandRequest {
                id: pending.id.clone(),
                device: key.device.clone(),
                line: key.line.clone(),
                action: pending.action.name().to_owned(),
                args: pending.action.args(),
                deadline_ms: Some(left),
            });
        }
        requests
    }

    /// Whether any command is pending.
    pub fn is_waiting(&self) -> bool {
        self.command_states.iter().any(|(_, state)| state.pending.is_some())
    }

    /// Ends overdue commands and returns their lines.
    pub fn give_up(&mut self, now_ms: u64) -> Vec<Key> {
        let mut keys = Vec::new();
        for (key, state) in self.command_states.iter_mut() {
            let Some(pending) = state.pending.take_if(|pending| pending.overdue(now_ms)) else { continue };
            let sent = pending.sent_on.is_some();
            state.answer = Some(Answer {
                id: pending.id,
                action: pending.action,
                asked_ms: pending.asked_ms,
                outcome: if sent { CommandOutcome::NoAnswer } else { CommandOutcome::NotSent },
                needs_status_query: sent,
            });
            keys.push(key.clone());
        }
        keys
    }

    /// The ids of unanswered commands whose result the edge must be asked for. Each is returned once.
    pub fn take_status_queries(&mut self) -> Vec<String> {
        let answers = self.command_states.iter_mut().filter_map(|(_, state)| state.answer.as_mut());
        answers.filter_map(|a| std::mem::take(&mut a.needs_status_query).then(|| a.id.clone())).collect()
    }

    /// The edge could not be reached: the id is returned again later.
    pub fn query_failed(&mut self, id: &str) {
        for answer in self.command_states.iter_mut().filter_map(|(_, state)| state.answer.as_mut()) {
            answer.needs_status_query |= answer.id == id && answer.outcome == CommandOutcome::NoAnswer;
        }
    }

    /// Applies a command's result, from the socket or from the HTTP API.
    pub fn settle_result(&mut self, result: &CommandResult) -> ModelUpdate {
        match CommandOutcome::of(result.status, result.code.as_deref()) {
            Some(outcome) => self.settle(&result.id, outcome),
            None => ModelUpdate::Facts,
        }
    }

    /// Ends a command, or corrects its result: a late report may replace `unknown`.
    pub fn settle(&mut self, id: &str, outcome: CommandOutcome) -> ModelUpdate {
        for (key, state) in self.command_states.iter_mut() {
            if let Some(pending) = state.pending.take_if(|pending| pending.id == id) {
                let Pending { id, action, asked_ms, .. } = pending;
                state.answer = Some(Answer { id, action, outcome, asked_ms, needs_status_query: false });
                return ModelUpdate::Answered(key.clone());
            }
            if let Some(answer) = state.answer.as_mut().filter(|answer| answer.id == id) {
                if answer.outcome == outcome {
                    return ModelUpdate::Facts;
                }
                answer.outcome = outcome;
                answer.needs_status_query = false;
                return ModelUpdate::Answered(key.clone());
            }
        }
        ModelUpdate::Facts
    }

    /// Removes a line's last answer.
    pub fn dismiss(&mut self, key: &Key) {
        if let Some(state) = self.command_states.get_mut(key) {
            state.answer = None;
        }
    }
}
