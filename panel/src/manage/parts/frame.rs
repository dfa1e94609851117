//! What all pages share: who looks, what they may do, which page is shown, whether the session holds.

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

/// The frame. Cheap to copy: it holds signals.
#[derive(Clone, Copy)]
pub struct Frame {
    /// The devices, live, and the page's voice.
    pub panel: Panel,
    /// What whoever looks may do.
    pub rights: Memo<Rights>,
    /// Whether that is known.
    pub is_filled: Memo<bool>,
    /// The page that is shown.
    pub page: RwSignal<Page>,
    session: RwSignal<Session>,
    site: StoredValue<Name>,
}

impl Frame {
    /// Connects for somebody who is logged in.
    pub fn start(site: Name, page: RwSignal<Page>, session: RwSignal<Session>) -> Self {
        let panel = Panel::start(session, true);
        let rights = Memo::new(move |_| {
            panel.model.with(|model| model.whoami.as_ref().map(Rights::of)).unwrap_or_default()
        });
        let is_filled = Memo::new(move |_| panel.model.with(Model::is_filled));
        Self { panel, rights, is_filled, page, session, site: StoredValue::new(site) }
    }

    /// The site.
    pub fn site(&self) -> Name {
        self.site.get_value()
    }

    /// The address of a page.
    pub fn path(&self, page: &Page) -> String {
        self.site.with_value(|site| page.path(site))
    }

    /// Shows another page; `query` as it stands in an address, or nothing.
    pub fn show(&self, page: Page, query: &str) {
        browser::go(&format!("{}{query}", self.path(&page)));
        self.page.set(page);
        browser::scroll_up();
    }

    /// Whether the session has ended while a page was open.
    pub fn has_ended(&self) -> bool {
        self.session.with(|session| matches!(session, Session::Over { ended: true }))
    }

    /// What a failure means for people. That the session is over is noted beside.
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

    /// Notes that a call was answered: if the session had ended, somebody has logged in again.
    pub fn answered(&self) {
        if self.session.with_untracked(|session| matches!(session, Session::Over { ended: true })) {
            self.session.set(Session::Control);
            self.panel.begin_again();
        }
    }

    /// Has a text read aloud.
    pub fn say(&self, text: &str) {
        self.panel.say(text.into());
    }

    /// A moment, milliseconds of Unix time, in words.
    pub fn moment(&self, ms: u64) -> String {
        let now = platform::moment(platform::now_ms());
        crate::words::moment(platform::moment(ms), now)
    }
}

/// Runs something every so often until its owner is gone, while somebody may be looking.
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
