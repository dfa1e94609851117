//! The page with all devices, on which devices are also enrolled.

use leptos::prelude::*;
use pinlatch_protocol::admin::Enrolment;
use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::DeviceView;
use pinlatch_protocol::scope::SiteRight;
use pinlatch_protocol::wording::enrol_command;

use crate::manage::enrolling::Enrolling;
use crate::manage::page::Page;
use crate::manage::parts::bar::Way;
use crate::manage::parts::button::Button;
use crate::manage::parts::dialog::{Body, FormDialog, MakeCall, Next};
use crate::manage::parts::doing::Work;
use crate::manage::parts::field::{Field, Suggestion};
use crate::manage::parts::frame::Frame;
use crate::manage::parts::list::{List, ListPage};
use crate::manage::parts::once::{OneTimeSecret, Purpose};
use crate::manage::parts::open_items::{End, OpenItem, OpenItems};
use crate::manage::words::{devices as text, open_code};
use crate::manage::{browser, call};
use crate::model::Presence;
use crate::platform;
use crate::ui::icon::{Icon, IconKind};
use crate::words::{ago, title};

#[component]
pub fn Devices() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let names = Memo::new(move |_| frame.panel.model.with(|model| model.names()));
    let may = Memo::new(move |_| frame.rights.with(|rights| rights.may(SiteRight::Devices)));
    // The button on an empty board opens this page with the dialog.
    let is_asked = browser::query() == Page::ENROL;
    if is_asked {
        platform::show_address(&frame.path(&Page::Devices));
    }
    let enrolling = RwSignal::new(is_asked && may.get_untracked());
    let none = Memo::new(move |_| names.with(Vec::is_empty).then_some(text::NONE));
    let buttons = move || {
        may.get().then(|| {
            view! { <Button text=text::ENROL test_id="enrol" class="primary" on_press=move || enrolling.set(true)/> }
        })
    };
    let dialog = move || enrolling.get().then(|| view! { <Enrol on_close=move |()| enrolling.set(false)/> });
    let below = view! {
        {move || may.get().then(|| view! { <Enrolments enrolling/> })}
        {dialog}
    };
    view! {
        <ListPage page=Page::Devices buttons=buttons.into_any() none below=below.into_any()>
            <Show when=move || none.get().is_none()>
                <Table names/>
            </Show>
        </ListPage>
    }
}

#[component]
fn Table(names: Memo<Vec<Name>>) -> impl IntoView {
    let heads = text::DEVICE_COLUMNS.map(|head| view! { <th scope="col">{head}</th> });
    view! {
        <section class="plate">
            <table class="table devices" data-testid="devices">
                <thead>
                    <tr>{heads.into_iter().collect::<Vec<_>>()}</tr>
                </thead>
                <tbody>
                    <For each=move || names.get() key=Clone::clone let:name>
                        <Row name/>
                    </For>
                </tbody>
            </table>
        </section>
    }
}

/// Shows one device. The link covers the whole row.
#[component]
fn Row(name: Name) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let shown = title(name.as_str());
    let (test_id, row_id) = (format!("device-{name}"), format!("device-card-{name}"));
    let page = Page::Device(name.clone());
    let name = StoredValue::new(name);
    let presence = Memo::new(move |_| frame.panel.model.with(|model| model.presence(&name.get_value())));
    let device = Memo::new(move |_| frame.panel.model.with(|model| model.device(&name.get_value()).cloned()));
    let edge_ms = move || frame.panel.model.with(|model| model.edge_ms(frame.panel.now.get()));
    let of = move |fact: fn(&DeviceView) -> Option<String>| {
        device.with(|device| device.as_ref().and_then(fact)).unwrap_or_else(|| text::DASH.into())
    };
    let seen = move || {
        let seen = device.with(|device| device.as_ref()?.last_seen_ms);
        seen.map_or_else(|| text::DASH.into(), |seen| ago(edge_ms().saturating_sub(seen)))
    };
    let warnings = Memo::new(move |_| {
        let edge_ms = edge_ms();
        device
            .with(|device| device.as_ref().map(|device| text::warnings(device, edge_ms)).unwrap_or_default())
    });
    let warned = move || {
        let shown = |text: String| view! { <span class="warning">{text}</span> };
        warnings.get().into_iter().map(shown).collect::<Vec<_>>()
    };
    let [_, presence_head, seen_head, version_head, lines_head, warnings_head] = text::DEVICE_COLUMNS;
    view! {
        <tr
            data-testid=row_id
            data-online=move || (presence.get() != Presence::Offline).to_string()
            data-presence=move || presence.get().mark()
        >
            <th scope="row">
                <Way page class="row-link" test_id>
                    {shown}
                </Way>
            </th>
            <td data-label=presence_head>
                <span class="presence">
                    <span class="presence-lamp"></span>
                    {move || text::presence(presence.get())}
                </span>
            </td>
            <td data-label=seen_head>{seen}</td>
            <td data-label=version_head>{move || of(|device| device.version.clone())}</td>
            <td data-label=lines_head>{move || of(|device| Some(device.lines.len().to_string()))}</td>
            <td data-label=warnings_head class="warnings">
                {warned}
                {move || warnings.with(Vec::is_empty).then_some(text::DASH)}
            </td>
        </tr>
    }
}

const WITHDRAW: End = End { mark: "enrolment", label: text::WITHDRAW, ended: text::WITHDRAWN };

/// Shows the open enrolment strings. The list is loaded again when the dialog closes, because the dialog may have
/// created an enrolment string.
#[component]
fn Enrolments(enrolling: RwSignal<bool>) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list: List<Enrolment> = List::start(|| Box::pin(call::enrolments()));
    Effect::new(move |_| {
        if !enrolling.get() {
            list.load();
        }
    });
    let show = move |enrolment: &Enrolment| OpenItem {
        id: enrolment.id.clone(),
        name: title(enrolment.device.as_str()),
        tag: enrolment.replaces.then_some(text::REPLACES),
        facts: open_code(&enrolment.creator, &frame.moment(enrolment.expires_at.saturating_mul(1_000))),
        may_end: true,
    };
    view! {
        <Show when=move || !list.with(<[Enrolment]>::is_empty)>
            <h2 class="part-head loose">{text::ENROLMENTS}</h2>
        </Show>
        <OpenItems list show end=WITHDRAW call=|id| Box::pin(call::withdraw_enrolment(id))/>
    }
}

/// Shows a dialog that asks for the name of a device, and then shows the enrolment string. If a device with this name
/// exists, the dialog warns before the enrolment string is created.
#[component]
fn Enrol(#[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let value = RwSignal::new(String::new());
    let replaced = Memo::new(move |_| {
        let name = value.with(|text| Name::new(text.trim())).ok()?;
        frame.panel.model.with(|model| model.device(&name).is_some()).then_some(name)
    });
    let warning = move || {
        replaced.get().map(|name| {
            view! {
                <p class="notice notice-unknown" data-testid="replaces">
                    <Icon kind=IconKind::Question/>
                    <span>{text::exists(&name)}</span>
                </p>
            }
        })
    };
    let fields = view! {
        <Field label=text::NAME id="enrol-name" value hint=text::NAME_HINT max=80 first=true/>
        <Suggestion field="enrol-name" value suggest=text::suggested/>
        <div role="alert" class="failed">{warning}</div>
    };
    let call: MakeCall = Box::new(move || {
        let typed = value.get_untracked();
        let name = Name::new(typed.trim()).map_err(|wrong| text::bad_name(typed.trim(), &wrong))?;
        Ok(enrol(frame, name))
    });
    let go = Signal::derive(move || match replaced.get() {
        Some(_) => text::REPLACE,
        None => text::ENROL_GO,
    });
    let body = Body::Form(fields.into_any());
    view! { <FormDialog title=text::ENROL mark="enrol" go body call on_close/> }
}

/// Creates the enrolment string of a device, which is shown only once.
pub fn enrol(frame: Frame, device: Name) -> Work<Next> {
    let before = frame.panel.model.with_untracked(|model| model.device(&device)?.certificate_exp);
    Box::pin(async move {
        let reply = call::enrol(device.clone()).await?;
        Ok(Next::Show(OneTimeSecret {
            secret: Secret::new(enrol_command(reply.enrol.expose())),
            label: text::ENROL_COMMAND,
            how: text::enrol_how(&frame.moment(reply.expires_at.saturating_mul(1_000))),
            note: text::ENROL_NOTE,
            purpose: Purpose::Enrolment(Enrolling { device, before }),
        }))
    })
}
