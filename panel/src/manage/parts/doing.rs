//! One thing that is being done: whether, and how it failed.

use std::pin::Pin;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::frame::Frame;
use crate::api::Failure;
use crate::ui::icon::{Icon, IconKind};

/// A call that is under way.
pub type Work<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

/// What is being done, once at a time. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Doing {
    frame: Frame,
    is_write: bool,
    /// Whether an answer is awaited.
    pub busy: RwSignal<bool>,
    /// Why it failed.
    pub failed: RwSignal<Option<String>>,
}

impl Doing {
    /// Something that changes what is there.
    pub fn write() -> Self {
        Self::new(true)
    }

    /// Something that only asks.
    pub fn read() -> Self {
        Self::new(false)
    }

    fn new(is_write: bool) -> Self {
        Self { frame: expect_context(), is_write, busy: RwSignal::new(false), failed: RwSignal::new(None) }
    }

    /// Says what is wrong, without having asked.
    pub fn fail(&self, text: impl Into<String>) {
        self.failed.try_set(Some(text.into()));
    }

    /// Does it, unless it is being done, and then `done`.
    pub fn run<T: 'static>(self, work: Work<T>, done: impl FnOnce(T) + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.failed.set(None);
        spawn_local(async move {
            let outcome = work.await;
            // Whoever wanted it may have left.
            if self.busy.try_set(false).is_some() {
                return;
            }
            match outcome {
                Ok(value) => {
                    self.frame.answered();
                    done(value);
                }
                Err(failure) => self.fail(self.frame.failure(&failure, self.is_write)),
            }
        });
    }
}

/// Why something failed, said aloud.
#[component]
pub fn Failed(doing: Doing) -> impl IntoView {
    view! {
        <div role="alert" class="failed">
            {move || {
                doing
                    .failed
                    .get()
                    .map(|text| {
                        view! {
                            <p class="notice notice-refused" data-testid="failed">
                                <Icon kind=IconKind::Refused/>
                                <span>{text}</span>
                            </p>
                        }
                    })
            }}
        </div>
    }
}
