//! The key with which a device signs, and whether the owner's root key has confirmed this key.

use leptos::prelude::*;
use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;

use super::now;
use crate::manage::parts::copyable::Copyable;
use crate::manage::parts::frame::Frame;
use crate::manage::words::devices::key as text;
use crate::ui::icon::{Icon, IconKind};

/// Shows the thumbprint of the device's key. A device without a stored key has no such section.
#[component]
pub fn DeviceKey(name: Name) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let name = StoredValue::new(name);
    let key = Memo::new(move |_| {
        let device = now(frame, &name.get_value())?;
        Some((device.key?, device.confirmed))
    });
    move || {
        let (thumbprint, confirmed) = key.get()?;
        let (class, kind, status) = if confirmed {
            ("notice notice-connected", IconKind::Done, text::CONFIRMED.into())
        } else {
            ("notice notice-differ", IconKind::Key, text::not_confirmed(&name.get_value()))
        };
        Some(view! {
            <section class="plate form" data-testid="device-key" data-confirmed=confirmed.to_string()>
                <h2 class="form-head">{text::TITLE}</h2>
                <Copyable label=text::THUMBPRINT text=Secret::new(thumbprint) mark="key" is_link=false/>
                <p class=class data-testid="key-status">
                    <Icon kind/>
                    <span>{status}</span>
                </p>
                <p class="hint">{if confirmed { text::WHY_CONFIRMED } else { text::WHY }}</p>
            </section>
        })
    }
}
