//! The panel's data: the devices as they were last reported, and the commands that this panel has sent.
//!
//! The displayed level of a line is always a reported level. A command does not change the displayed level. The command
//! is pending until the edge answers, and the new level arrives as an event.

mod command_state;
pub mod map;
mod presence;
#[cfg(test)]
mod tests;
pub mod trace;

use std::fmt;

use pinlatch_protocol::api::Whoami;
use pinlatch_protocol::command::{CommandRequest, CommandResult, MIN_DEADLINE_MS};
use pinlatch_protocol::line::{Action, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{Change, DeviceView, LineView, ToPanel};

use crate::link::SocketId;
use crate::visit::Visitor;
use command_state::Queries;
pub use command_state::{Answer, CommandOutcome, CommandState, Pending, Pressed, Pulse};
use map::Map;
pub use presence::Presence;
use trace::Trace;

/// The time for which the edge certainly stores a command, in milliseconds.
const KEPT_MS: u64 = 600_000;

const PRESS_SHOWN_MS: u64 = 6_000;

/// The time for which a level can outlast its scheduled end, in milliseconds, until the report of the next level
/// arrives. After this time, the end is no longer shown, because the device is probably offline.
const ENDING_MS: u64 = 2_000;

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

/// The effect of a frame on the model. The effect determines the next step of the caller.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelUpdate {
    /// The caller has nothing more to do.
    Facts,
    /// A snapshot replaced all data. The field is the remaining validity of the token, in milliseconds.
    Snapshot(u64),
    /// An event is missing, so the panel needs a new snapshot.
    Gap,
    /// A command on this line has ended.
    Answered(Key),
    /// This contact was pressed. The second field is `true` for a long press.
    Pressed(Key, bool),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    /// The identity and the permissions of the viewer. This field is `None` before the first snapshot.
    pub whoami: Option<Whoami>,
    devices: Map<Name, DeviceView>,
    command_states: Map<Key, CommandState>,
    presses: Map<Key, Pressed>,
    traces: Map<Key, Trace>,
    /// The round-trip time of each device's last command, in milliseconds.
    answered: Map<Name, u64>,
    /// A counter that increases whenever a device or a line is added, removed or replaced.
    shape: u64,
    seq: u64,
    /// The difference between edge time and the panel's clock, in milliseconds. The difference is positive if edge time
    /// is later.
    skew_ms: i64,
}

impl Model {
    /// Whether the panel has received a snapshot.
    pub fn is_filled(&self) -> bool {
        self.whoami.is_some()
    }

    /// Returns the remaining validity of the viewer's token, in milliseconds.
    pub fn left_ms(&self, now_ms: u64) -> Option<u64> {
        let until_ms = self.whoami.as_ref()?.exp.saturating_mul(1_000);
        Some(until_ms.saturating_sub(self.edge_ms(now_ms)))
    }

    /// Returns the number of commands that can still be sent with the viewer's token. Returns `None` if the number is
    /// unlimited.
    pub fn uses_left(&self) -> Option<u32> {
        self.whoami.as_ref()?.uses_left
    }

    fn is_guests(&self) -> bool {
        self.whoami.as_ref().is_some_and(|whoami| Visitor::of_subject(&whoami.sub) == Visitor::Guest)
    }

    /// Returns the names of the devices to show, in alphabetical order. For a guest, devices without visible lines are
    /// left out.
    pub fn names(&self) -> Vec<Name> {
        let all = !self.is_guests();
        let shown =
            self.devices.iter().map(|(_, device)| device).filter(|device| all || !device.lines.is_empty());
        shown.map(|device| device.name.clone()).collect()
    }

    pub fn device(&self, name: &Name) -> Option<&DeviceView> {
        self.devices.get(name)
    }

    /// Returns the presence of a device. A device that is not on the board is offline.
    pub fn presence(&self, name: &Name) -> Presence {
        self.device(name).map_or(Presence::Offline, Presence::of)
    }

    pub fn line(&self, key: &Key) -> Option<&LineView> {
        self.devices.get(&key.device)?.lines.iter().find(|line| line.name == key.line)
    }

    /// Returns the round-trip time of the last command that this panel sent to a device, in milliseconds. A command
    /// that the edge refused is not measured, because the command did not reach the device.
    pub fn answered_in(&self, device: &Name) -> Option<u64> {
        self.answered.get(device).copied()
    }

    /// Returns a number that changes whenever the set of devices or lines changes.
    pub fn shape(&self) -> u64 {
        self.shape
    }

    pub fn command_state(&self, key: &Key) -> CommandState {
        self.command_states.get(key).cloned().unwrap_or_default()
    }

    /// Returns the last press of a contact. Returns `None` when `PRESS_SHOWN_MS` have passed since the press.
    pub fn pressed(&self, key: &Key, now_ms: u64) -> Option<Pressed> {
        let shown = |press: &&Pressed| now_ms.saturating_sub(press.told_ms) < PRESS_SHOWN_MS;
        self.presses.get(key).filter(shown).copied()
    }

    /// Returns the readings of a sensor since the page was opened.
    pub fn trace(&self, key: &Key) -> Option<&Trace> {
        self.traces.get(key)
    }

    /// Returns the running pulse of a line, or another level that the device will end. Returns `None` if no end is
    /// scheduled, if the device did not report the end, or if the end has passed and the level is out of date.
    pub fn pulse(&self, key: &Key, now_ms: u64) -> Option<Pulse> {
        let line = self.line(key)?;
        let (began_ms, ends_ms) = (line.changed_ms?, line.ends_ms?);
        let now_ms = self.edge_ms(now_ms);
        if now_ms >= ends_ms.saturating_add(ENDING_MS) {
            return None;
        }
        let small = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
        let ms = small(ends_ms.saturating_sub(began_ms));
        Some(Pulse { ms, gone_ms: small(now_ms.saturating_sub(began_ms)).min(ms) })
    }

    /// Converts a time of the panel's clock to edge time, in milliseconds of Unix time.
    pub fn edge_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.skew_ms)
    }

    pub fn apply(&mut self, frame: ToPanel, local_ms: u64) -> ModelUpdate {
        match frame {
            ToPanel::Snapshot { seq, now_ms, whoami, devices } => {
                let life_ms = whoami.exp.saturating_mul(1_000).saturating_sub(now_ms);
                self.seq = seq;
                self.skew_ms = i64::try_from(now_ms).unwrap_or(0) - i64::try_from(local_ms).unwrap_or(0);
                self.whoami = Some(*whoami);
                self.devices = Map::default();
                devices.into_iter().for_each(|device| self.devices.insert(device.name.clone(), device));
                self.shape += 1;
                self.forget_removed();
                self.follow_sensors(local_ms);
                self.query_results_of(None);
                ModelUpdate::Snapshot(life_ms)
            }
            ToPanel::Event { seq, after, change, .. } => {
                if seq <= self.seq {
                    return ModelUpdate::Facts;
                }
                // The viewer is not allowed to see the events between `after` and `seq`.
                let whole = after.unwrap_or(seq.saturating_sub(1)) <= self.seq;
                self.seq = seq;
                // The event is applied even if an earlier event is missing, because each event contains a complete
                // state.
                let known = self.change(change, local_ms);
                if known && whole { ModelUpdate::Facts } else { ModelUpdate::Gap }
            }
            ToPanel::Press { device, line, long, .. } => {
                let key = Key { device, line };
                if self.line(&key).is_none() {
                    return ModelUpdate::Facts;
                }
                let count = self.pressed(&key, local_ms).map_or(0, |press| press.count).saturating_add(1);
                self.presses.insert(key.clone(), Pressed { long, count, told_ms: local_ms });
                ModelUpdate::Pressed(key, long)
            }
            // The board shows the level of the line's event. A signed reading is for programs that store it.
            ToPanel::Reading { .. } => ModelUpdate::Facts,
            ToPanel::Uses { left } => {
                if let Some(whoami) = &mut self.whoami {
                    whoami.uses_left = Some(left);
                }
                ModelUpdate::Facts
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

    /// Records the round-trip time of a command, if the device answered the command.
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

    /// Applies a change. Returns `false` if the model does not contain the device or line of the change.
    fn change(&mut self, change: Change, local_ms: u64) -> bool {
        let about = match &change {
            Change::Presence { device, .. } | Change::Line { device, .. } => Some(device),
            Change::Device { device } => Some(&device.name),
            Change::Removed { .. } | Change::Hidden => None,
        };
        if let Some(device) = about {
            self.query_results_of(Some(device));
        }
        match change {
            Change::Device { device } => {
                self.devices.insert(device.name.clone(), *device);
                self.shape += 1;
                self.forget_removed();
                self.follow_sensors(local_ms);
            }
            Change::Removed { device } => {
                self.devices.remove(&device);
                self.shape += 1;
                self.forget_removed();
            }
            Change::Presence { device, online, answering, last_seen_ms } => {
                let Some(known) = self.devices.get_mut(&device) else { return false };
                (known.online, known.answering) = (online, answering);
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
                *place = *line;
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

    /// Queues a command for [`Model::to_send`]. The command is ignored while another command on the same line is
    /// pending.
    pub fn ask(&mut self, key: Key, id: String, action: Action, now_ms: u64) {
        self.command_states.change(&key, |state| {
            if state.pending.is_none() {
                state.pending = Some(Pending { id, action, asked_ms: now_ms, sent_on: None });
                state.answer = None;
            }
        });
    }

    /// Returns the commands to send on this socket: new commands, and commands that an earlier socket may have lost.
    /// The edge answers a repeated command id with the first result, so no command runs twice. A command is not sent if
    /// too little time remains until its deadline.
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
                call: None,
            });
        }
        requests
    }

    /// Whether any command is pending.
    pub fn is_waiting(&self) -> bool {
        self.command_states.iter().any(|(_, state)| state.pending.is_some())
    }

    /// Ends overdue commands and returns the lines of these commands.
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
                late: false,
                queries: Queries::from(sent),
            });
            keys.push(key.clone());
        }
        keys
    }

    /// Returns the lines whose last command has a result in doubt, with the answers.
    fn doubts(&mut self) -> impl Iterator<Item = (&Key, &mut Answer)> {
        let answers =
            self.command_states.iter_mut().filter_map(|(key, state)| Some((key, state.answer.as_mut()?)));
        answers.filter(|(_, answer)| answer.outcome.is_doubt())
    }

    /// Returns the ids of the commands whose results are in doubt. The caller must query these results from the edge.
    /// The time until an id is returned again increases.
    pub fn take_status_queries(&mut self, now_ms: u64) -> Vec<String> {
        self.doubts().filter_map(|(_, a)| a.queries.take(now_ms).then(|| a.id.clone())).collect()
    }

    /// Makes the results of a device's commands be queried at once, because the device has just sent something.
    fn query_results_of(&mut self, device: Option<&Name>) {
        for (_, answer) in self.doubts().filter(|(key, _)| device.is_none_or(|device| key.device == *device))
        {
            answer.queries.due = true;
        }
    }

    /// Handles that the edge does not know a command. Either the command did not reach the edge, or the edge has deleted
    /// an old command. The result of an old command stays in doubt.
    pub fn command_missing(&mut self, id: &str, now_ms: u64) -> ModelUpdate {
        let Some((_, answer)) = self.doubts().find(|(_, answer)| answer.id == id) else {
            return ModelUpdate::Facts;
        };
        if answer.outcome == CommandOutcome::NoAnswer && now_ms.saturating_sub(answer.asked_ms) < KEPT_MS {
            return self.settle(id, CommandOutcome::NotArrived);
        }
        answer.queries.ended = true;
        ModelUpdate::Facts
    }

    /// Applies the result of a command. The result was received on the socket or from the HTTP API.
    pub fn settle_result(&mut self, result: &CommandResult) -> ModelUpdate {
        match CommandOutcome::of(result.status, result.code.as_deref()) {
            Some(outcome) => self.settle(&result.id, outcome),
            None => ModelUpdate::Facts,
        }
    }

    /// Ends a command with an outcome. If the command has already ended, corrects its outcome, because a late report
    /// can replace the outcome `unknown`.
    pub fn settle(&mut self, id: &str, outcome: CommandOutcome) -> ModelUpdate {
        for (key, state) in self.command_states.iter_mut() {
            if let Some(pending) = state.pending.take_if(|pending| pending.id == id) {
                let Pending { id, action, asked_ms, .. } = pending;
                let queries = Queries::default();
                state.answer = Some(Answer { id, action, outcome, asked_ms, late: false, queries });
                return ModelUpdate::Answered(key.clone());
            }
            if let Some(answer) = state.answer.as_mut().filter(|answer| answer.id == id) {
                if answer.outcome == outcome {
                    return ModelUpdate::Facts;
                }
                answer.late = answer.outcome.is_doubt() && !outcome.is_doubt();
                answer.outcome = outcome;
                return ModelUpdate::Answered(key.clone());
            }
        }
        ModelUpdate::Facts
    }

    /// Removes the answer to the last command on a line.
    pub fn dismiss(&mut self, key: &Key) {
        if let Some(state) = self.command_states.get_mut(key) {
            state.answer = None;
        }
    }
}
