//! The handle with which the parts of a line's view read the state of the line and run its actions.

use leptos::prelude::*;
use pinlatch_protocol::line::{Action, Authority, Level, LineKind};
use pinlatch_protocol::panel::LineView;

use crate::live::Panel;
use crate::model::{CommandState, Key, Pressed, Pulse};
use crate::prefs::Press;
use crate::ui::dialog::Question;
use crate::{platform, words};

/// The duration of a fade to a preset, in milliseconds.
const FADE_MS: u32 = 400;

/// The time after which a level no longer changes, in milliseconds.
const RESTING_MS: u64 = 2_000;

/// A handle for one line, which all parts of the line's view share. The handle is cheap to copy, because it contains
/// only signals.
#[derive(Clone, Copy)]
pub struct Handle {
    panel: Panel,
    key: StoredValue<Key>,
    pub kind: LineKind,
    pub view: Memo<Option<LineView>>,
    pub command: Memo<CommandState>,
    pub online: Memo<bool>,
    /// Whether no command can be sent any more with the viewer's token.
    used_up: Memo<bool>,
}

impl Handle {
    pub fn new(panel: Panel, key: Key, kind: LineKind) -> Self {
        let key = StoredValue::new(key);
        let of = move || key.get_value();
        Self {
            panel,
            key,
            kind,
            view: Memo::new(move |_| panel.of_line(&of(), |model| model.line(&of()).cloned())),
            command: Memo::new(move |_| panel.of_line(&of(), |model| model.command_state(&of()))),
            used_up: Memo::new(move |_| panel.model.with(|model| model.uses_left() == Some(0))),
            online: Memo::new(move |_| {
                panel.model.with(|model| model.device(&of().device).is_some_and(|device| device.online))
            }),
        }
    }

    pub fn level(&self) -> Option<Level> {
        self.view.with(|view| view.as_ref().and_then(|view| view.reported))
    }

    pub fn is_on(&self) -> bool {
        self.level() == Some(Level::On(true))
    }

    pub fn reported(&self) -> String {
        self.view.with(|view| view.as_ref().map(words::reported)).unwrap_or_default()
    }

    pub fn pulse(&self) -> Option<Pulse> {
        let now = self.panel.now.get();
        self.key.with_value(|key| self.panel.of_line(key, |model| model.pulse(key, now)))
    }

    /// Returns the elapsed time of the pulse, in milliseconds. The caller is not subscribed to changes of the pulse.
    pub fn pulse_gone(&self) -> u32 {
        let pulse = self
            .panel
            .model
            .with_untracked(|model| self.key.with_value(|key| model.pulse(key, platform::now_ms())));
        pulse.map_or(0, |pulse| pulse.gone_ms)
    }

    pub fn pressed(&self) -> Option<Pressed> {
        let now = self.panel.now.get();
        self.key.with_value(|key| self.panel.of_line(key, |model| model.pressed(key, now)))
    }

    /// Returns the curve of a sensor's readings since the page was opened. The first text is an SVG path, and the
    /// second text is the range of the readings.
    pub fn trace(&self) -> Option<(String, String)> {
        // The curve is redrawn with each reading. In addition, the caller redraws the curve every ten seconds.
        self.view.track();
        let now = platform::now_ms();
        let drawn = self.panel.model.with_untracked(|model| {
            let trace = self.key.with_value(|key| model.trace(key))?;
            Some((trace.path(now)?, trace.range()?))
        });
        let (path, (least, most)) = drawn?;
        let words = self.view.with(|view| {
            let view = view.as_ref()?;
            Some(words::line::range(view, least, most))
        });
        Some((path, words?))
    }

    pub fn ten_seconds(&self) -> u64 {
        self.panel.now.get() / 10_000
    }

    /// Returns an action that sets a level with a short fade. The fade is not longer than the line's `max_on_ms`.
    pub fn fade(&self, level: Level) -> Action {
        let most = self.view.with_untracked(|view| view.as_ref().and_then(|view| view.max_on_ms));
        Action::Set { level, fade_ms: most.map_or(FADE_MS, |most| most.min(FADE_MS)) }
    }

    pub fn panel(&self) -> Panel {
        self.panel
    }

    pub fn key(&self) -> Key {
        self.key.get_value()
    }

    /// Returns the id of the line as `DEVICE/LINE`, which is the form in the preferences.
    pub fn id(&self) -> String {
        self.key.with_value(ToString::to_string)
    }

    pub fn press(&self) -> Press {
        self.panel.prefs.with(|prefs| prefs.press(&self.id()))
    }

    /// Runs an action. If the preferences require a confirmation, the action runs only after the confirmation.
    pub fn ask_first(&self, word: &str, action: Action) {
        let line = *self;
        let asks = self.panel.prefs.with_untracked(|prefs| prefs.asks(&self.id()));
        if !asks {
            return line.ask(action);
        }
        let (title, text) = self.key.with_value(|key| words::question(word, &key.device, &key.line));
        let act = Callback::new(move |()| line.ask(action));
        self.panel.question.set(Some(Question { title, text, yes: word.into(), act }));
    }

    /// Whether the viewer has permission for an action.
    pub fn may(&self, action: &str) -> bool {
        self.view.with(|view| view.as_ref().is_some_and(|view| view.actions.iter().any(|own| own == action)))
    }

    /// Whether only the holder of a key can operate the line. The panel has no such key.
    pub fn needs_holder(&self) -> bool {
        let is_holders = |view: &LineView| view.authority == Authority::Holder;
        self.view.with(|view| view.as_ref().is_some_and(is_holders))
    }

    pub fn is_pending(&self) -> bool {
        self.command.with(|state| state.pending.is_some())
    }

    /// Whether the device is online and has reported no level.
    pub fn is_unknown(&self) -> bool {
        self.level().is_none() && !self.is_stale()
    }

    /// Returns the desired level if it differs from the reported level. While the reported level changes, for example
    /// in a fade or while a lamp blinks, the two are not compared.
    pub fn differing(&self) -> Option<Level> {
        let (desired, changed_ms) = self.view.with(|view| {
            let view = view.as_ref()?;
            let desired = view.desired.filter(|desired| !view.blinking && Some(*desired) != view.reported);
            Some((desired?, view.changed_ms))
        })?;
        let now = self.panel.now.get();
        let edge_ms = self.panel.model.with_untracked(|model| model.edge_ms(now));
        let rests = changed_ms.is_none_or(|changed_ms| edge_ms.saturating_sub(changed_ms) >= RESTING_MS);
        rests.then_some(desired)
    }

    /// Whether the displayed level may be out of date.
    pub fn is_stale(&self) -> bool {
        !self.online.get() || !self.panel.is_connected()
    }

    /// Returns the reason why an action is not possible now. Returns `None` if the action is possible.
    pub fn hindrance(&self, action: &str) -> Option<&'static str> {
        if !self.panel.is_connected() {
            Some(words::line::hindrance::NOT_CONNECTED)
        } else if self.used_up.get() {
            Some(words::guest::USED_UP)
        } else if self.needs_holder() {
            Some(words::line::hindrance::HOLDER)
        } else if !self.may(action) {
            Some(words::line::hindrance::READ_ONLY)
        } else if !self.online.get() {
            Some(words::line::hindrance::OFFLINE)
        } else {
            None
        }
    }

    /// Runs an action, unless a command is pending or the action is not possible.
    pub fn ask(&self, action: Action) {
        let ready = untrack(|| self.hindrance(action.name()).is_none() && !self.is_pending());
        if ready {
            self.panel.ask(self.key(), action);
        }
    }

    pub fn dismiss(&self) {
        self.panel.dismiss(&self.key());
    }

    /// Returns the `data-testid` of a control.
    pub fn test_id(&self, action: &str) -> String {
        self.key.with_value(|key| format!("action-{}-{}-{action}", key.device, key.line))
    }

    pub fn name(&self) -> String {
        self.key.with_value(|key| key.line.to_string())
    }

    /// Returns the accessible name of a control, for example `Open for 3 s, Door`.
    pub fn label(&self, word: &str) -> String {
        words::about(word, &words::title(&self.name()))
    }

    /// Returns the last command of the line in words.
    pub fn last(&self) -> Option<String> {
        self.view.with(|view| {
            let view = view.as_ref().filter(|view| view.last.is_some())?;
            let now = self.panel.now.get();
            self.panel.model.with_untracked(|model| {
                let viewer = model.whoami.as_ref().map_or("", |whoami| whoami.sub.as_str());
                words::line::last(view, model.edge_ms(now), viewer)
            })
        })
    }

    /// Returns the remaining time of the level or, if the level has no scheduled end, the time since its last change, by
    /// the clock of the edge. The button of a momentary line shows the remaining time itself.
    pub fn since(&self) -> Option<String> {
        match self.pulse().filter(|_| self.kind != LineKind::Momentary) {
            Some(pulse) => Some(words::pulse_left(&pulse)),
            None => self.changed(),
        }
    }

    fn changed(&self) -> Option<String> {
        let changed_ms = self.view.with(|view| view.as_ref().and_then(|view| view.changed_ms))?;
        let edge_ms = self.panel.model.with(|model| model.edge_ms(self.panel.now.get()));
        Some(words::ago(edge_ms.saturating_sub(changed_ms)))
    }
}
