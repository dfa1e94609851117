//! The state that all administration pages share: the permissions of the viewer, the current page and the session.

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

/// The state that all administration pages share. The struct is cheap to copy, because it contains only signals.
#[derive(Clone, Copy)]
pub struct Frame {
    /// The live state of the devices, and the announcements for screen readers.
    pub panel: Panel,
    pub rights: Memo<Rights>,
    /// Whether the permissions of the viewer are known.
    pub is_filled: Memo<bool>,
    pub page: RwSignal<Page>,
    session: RwSignal<Session>,
    site: StoredValue<Name>,
    /// The token that the token inspector shows when it is opened. A URL never contains a token.
    to_inspect: StoredValue<Option<String>>,
}

impl Frame {
    /// Connects to the edge with the session of a logged-in person.
    pub fn start(site: Name, page: RwSignal<Page>, session: RwSignal<Session>) -> Self {
        let panel = Panel::start(session, true);
        let rights = Memo::new(move |_| {
            panel.model.with(|model| model.whoami.as_ref().map(Rights::of)).unwrap_or_default()
        });
        let is_filled = Memo::new(move |_| panel.model.with(Model::is_filled));
        let (site, to_inspect) = (StoredValue::new(site), StoredValue::new(None));
        Self { panel, rights, is_filled, page, session, site, to_inspect }
    }

    pub fn site(&self) -> Name {
        self.site.get_value()
    }

    pub fn path(&self, page: &Page) -> String {
        self.site.with_value(|site| page.path(site))
    }

    /// Shows another administration page. `query` is empty or starts with a question mark.
    pub fn show(&self, page: Page, query: &str) {
        browser::go(&format!("{}{query}", self.path(&page)));
        self.page.set(page);
        browser::scroll_up();
    }

    /// Shows a token in the token inspector.
    pub fn inspect(&self, token: String) {
        self.to_inspect.set_value(Some(token));
        self.show(Page::Inspector, "");
    }

    /// Returns the token that another page has passed to the token inspector.
    pub fn take_inspected(&self) -> String {
        self.to_inspect.try_update_value(Option::take).flatten().unwrap_or_default()
    }

    pub fn has_ended(&self) -> bool {
        self.session.with(|session| matches!(session, Session::Over { ended: true }))
    }

    /// Returns the message for a failed API call. If the session has ended, this function also records the end of the
    /// session.
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

    /// The caller must call this function after a successful API call. If the session had ended before, a successful
    /// call shows that the person has logged in again. The page then reconnects to the edge.
    pub fn answered(&self) {
        if self.session.with_untracked(|session| matches!(session, Session::Over { ended: true })) {
            self.session.set(Session::Control);
            self.panel.begin_again();
        }
    }

    /// Makes screen readers announce a text.
    pub fn say(&self, text: &str) {
        self.panel.say(text.into());
    }

    /// Formats a time that is given in milliseconds of Unix time.
    pub fn moment(&self, ms: u64) -> String {
        let now = platform::moment(platform::now_ms());
        crate::words::moment(platform::moment(ms), now)
    }

    /// Formats a time with its full date and its seconds. The time is in milliseconds of Unix time.
    pub fn exact(&self, ms: u64) -> String {
        words::exact(platform::moment(ms))
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
