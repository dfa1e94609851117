//! One line: what it is, its reported level, and the control that suits its kind.

use leptos::prelude::*;
use pinlatch_protocol::line::{Action, Level, LineKind};
use pinlatch_protocol::panel::LineView;

use super::arrange::{Arrange, drop_on};
use super::colour::Colour;
use super::contact::{Contact, Press};
use super::momentary::Momentary;
use super::notice::Notices;
use super::number::Slider;
use super::sensor::Reading;
use super::switch::Switch;
use crate::board::Plate;
use crate::live::Panel;
use crate::model::{CommandState, Key, Pressed, Pulse};
use crate::prefs::Press as Pressing;
use crate::ui::dialog::Question;
use crate::ui::icon::{Icon, IconKind};
use crate::{platform, words};

/// How long a lamp takes to a level that was tapped, where it can fade.
const FADE_MS: u32 = 400;

/// What a line's parts share. Cheap to copy: it holds signals.
#[derive(Clone, Copy)]
pub struct Handle {
    panel: Panel,
    key: StoredValue<Key>,
    /// The line's kind.
    pub kind: LineKind,
    /// The line as the device reported it.
    pub view: Memo<Option<LineView>>,
    /// What was said about it.
    pub command: Memo<CommandState>,
    /// Whether its device is there.
    pub online: Memo<bool>,
}

impl Handle {
    fn new(panel: Panel, key: Key, kind: LineKind) -> Self {
        let key = StoredValue::new(key);
        let of = move || key.get_value();
        Self {
            panel,
            key,
            kind,
            view: Memo::new(move |_| panel.of_line(&of(), |model| model.line(&of()).cloned())),
            command: Memo::new(move |_| panel.of_line(&of(), |model| model.command_state(&of()))),
            online: Memo::new(move |_| {
                panel.model.with(|model| model.device(&of().device).is_some_and(|device| device.online))
            }),
        }
    }

    /// The reported level.
    pub fn level(&self) -> Option<Level> {
        self.view.with(|view| view.as_ref().and_then(|view| view.reported))
    }

    /// Whether the reported level is `true`.
    pub fn is_on(&self) -> bool {
        self.level() == Some(Level::On(true))
    }

    /// The reported level in words.
    pub fn reported(&self) -> String {
        self.view.with(|view| view.as_ref().map(words::reported)).unwrap_or_default()
    }

    /// The running pulse of a momentary line.
    pub fn pulse(&self) -> Option<Pulse> {
        let now = self.panel.now.get();
        self.key.with_value(|key| self.panel.of_line(key, |model| model.pulse(key, now)))
    }

    /// How much of it has gone by at this very moment, milliseconds.
    pub fn pulse_gone(&self) -> u32 {
        let pulse = self
            .panel
            .model
            .with_untracked(|model| self.key.with_value(|key| model.pulse(key, platform::now_ms())));
        pulse.map_or(0, |pulse| pulse.gone_ms)
    }

    /// The last press of a contact, while it is shown.
    pub fn pressed(&self) -> Option<Pressed> {
        let now = self.panel.now.get();
        self.key.with_value(|key| self.panel.of_line(key, |model| model.pressed(key, now)))
    }

    /// What a sensor measured since the page looks at it: the strokes, and between which numbers.
    pub fn trace(&self) -> Option<(String, String)> {
        // Drawn anew with each reading, else every ten seconds.
        self.view.track();
        let now = platform::now_ms();
        let drawn = self.panel.model.with_untracked(|model| {
            let trace = self.key.with_value(|key| model.trace(key))?;
            Some((trace.path(now)?, trace.range()?))
        });
        let (path, (least, most)) = drawn?;
        let words = self.view.with(|view| {
            let view = view.as_ref()?;
            Some(format!("{} to {}", words::measured(view, least), words::measured(view, most)))
        });
        Some((path, words?))
    }

    /// The panel's clock in steps of ten seconds.
    pub fn ten_seconds(&self) -> u64 {
        self.panel.now.get() / 10_000
    }

    /// A level to be reached over a short time, where the line allows that.
    pub fn fade(&self, level: Level) -> Action {
        let most = self.view.with_untracked(|view| view.as_ref().and_then(|view| view.max_on_ms));
        Action::Set { level, fade_ms: most.map_or(FADE_MS, |most| most.min(FADE_MS)) }
    }

    /// The panel that it is on.
    pub fn panel(&self) -> Panel {
        self.panel
    }

    /// The line as preferences name it.
    pub fn id(&self) -> String {
        self.key.with_value(ToString::to_string)
    }

    /// How its button is pressed.
    pub fn press(&self) -> Pressing {
        self.panel.prefs.with(|prefs| prefs.press(&self.id()))
    }

    /// Asks for an action, perhaps after a question.
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

    /// Whether the caller may run an action on the line.
    pub fn may(&self, action: &str) -> bool {
        self.view.with(|view| view.as_ref().is_some_and(|view| view.actions.iter().any(|own| own == action)))
    }

    /// Whether a command is under way.
    pub fn is_pending(&self) -> bool {
        self.command.with(|state| state.pending.is_some())
    }

    /// Whether what is shown may no longer be so.
    pub fn is_stale(&self) -> bool {
        !self.online.get() || !self.panel.is_connected()
    }

    /// Why an action cannot be asked for now, in words; `None` if it can.
    pub fn hindrance(&self, action: &str) -> Option<&'static str> {
        if !self.panel.is_connected() {
            Some("Not connected")
        } else if !self.may(action) {
            Some("You have read-only access to this line")
        } else if !self.online.get() {
            Some("The device is offline")
        } else {
            None
        }
    }

    /// Asks for an action, unless one is under way or it cannot be asked for.
    pub fn ask(&self, action: Action) {
        let ready = untrack(|| self.hindrance(action.name()).is_none() && !self.is_pending());
        if ready {
            self.panel.ask(self.key.get_value(), action);
        }
    }

    /// Takes the last answer off the screen.
    pub fn dismiss(&self) {
        self.panel.dismiss(&self.key.get_value());
    }

    /// The stable name of a control, for tests.
    pub fn test_id(&self, action: &str) -> String {
        self.key.with_value(|key| format!("action-{}-{}-{action}", key.device, key.line))
    }

    /// The line's name, as on the wire.
    pub fn name(&self) -> String {
        self.key.with_value(|key| key.line.to_string())
    }

    /// A control's name for those who do not see which line it stands under: `Open for 3 s, Door`.
    pub fn label(&self, words: &str) -> String {
        format!("{words}, {}", words::title(&self.name()))
    }

    /// How long ago the level last changed, by the edge's clock.
    pub fn changed(&self) -> Option<String> {
        let changed_ms = self.view.with(|view| view.as_ref().and_then(|view| view.changed_ms))?;
        let edge_ms = self.panel.model.with(|model| model.edge_ms(self.panel.now.get()));
        Some(words::ago(edge_ms.saturating_sub(changed_ms)))
    }
}

/// One line of a device, on its plate or on a group's.
#[component]
pub fn Line(key: Key, kind: LineKind, plate: Memo<Option<Plate>>, grouped: bool) -> impl IntoView {
    let heading = format!("heading-{}-{}", key.device, key.line);
    let labelled = heading.clone();
    let test_id = format!("line-{}-{}", key.device, key.line);
    let title = words::title(key.line.as_str());
    let device = grouped.then(|| words::title(key.device.as_str()));
    let panel = expect_context::<Panel>();
    let line = Handle::new(panel, key, kind);
    let arranging = move || panel.arranging.get();
    let drag = move |event: leptos::ev::DragEvent| {
        if let Some(transfer) = event.data_transfer() {
            let _ = transfer.set_data("text/plain", &line.id());
        }
        panel.dragged.set_value(Some(line.key.get_value()));
    };
    let dropped = move |event: leptos::ev::DragEvent| {
        event.prevent_default();
        event.stop_propagation();
        drop_on(panel, plate, Some(line.id()));
    };

    let mark = move || words::level_mark(line.level().as_ref());
    let state = move || {
        line.command.with(|state| match (&state.pending, &state.answer) {
            (Some(_), _) => "pending",
            (None, _) if !line.online.get() => "offline",
            (None, Some(answer)) => words::outcome_mark(&answer.outcome),
            (None, None) => "idle",
        })
    };

    view! {
        <section
            class="line"
            role="group"
            data-testid=test_id
            data-kind=kind.to_string()
            data-level=mark
            data-state=state
            data-stale=move || line.is_stale().to_string()
            aria-busy=move || line.is_pending().to_string()
            aria-labelledby=labelled
            draggable=move || arranging().to_string()
            on:dragstart=drag
            on:drop=dropped
        >
            <header class="line-head">
                <Icon kind=IconKind::Line(kind)/>
                <h3 id=heading>{title}</h3>
                {device.map(|device| view! { <span class="line-device">{device}</span> })}
                {(kind == LineKind::Contact).then(|| view! { <Press line/> })}
                <Lamp line/>
            </header>
            <p class="readout">
                <span class="readout-stale">{move || (line.is_stale() && line.level().is_some()).then_some("last known: ")}</span>
                <strong>{move || line.reported()}</strong>
                <span class="readout-since">{move || line.changed()}</span>
            </p>
            {move || if arranging() {
                view! { <Arrange line plate/> }.into_any()
            } else {
                view! { <Operate line/> }.into_any()
            }}
        </section>
    }
}

/// The control that suits the line's kind, and what is to be said about it.
#[component]
fn Operate(line: Handle) -> impl IntoView {
    view! {
            <div class="control">
                {match line.kind {
                    LineKind::Switch => view! { <Switch line/> }.into_any(),
                    LineKind::Momentary => view! { <Momentary line/> }.into_any(),
                    LineKind::Rgb => view! { <Colour line/> }.into_any(),
                    LineKind::Dimmer | LineKind::Servo => view! { <Slider line/> }.into_any(),
                    LineKind::Contact => view! { <Contact line/> }.into_any(),
                    LineKind::Sensor => view! { <Reading line/> }.into_any(),
                }}
            </div>
            <Notices line/>
    }
}

/// The reported level as a lamp: lit, dark, coloured, or a question mark.
#[component]
fn Lamp(line: Handle) -> impl IntoView {
    let light = move || match (line.kind, line.level()) {
        (_, Some(Level::Colour(colour))) => colour.to_string(),
        (LineKind::Dimmer, Some(Level::Number(part))) => {
            format!("color-mix(in oklab, var(--lamp-on) {:.0}%, var(--lamp-off))", part * 100.0)
        }
        _ => String::new(),
    };
    view! {
        <span class="lamp" style=("--lamp", light) aria-hidden="true">
            {move || line.level().is_none().then_some("?")}
        </span>
    }
}
