//! The state of an operation: whether the operation is running, and its error.

use std::pin::Pin;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::frame::Frame;
use crate::api::Failure;
use crate::ui::icon::{Icon, IconKind};

/// A running API call.
pub type Work<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

/// The state of an operation. The operation cannot run twice at the same time. The struct is cheap to copy.
#[derive(Clone, Copy)]
pub struct Doing {
    frame: Frame,
    is_write: bool,
    pub busy: RwSignal<bool>,
    pub failed: RwSignal<Option<String>>,
}

impl Doing {
    /// Creates the state of an operation that changes data.
    pub fn write() -> Self {
        Self::new(true)
    }

    /// Creates the state of an operation that only reads data.
    pub fn read() -> Self {
        Self::new(false)
    }

    fn new(is_write: bool) -> Self {
        Self { frame: expect_context(), is_write, busy: RwSignal::new(false), failed: RwSignal::new(None) }
    }

    /// Shows an error without an API call.
    pub fn fail(&self, text: impl Into<String>) {
        self.failed.try_set(Some(text.into()));
    }

    /// Removes the error.
    pub fn clear(&self) {
        if self.failed.with_untracked(Option::is_some) {
            self.failed.set(None);
        }
    }

    /// Runs `work` and then `done`. Does nothing if the operation is already running.
    pub fn run<T: 'static>(self, work: Work<T>, done: impl FnOnce(T) + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.failed.set(None);
        spawn_local(async move {
            let outcome = work.await;
            // The person may have left the page while the call was running.
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

/// Shows the error of an operation. Screen readers announce the error.
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
