//! Tests the events that a panel is not allowed to see.

use super::fixtures::*;
use super::*;

const HIDDEN_MS: u64 = crate::memory::hidden_changes::HIDDEN_EVERY_MS;

/// A panel that checks its events for gaps, as the browser does.
struct Guest<'a> {
    test_site: &'a TestSite,
    principal: Principal,
    seq: u64,
    /// The times at which the panel received an event.
    times: Vec<u64>,
}

impl<'a> Guest<'a> {
    fn open(test_site: &'a TestSite, principal: &Principal) -> Self {
        let (snapshot, _) = test_site.with(|site| site.panel_connected(principal));
        let Ok(ToPanel::Snapshot { seq, .. }) = snapshot else { panic!("{snapshot:?}") };
        Self { test_site, principal: principal.clone(), seq, times: Vec::new() }
    }

    fn receive(&mut self, frame: ToPanel) -> Change {
        let ToPanel::Event { seq, after, at_ms, change } = frame else { panic!("{frame:?}") };
        assert_eq!(after.unwrap_or(seq - 1), self.seq, "{change:?}");
        assert!(at_ms <= self.test_site.now_ms.get());
        self.seq = seq;
        self.times.push(self.test_site.now_ms.get());
        change
    }

    /// Carries out the effects for this panel, as the Durable Object does.
    fn see(&mut self, effects: &[Effect]) -> Vec<Change> {
        let mut seen = Vec::new();
        for effect in effects {
            match effect {
                Effect::Publish(event) => {
                    let view = self.test_site.with(|site| site.view_for("p", &self.principal, event)).0;
                    if let PanelView::Now(frame) = view {
                        seen.push(self.receive(frame));
                    }
                }
                Effect::ToPanel { panel, message } if panel == "p" => {
                    seen.push(self.receive(message.clone()))
                }
                _ => {}
            }
        }
        seen
    }
}

fn change(test_site: &TestSite, line: &str, on: bool) -> Vec<Effect> {
    let message = FromAgent::Event {
        line: name(line),
        level: Some(Level::On(on)),
        at_ms: u64::MAX,
        ends_in_ms: None,
        blinking: false,
        reading: None,
    };
    test_site.handle_agent_message("porch", "s1", message)
}

#[test]
fn hidden_changes_arrive_together_at_fixed_times() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let link = test_site.issue(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    let mut panel = Guest::open(&test_site, &link);
    // The same changes at other times give the same frames.
    for (pause_ms, changes) in [(251, 20), (137, 40)] {
        test_site.now_ms.set(START_MS.next_multiple_of(HIDDEN_MS) + HIDDEN_MS * changes + 1);
        panel.times.clear();
        for n in 0..changes {
            test_site.pass(pause_ms);
            assert!(panel.see(&change(&test_site, "bell", n % 2 == 0)).is_empty());
        }
        let due = test_site.wake.get().unwrap();
        assert!(due.is_multiple_of(HIDDEN_MS) && due - test_site.now_ms.get() <= HIDDEN_MS);
        test_site.now_ms.set(due);
        test_site.alive("s1");
        assert_eq!(panel.see(&test_site.tick()), [Change::Hidden]);
        assert_eq!(panel.times, [due]);
        assert!(test_site.wake.get().is_some_and(|at_ms| at_ms > due), "once");
    }
}

#[test]
fn a_visible_event_explains_the_hidden_events_before_it() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let link = test_site.issue(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    let mut panel = Guest::open(&test_site, &link);
    assert!(matches!(panel.see(&change(&test_site, "door", true))[..], [Change::Line { .. }]));
    assert!(panel.see(&change(&test_site, "bell", true)).is_empty());
    assert!(panel.see(&change(&test_site, "lamp", true)).is_empty());
    assert!(matches!(panel.see(&change(&test_site, "door", false))[..], [Change::Line { .. }]));
    test_site.pass(HIDDEN_MS);
    assert!(panel.see(&test_site.tick()).is_empty(), "the hidden events were reported");
    assert_eq!(panel.seq, test_site.with(|site| site.last_seq()).0.unwrap());
}

#[test]
fn ranges_that_were_lost_from_memory_leave_a_gap() {
    let mut test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let link = test_site.issue(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    let before = Guest::open(&test_site, &link).seq;
    let see = |test_site: &TestSite, effects: &[Effect]| {
        let Effect::Publish(event) = &effects[0] else { panic!("{effects:?}") };
        test_site.with(|site| site.view_for("p", &link, event)).0
    };
    assert_eq!(see(&test_site, &change(&test_site, "bell", true)), PanelView::Later);
    test_site.links.memory = Memory::default();
    let PanelView::Now(ToPanel::Event { seq, after, .. }) =
        see(&test_site, &change(&test_site, "door", true))
    else {
        panic!()
    };
    assert_eq!((seq, after), (before + 2, None));
}

#[test]
fn the_data_of_the_machine_is_for_those_who_see_the_whole_device() {
    let test_site = TestSite::connected();
    for (scope, whole) in [
        ("line:porch/door:pulse", false),
        ("line:porch/door:pulse line:porch/bell:read line:porch/lamp:read line:porch/dim:read", false),
        ("line:porch/*:read", true),
        ("line:*/*:pulse", true),
        ("line:porch/door:read site:devices", true),
        ("line:porch/door:read site:audit", false),
    ] {
        let call = Call::Device { principal: program(scope), device: name("porch") };
        let Ok(Answer::Now(Reply::Device(device))) = test_site.call(call).0 else { panic!("{scope}") };
        let data = [
            device.version.is_some(),
            device.booted_ms.is_some(),
            device.clock_ahead_ms.is_some(),
            device.certificate_exp.is_some(),
        ];
        assert_eq!(data, [whole; 4], "{scope}");
        assert!(device.last_seen_ms.is_some());
    }
}
