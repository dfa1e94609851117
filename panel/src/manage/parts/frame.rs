//! State shared by all pages: permissions of the viewer, current page and session.

use std::time::Duration;

use leptos::leptos_dom::helpers::set_interval_with_handle;
use leptos::prelude::*;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::Code;

use crate::api::Failure;
use crate::live::Panel;
use crate::manage::page::Page;
use crate::manage::rights::Rights;
use crate::manage::{browser, words};
use crate::model::Model;
use crate::platform;
use crate::session::Session;

/// Cheap to copy: it has signals only.
#[derive(Clone, Copy)]
pub struct Frame {
    /// Live devices, and announcements.
    pub panel: Panel,
    pub rights: Memo<Rights>,
    /// Whether the permissions are known.
    pub is_filled: Memo<bool>,
    pub page: RwSignal<Page>,
    session: RwSignal<Session>,
    site: StoredValue<Name>,
}

impl Frame {
    /// Connects with the session of a signed-in person.
    pub fn start(site: Name, page: RwSignal<Page>, session: RwSignal<Session>) -> Self {
        let panel = Panel::start(session, true);
        let rights = Memo::new(move |_| {
            panel.model.with(|model| model.whoami.as_ref().map(Rights::of)).unwrap_or_default()
        });
        let is_filled = Memo::new(move |_| panel.model.with(Model::is_filled));
        Self { panel, rights, is_filled, page, session, site: StoredValue::new(site) }
    }

    pub fn site(&self) -> Name {
        self.site.get_value()
    }

    pub fn path(&self, page: &Page) -> String {
        self.site.with_value(|site| page.path(site))
    }

    /// Shows another page. `query` is empty or starts with a question mark.
    pub fn show(&self, page: Page, query: &str) {
        browser::go(&format!("{}{query}", self.path(&page)));
        self.page.set(page);
        browser::scroll_up();
    }

    pub fn has_ended(&self) -> bool {
        self.session.with(|session| matches!(session, Session::Over { ended: true }))
    }

    /// The message for a failure. Also records that the session is over.
    pub fn failure(&self, failure: &Failure, is_write: bool) -> String {
        match failure {
            Failure::Network => words::failure(None, is_write),
            Failure::Problem(problem) => {
                if problem.is(Code::InvalidToken) {
                    self.session.set(Session::Over { ended: true });
                }
                words::failure(Some(problem), is_write)
            }
        }
    }

    /// Must be called after a successful call. If the session had ended, the person has signed in again, so the page
    /// reconnects.
    pub fn answered(&self) {
        if self.session.with_untracked(|session| matches!(session, Session::Over { ended: true })) {
            self.session.set(Session::Control);
            self.panel.begin_again();
        }
    }

    /// Announces a text to screen readers.
    pub fn say(&self, text: &str) {
        self.panel.say(text.into());
    }

    /// Formats milliseconds of Unix time.
    pub fn moment(&self, ms: u64) -> String {
        let now = platform::moment(platform::now_ms());
        crate::words::moment(platform::moment(ms), now)
    }
}

/// Runs `work` periodically while the page is visible, until the reactive owner is disposed of.
pub fn every(seconds: u64, work: impl Fn() + 'static) {
    let step = move || {
        if platform::is_visible() {
            work();
        }
    };
    if let Ok(timer) = set_interval_with_handle(step, Duration::from_secs(seconds)) {
        on_cleanup(move || timer.clear());
    }
}
