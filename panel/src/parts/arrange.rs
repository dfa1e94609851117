//! The controls for arranging the board. While the board is being arranged, a tile shows these controls in place of the
//! line's control.

use leptos::prelude::*;
use pinlatch_protocol::line::LineKind;

use super::handle::Handle;
use crate::board::{self, Plate};
use crate::live::Panel;
use crate::prefs::{self, FAVOURITES, OrderKind, Press};
use crate::ui::icon::{Icon, IconKind};
use crate::words;

/// Shows the controls for the favourite mark, the group, the position and the press mode of a line.
#[component]
pub fn Arrange(line: Handle, plate: Memo<Option<Plate>>) -> impl IntoView {
    let panel = line.panel();
    let id = StoredValue::new(line.id());
    let group =
        Memo::new(move |_| panel.prefs.with(|prefs| id.with_value(|id| prefs.group(id).map(String::from))));
    let put = move |group: Option<&str>| panel.arrange(|prefs| id.with_value(|id| prefs.put(id, group)));
    let shown_group =
        move || group.with(|group| group.as_deref().map(words::group).unwrap_or_default().to_owned());
    let starred = move || group.with(|group| group.as_deref() == Some(FAVOURITES));
    let order = Memo::new(move |_| plate.get().map(|plate| plate.order()).unwrap_or_default());
    let groups = move || {
        let names = panel.prefs.with(prefs::Prefs::groups);
        let shown = names.iter().map(|name| words::group(name).to_owned());
        shown.map(|name| view! { <option value=name></option> }).collect::<Vec<_>>()
    };
    let list = format!("groups-{}", line.id().replace('/', "-"));
    view! {
        <div class="arrange">
            <button
                type="button"
                class="key star"
                data-testid=line.test_id("star")
                aria-pressed=move || starred().to_string()
                aria-label=line.label(words::FAVOURITE)
                on:click=move |_| put((!untrack(starred)).then_some(FAVOURITES))
            >
                <Icon kind=IconKind::Star/>
            </button>
            <input
                type="text"
                class="group"
                list=list.clone()
                maxlength=prefs::MAX_GROUP.to_string()
                placeholder=words::NO_GROUP
                aria-label=line.label(words::GROUP)
                data-testid=line.test_id("group")
                prop:value=shown_group
                on:change:target=move |event| put(Some(words::stored_group(&event.target().value())))
            />
            <datalist id=list>{groups}</datalist>
            <Mover of=OrderKind::Lines id=line.id() title=words::title(&line.name()) order/>
            {(line.kind == LineKind::Momentary).then(|| view! { <Presses line/> })}
        </div>
    }
}

/// Shows the options for the button of a momentary line.
#[component]
fn Presses(line: Handle) -> impl IntoView {
    let panel = line.panel();
    let id = StoredValue::new(line.id());
    let asks = move || panel.prefs.with(|prefs| id.with_value(|id| prefs.asks(id)));
    let taps = move || panel.prefs.with(|prefs| id.with_value(|id| prefs.press(id) == Press::Tap));
    view! {
        <label class="check">
            <input
                type="checkbox"
                data-testid=line.test_id("asks")
                prop:checked=asks
                on:change:target=move |event| {
                    let asks = event.target().checked();
                    panel.arrange(|prefs| id.with_value(|id| prefs.set_asks(id, asks)));
                }
            />
            {words::ASK_FIRST}
        </label>
        <label class="check">
            <input
                type="checkbox"
                data-testid=line.test_id("taps")
                prop:checked=taps
                on:change:target=move |event| {
                    let press = if event.target().checked() { Press::Tap } else { Press::Hold };
                    panel.arrange(|prefs| id.with_value(|id| prefs.set_press(id, press)));
                }
            />
            {words::TAP}
        </label>
    }
}

/// Shows two buttons that move a line or a plate.
#[component]
pub fn Mover(of: OrderKind, id: String, title: String, order: Memo<Vec<String>>) -> impl IntoView {
    let panel = expect_context::<Panel>();
    let both =
        [(-1, words::EARLIER, "earlier", IconKind::Earlier), (1, words::LATER, "later", IconKind::Later)];
    let buttons = both.map(|(by, word, mark, icon)| {
        let (id, title) = (id.clone(), title.clone());
        let label = words::about(word, &title);
        let test_id = format!("{mark}-{}", id.replace('/', "-"));
        let selector = format!("[data-testid=\"{test_id}\"]");
        let shift = move |_| {
            let next = prefs::moved(&order.get_untracked(), &id, by);
            let place = next.iter().position(|own| *own == id).map_or(0, |place| place + 1);
            panel.say(words::moved(&title, place, next.len()));
            panel.arrange(|prefs| prefs.arrange(of, next));
            // An element that is moved loses the focus. The focus is restored, so that the person can press the same
            // button again.
            let selector = selector.clone();
            request_animation_frame(move || {
                use wasm_bindgen::JsCast;
                let button = document().query_selector(&selector).ok().flatten();
                if let Some(button) = button.and_then(|button| button.dyn_into::<web_sys::HtmlElement>().ok())
                {
                    let _ = button.focus();
                }
            });
        };
        view! {
            <button type="button" class="key" data-testid=test_id aria-label=label on:click=shift>
                <Icon kind=icon/>
            </button>
        }
    });
    view! { <div class="mover">{buttons.into_iter().collect::<Vec<_>>()}</div> }
}

/// Drops the dragged line on a plate. The line is inserted at the position of the line `before`, or at the end of the
/// plate.
pub fn drop_on(panel: Panel, plate: Memo<Option<Plate>>, before: Option<String>) {
    let dragged = panel.dragged.try_update_value(Option::take).flatten();
    if let (Some(dragged), Some(plate)) = (dragged, plate.get_untracked()) {
        panel.arrange(|prefs| board::take(prefs, &plate, &dragged, before.as_deref()));
    }
}
