//! The page of one device with its details, lines, rules, live events, key and actions.

mod key;
mod lines;
mod reading;
mod rules;

use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::audit::AuditFilter;
use pinlatch_protocol::line::LineKind;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::DeviceView;
use pinlatch_protocol::scope::SiteRight;

use self::key::DeviceKey;
use self::lines::Lines;
use self::rules::Rules;
use super::devices::enrol;
use crate::manage::changes::Events;
use crate::manage::page::Page;
use crate::manage::parts::bar::Way;
use crate::manage::parts::button::Button;
use crate::manage::parts::dialog::{Body, FormDialog, MakeCall, then_close};
use crate::manage::parts::frame::Frame;
use crate::manage::parts::heading::Heading;
use crate::manage::words::devices as text;
use crate::manage::{activity, call, words};
use crate::model::{Key, Presence, Pressed};
use crate::ui::icon::{Icon, IconKind};
use crate::ui::skip::MAIN;
use crate::words::{ago, span, title};

#[component]
pub fn Device(name: Name) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let page = Page::Device(name.clone());
    let name = StoredValue::new(name);
    let is_there =
        Memo::new(move |_| frame.panel.model.with(|model| model.device(&name.get_value()).is_some()));
    view! {
        <main id=MAIN class="manage">
            <Way page=Page::Devices class="back" test_id="back".to_owned()>
                <Icon kind=IconKind::Earlier/>
                {text::BACK}
            </Way>
            <Heading page/>
            {move || {
                if is_there.get() {
                    view! { <There name=name.get_value()/> }.into_any()
                } else {
                    view! { <p class="plate plate-text" data-testid="gone">{text::GONE}</p> }.into_any()
                }
            }}
        </main>
    }
}

/// Returns the current state of a device.
fn now(frame: Frame, name: &Name) -> Option<DeviceView> {
    frame.panel.model.with(|model| model.device(name).cloned())
}

#[component]
fn There(name: Name) -> impl IntoView {
    view! {
        <Facts name=name.clone()/>
        <Lines name=name.clone()/>
        <Rules name=name.clone()/>
        <LiveEvents name=name.clone()/>
        <DeviceKey name=name.clone()/>
        <DeviceActions name/>
    }
}

#[component]
fn Facts(name: Name) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let stored = StoredValue::new(name.clone());
    let device = Memo::new(move |_| now(frame, &stored.get_value()));
    let of = move |fact: fn(&DeviceView) -> Option<String>| {
        device.with(|device| device.as_ref().and_then(fact)).unwrap_or_else(|| text::DASH.into())
    };
    let seen = move || {
        let edge_ms = frame.panel.model.with(|model| model.edge_ms(frame.panel.now.get()));
        let seen = device.with(|device| device.as_ref().and_then(|device| device.last_seen_ms));
        seen.map_or_else(|| text::DASH.into(), |seen| ago(edge_ms.saturating_sub(seen)))
    };
    let up = move || {
        let edge_ms = frame.panel.model.with(|model| model.edge_ms(frame.panel.now.get()));
        let booted = device.with(|device| device.as_ref().filter(|device| device.online)?.booted_ms);
        booted.map_or_else(|| text::DASH.into(), |booted| span(edge_ms.saturating_sub(booted)))
    };
    let started = move || {
        let edge_ms = frame.panel.model.with(|model| model.edge_ms(frame.panel.now.get()));
        let started = device.with(|device| device.as_ref().filter(|device| device.online)?.agent_started_ms);
        started.map_or_else(|| text::DASH.into(), |started| ago(edge_ms.saturating_sub(started)))
    };
    let certificate = move || {
        let exp = device.with(|device| device.as_ref()?.certificate_exp);
        exp.map_or_else(|| text::DASH.into(), |exp| frame.moment(exp.saturating_mul(1_000)))
    };
    let presence = move || device.with(|device| device.as_ref().map_or(Presence::Offline, Presence::of));
    let enrolled = RwSignal::new(None::<u64>);
    let may_read = frame.rights.with_untracked(|rights| rights.may(SiteRight::Audit));
    if may_read {
        // The date of enrolment is only in the audit log, which deletes old entries.
        let filter = AuditFilter {
            act: Some("enrol".into()),
            target: Some(name.to_string()),
            actor: Some(format!("device:{name}")),
            ..AuditFilter::default()
        };
        spawn_local(async move {
            if let Ok(page) = call::audit(&activity::query(&filter, None), 1).await {
                enrolled.try_set(page.entries.first().map(|entry| entry.at_ms));
            }
        });
    }
    let warnings = Memo::new(move |_| {
        device.with(|device| {
            let own = device.as_ref().map(|device| device.warnings.clone()).unwrap_or_default();
            own.iter().map(|code| text::agent_warning(code)).collect::<Vec<_>>()
        })
    });
    let warned = move || {
        let shown = |text: String| {
            view! {
                <p class="notice notice-unknown" data-testid="agent-warning">
                    <Icon kind=IconKind::Question/>
                    <span>{text}</span>
                </p>
            }
        };
        warnings.get().into_iter().map(shown).collect::<Vec<_>>()
    };
    let enrolled_words = move || enrolled.get().map_or_else(|| text::DASH.into(), |ms| frame.moment(ms));
    view! {
        {warned}
        <section class="plate" aria-label=text::FACTS>
            <dl class="facts device-facts" data-testid="facts">
                <div>
                    <dt>{text::fact::PRESENCE}</dt>
                    <dd
                        data-testid="presence"
                        data-online=move || (presence() != Presence::Offline).to_string()
                        data-presence=move || presence().mark()
                    >
                        <span class="presence">
                            <span class="presence-lamp"></span>
                            {move || text::presence(presence())}
                        </span>
                    </dd>
                </div>
                <div>
                    <dt>{text::fact::SEEN}</dt>
                    <dd>{seen}</dd>
                </div>
                <div>
                    <dt>{text::fact::VERSION}</dt>
                    <dd data-testid="version">{move || of(|device| device.version.clone())}</dd>
                </div>
                <div>
                    <dt>{text::fact::UP}</dt>
                    <dd data-testid="up">{up}</dd>
                </div>
                <div>
                    <dt>{text::fact::STARTED}</dt>
                    <dd data-testid="started">{started}</dd>
                </div>
                <div>
                    <dt>{text::fact::CLOCK}</dt>
                    <dd data-testid="clock">{move || of(|device| device.clock_ahead_ms.map(text::clock))}</dd>
                </div>
                <div>
                    <dt>{text::fact::CERTIFICATE}</dt>
                    <dd data-testid="certificate">{certificate}</dd>
                </div>
                <div>
                    <dt>{text::fact::LINES}</dt>
                    <dd>{move || of(|device| Some(device.lines.len().to_string()))}</dd>
                </div>
                {may_read
                    .then(|| {
                        view! {
                            <div>
                                <dt>{text::fact::ENROLLED}</dt>
                                <dd data-testid="enrolled">{enrolled_words}</dd>
                            </div>
                        }
                    })}
            </dl>
        </section>
    }
}

/// Shows the events of the device since the page was opened.
#[component]
fn LiveEvents(name: Name) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let name = StoredValue::new(name);
    let events = RwSignal::new(Events::default());
    let device = Memo::new(move |_| now(frame, &name.get_value()));
    Effect::new(move |_| {
        device.with(|device| {
            if let Some(device) = device {
                events.update(|events| events.see(device, crate::platform::now_ms()));
            }
        });
    });
    let contacts = Memo::new(move |_| {
        let of = |device: &DeviceView| {
            let contacts = device.lines.iter().filter(|line| line.kind == LineKind::Contact);
            contacts.map(|line| line.name.clone()).collect::<Vec<_>>()
        };
        device.with(|device| device.as_ref().map(of)).unwrap_or_default()
    });
    let presses = Memo::new(move |_| {
        let now_ms = frame.panel.now.get();
        let of = |line: Name| {
            let key = Key { device: name.get_value(), line };
            let pressed = frame.panel.model.with(|model| model.pressed(&key, now_ms));
            (key.line, pressed)
        };
        contacts.get().into_iter().map(of).collect::<Vec<_>>()
    });
    Effect::new(move |before: Option<Vec<(Name, Option<Pressed>)>>| {
        let all = presses.get();
        let before = before.unwrap_or_default();
        for press in all.iter().filter(|press| !before.contains(press)) {
            if let (line, Some(pressed)) = press {
                events.update(|events| {
                    events.press(line.clone(), pressed.long, crate::platform::now_ms());
                });
            }
        }
        all
    });
    let listed = Memo::new(move |_| {
        let listed = |events: &Events| {
            events
                .iter()
                .map(|event| (event.id, event.at_ms, text::change(&event.change)))
                .collect::<Vec<_>>()
        };
        events.with(listed)
    });
    view! {
        <section class="plate">
            <h2 class="part-head">{text::EVENTS}</h2>
            <ol class="events" data-testid="events" aria-live="polite">
                <For each=move || listed.get() key=|(id, _, _)| *id let:event>
                    <li>
                        <time>{crate::words::clock(crate::platform::moment(event.1))}</time>
                        <span>{event.2}</span>
                    </li>
                </For>
            </ol>
            <Show when=move || listed.with(Vec::is_empty)>
                <p class="plate-text">{text::NO_EVENTS}</p>
            </Show>
        </section>
    }
}

/// The dialog that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Replace,
    Remove,
}

/// Shows the actions for which the viewer has permission.
#[component]
fn DeviceActions(name: Name) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let may_audit = Memo::new(move |_| frame.rights.with(|rights| rights.may(SiteRight::Audit)));
    let may_manage = Memo::new(move |_| frame.rights.with(|rights| rights.may(SiteRight::Devices)));
    let open = RwSignal::new(None::<Open>);
    let name = StoredValue::new(name);
    let close = move |()| open.set(None);
    view! {
        <div class="row deeds">
            {move || {
                may_audit
                    .get()
                    .then(|| {
                        view! {
                            <Way
                                page=Page::Activity
                                class="quiet as-button"
                                test_id="history".to_owned()
                                query=format!("?target={}", name.get_value())
                            >
                                {text::HISTORY}
                            </Way>
                        }
                    })
            }}
            {move || {
                may_manage
                    .get()
                    .then(|| {
                        view! {
                            <Button text=text::REPLACE test_id="replace" on_press=move || open.set(Some(Open::Replace))/>
                            <Button
                                text=text::REMOVE
                                test_id="remove"
                                class="quiet danger-text"
                                on_press=move || open.set(Some(Open::Remove))
                            />
                        }
                    })
            }}
        </div>
        {move || open.get().map(|dialog| match dialog {
            Open::Replace => {
                let call: MakeCall = Box::new(move || Ok(enrol(frame, name.get_value())));
                view! {
                    <FormDialog
                        title=text::REPLACE
                        mark="replace"
                        text=text::replace_text()
                        go=text::ENROL_GO
                        body=Body::Button
                        call
                        on_close=close
                    />
                }
            }
            Open::Remove => {
                // The call also opens the page with all devices. The event of the removal can arrive before the
                // response and remove this dialog. Code that runs after the dialog would then be skipped.
                let call: MakeCall = Box::new(move || {
                    let name = name.get_value();
                    Ok(then_close(async move {
                        call::remove_device(name).await?;
                        frame.show(Page::Devices, "");
                        Ok(())
                    }))
                });
                view! {
                    <FormDialog
                        title=words::titled(text::REMOVE, &title(name.get_value().as_str()))
                        mark="remove"
                        text=text::REMOVE_TEXT
                        go=text::REMOVE_GO
                        body=Body::Confirm(None)
                        call
                        on_close=close
                    />
                }
            }
        })}
    }
}
