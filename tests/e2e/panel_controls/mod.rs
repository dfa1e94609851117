//! Tests that a control of the board acts only on a completed intent: with fingers, a pen, the mouse, keys and assistive
//! technology. The agent's journal shows what moved.

mod notices;

use e2e::agent::Agent;
use e2e::{Browser, Site, soon};
use serde_json::{Value, json};

use crate::panel::in_browser;
use crate::panel_kinds::{hall, open};

const SLIDER: &str = "[data-testid=action-hall-desk-set]";
const GATE: &str = "[data-testid=action-hall-gate-pulse]";

/// Sets the dimmer to 25 % and opens the board on a phone.
async fn phone(site: &Site<'_>) -> Browser {
    site.post("/api/v1/devices/hall/lines/desk/set", &json!({ "value": 0.25 })).ok();
    let browser = open(site).await;
    browser.become_phone().await;
    browser.until("line-hall-desk", "data-level", "0.25").await;
    browser
}

/// Returns the journal after one more command. The device executes commands in their order, so a command that the page
/// had sent before is in the journal.
fn journal_after_a_mark(site: &Site<'_>, agent: &Agent) -> Vec<Value> {
    let before = agent.levels("mark").len();
    site.post("/api/v1/devices/hall/lines/mark/toggle", &json!({})).ok();
    soon("the mark is in the journal", || (agent.levels("mark").len() > before).then_some(()));
    agent.journal().into_iter().filter(|entry| entry["line"] != "mark").collect()
}

/// A finger scrolls the page, starting on each control. Nothing may move, and each slider must show the reported level.
#[test]
fn a_finger_that_scrolls_over_a_control_moves_nothing() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = phone(&site).await;
        let before = journal_after_a_mark(&site, &agent);
        let flap = "[data-testid=action-hall-flap-set]";
        let rose = "[data-testid=line-hall-rose] .chip";
        for (control, across) in [
            (SLIDER, 0.8),
            (SLIDER, 0.27),
            (flap, 0.9),
            (flap, 0.5),
            ("[data-testid=action-hall-desk-set-100]", 0.5),
            ("[data-testid=action-hall-up-set]", 0.5),
            ("[data-testid=action-hall-up-blink]", 0.5),
            (GATE, 0.5),
            (rose, 0.5),
            ("[data-testid=line-hall-rose] .chip-any", 0.5),
        ] {
            let (x, y) = browser.spot(control, across).await;
            let room = "return [scrollY, document.documentElement.scrollHeight - innerHeight - scrollY]";
            let room = browser.run(room, &[]).await;
            let up = if room[1].as_f64() > Some(160.0) { -150.0 } else { 150.0 };
            // A finger does not move exactly along the page.
            browser.swipe((x, y), (x + 12.0, y + up)).await;
            let from = room[0].as_f64().expect("a place");
            let scrolled = |at: &Value| at.as_f64().is_some_and(|at| (at - from).abs() > 50.0);
            browser.until_told("return scrollY", &[], scrolled).await;
        }
        assert_eq!(journal_after_a_mark(&site, &agent), before, "a finger that scrolled moved something");
        let wishes = "return document.querySelectorAll('[data-wish=true], [data-held=true]').length";
        assert_eq!(browser.run(wishes, &[]).await, json!(0), "a control is still in use");
        let values = "return [...document.querySelectorAll('.slider')].map(slider => slider.value)";
        assert_eq!(
            browser.run(values, &[]).await,
            json!(["25", "90"]),
            "a thumb is not at the reported level"
        );
    });
}

#[test]
fn a_finger_moves_a_slider_by_its_thumb_or_across_its_track() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = phone(&site).await;
        let before = journal_after_a_mark(&site, &agent);
        let (x, y) = browser.spot(SLIDER, 0.8).await;
        browser.swipe((x, y), (x, y)).await;
        browser.swipe((x, y), (x - 5.0, y + 3.0)).await;
        // A second finger on the slider ends a drag.
        browser.touch("touchStart", &[(x, y)]).await;
        browser.glide((x, y), (x - 60.0, y)).await;
        browser
            .until_told("return document.querySelector('.slide').dataset.wish", &[], |wish| wish == "true")
            .await;
        browser.touch("touchStart", &[(x - 60.0, y), (x - 20.0, y)]).await;
        browser.touch("touchMove", &[(x - 80.0, y), (x + 10.0, y)]).await;
        browser.touch("touchEnd", &[]).await;
        // The operating system takes the finger away, for example because of a call.
        browser.touch("touchStart", &[(x, y)]).await;
        browser.glide((x, y), (x - 60.0, y)).await;
        browser.touch("touchCancel", &[]).await;
        browser
            .until_told("return document.querySelector('.slide').dataset.wish", &[], |wish| wish == "false")
            .await;
        assert_eq!(
            journal_after_a_mark(&site, &agent),
            before,
            "a tap, a second finger or a lost finger moved it"
        );

        let moved = |from: usize| soon("the dimmer moved", || agent.levels("desk").get(from).cloned());
        let count = agent.levels("desk").len();
        browser.swipe((x, y), (x - 30.0, y)).await;
        let level = moved(count).as_f64().expect("a level");
        browser.until("line-hall-desk", "data-state", "idle").await;
        assert!((0.6..0.78).contains(&level), "{level}: the thumb follows the finger");
        // The thumb is dragged, and the finger leaves the slider.
        let (x, y) = browser.spot(SLIDER, 0.07 + level * 0.88).await;
        let count = agent.levels("desk").len();
        browser.swipe((x, y), (x - 90.0, y - 5.0)).await;
        let lower = moved(count).as_f64().expect("a level");
        assert!(lower < level - 0.2, "{lower} after {level}");
        browser.until("line-hall-desk", "data-state", "idle").await;
        assert_eq!(agent.levels("desk").len(), count + 1, "one drag is one command");
    });
}

#[test]
fn a_pen_is_like_a_finger_and_a_mouse_chooses_at_once() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = phone(&site).await;
        let before = journal_after_a_mark(&site, &agent);
        let at = browser.spot(SLIDER, 0.8).await;
        browser.point("pen", "mousePressed", at).await;
        browser.point("pen", "mouseReleased", at).await;
        // The Escape key ends a drag with the mouse.
        browser.point("mouse", "mousePressed", at).await;
        browser
            .until_told("return document.querySelector('.slide').dataset.wish", &[], |wish| wish == "true")
            .await;
        browser.hold_key("Escape", 27, 0).await;
        browser.point("mouse", "mouseReleased", at).await;
        assert_eq!(
            journal_after_a_mark(&site, &agent),
            before,
            "a tap with a pen or a cancelled drag moved it"
        );
        browser.point("mouse", "mousePressed", at).await;
        browser.point("mouse", "mouseMoved", (at.0 + 10.0, at.1)).await;
        assert_eq!(journal_after_a_mark(&site, &agent), before, "the mouse button is still pressed");
        browser.point("mouse", "mouseReleased", (at.0 + 10.0, at.1)).await;
        let count = before.len();
        soon("the dimmer moved", || (journal_len(&agent) > count).then_some(()));
        let level = agent.levels("desk").last().and_then(Value::as_f64).expect("a level");
        assert!((0.78..0.95).contains(&level), "{level}");
        let focused = browser.run("return document.activeElement.dataset.testid", &[]).await;
        assert_eq!(focused, json!("action-hall-desk-set"), "the arrow keys do not move the slider on");
    });
}

fn journal_len(agent: &Agent) -> usize {
    agent.journal().iter().filter(|entry| entry["line"] != "mark").count()
}

/// A finger holds the gate's button for long enough only once. The other presses end before, each for another reason.
#[test]
fn a_hold_that_is_broken_off_opens_nothing() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = phone(&site).await;
        let before = journal_after_a_mark(&site, &agent);
        let held =
            async |held: &'static str| browser.until("action-hall-gate-pulse", "data-held", held).await;
        let (x, y) = browser.spot(GATE, 0.5).await;
        // The finger leaves the button. In the next press, a second finger comes.
        browser.touch("touchStart", &[(x, y)]).await;
        held("true").await;
        browser.touch("touchMove", &[(x + 2.0, y + 90.0)]).await;
        held("false").await;
        browser.touch("touchEnd", &[]).await;
        let (x, y) = browser.spot(GATE, 0.5).await;
        browser.touch("touchStart", &[(x, y)]).await;
        held("true").await;
        browser.touch("touchStart", &[(x, y), (x + 30.0, y)]).await;
        held("false").await;
        browser.touch("touchEnd", &[]).await;
        // The page is hidden behind another app, without an event for the finger.
        let hide =
            "Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' })";
        browser.run(hide, &[]).await;
        browser.touch("touchStart", &[(x, y)]).await;
        held("true").await;
        held("false").await;
        browser.touch("touchEnd", &[]).await;
        browser.run("delete document.visibilityState", &[]).await;
        // The keyboard focus leaves the button.
        browser.focus("action-hall-gate-pulse").await;
        browser.key("keyDown", " ", 32, false).await;
        held("true").await;
        browser.focus("action-hall-up-set").await;
        held("false").await;
        browser.key("keyUp", " ", 32, false).await;
        // A long press opens no menu.
        let menu = "return document.querySelector(arguments[0]).dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true }))";
        for control in [GATE, ".track"] {
            assert_eq!(browser.run(menu, &[json!(control)]).await, json!(false), "{control}");
        }
        assert_eq!(
            journal_after_a_mark(&site, &agent),
            before,
            "a press that was broken off opened the gate"
        );

        let (x, y) = browser.spot(GATE, 0.5).await;
        browser.touch("touchStart", &[(x, y)]).await;
        browser.until("line-hall-gate", "data-level", "on").await;
        browser.touch("touchEnd", &[]).await;
        browser.until("line-hall-gate", "data-level", "off").await;
        // A screen reader clicks, and does not hold.
        browser.run("document.querySelector(arguments[0]).click()", &[json!(GATE)]).await;
        browser.until("line-hall-gate", "data-level", "on").await;
        assert_eq!(agent.levels("gate").iter().filter(|level| **level == json!(true)).count(), 2);
    });
}

/// A held key is one intent: one command for a slider, and one for a switch.
#[test]
fn a_held_key_is_one_command() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = phone(&site).await;
        let before = journal_after_a_mark(&site, &agent).len();
        browser.focus("action-hall-desk-set").await;
        // The key repeats for longer than the panel waits after a key.
        browser.hold_key("ArrowRight", 39, 30).await;
        browser.until("line-hall-desk", "data-level", "0.56").await;
        for key in ["Home", "PageUp", "ArrowUp", "ArrowLeft"] {
            let code = match key {
                "Home" => 36,
                "PageUp" => 33,
                "ArrowUp" => 38,
                _ => 37,
            };
            browser.hold_key(key, code, 0).await;
        }
        browser.until("line-hall-desk", "data-level", "0.1").await;
        assert_eq!(journal_after_a_mark(&site, &agent).len(), before + 2, "{:?}", agent.levels("desk"));

        browser.focus("action-hall-up-set").await;
        browser.hold_key("Enter", 13, 20).await;
        browser.until("line-hall-up", "data-level", "on").await;
        browser.hold_key(" ", 32, 20).await;
        browser.until("line-hall-up", "data-level", "off").await;
        assert_eq!(journal_after_a_mark(&site, &agent).len(), before + 4, "{:?}", agent.levels("up"));
    });
}

/// The colours are one tab stop, and the arrow keys only move the focus.
#[test]
fn colours_are_one_tab_stop() {
    let site = Site::shared();
    let agent = hall(&site);
    in_browser(async {
        let browser = phone(&site).await;
        let before = journal_after_a_mark(&site, &agent);
        let focused = "const at = document.activeElement; return at.ariaLabel ?? at.dataset.testid";
        let is = async |label: &'static str| {
            browser.until_told(focused, &[], |at| at == label).await;
        };
        browser.run("document.querySelector('.colours .chip').focus()", &[]).await;
        is("White").await;
        browser.hold_key("ArrowRight", 39, 1).await;
        is("Red").await;
        browser.hold_key("End", 35, 0).await;
        is("Another colour").await;
        browser.hold_key("ArrowRight", 39, 0).await;
        is("White").await;
        browser.hold_key("ArrowLeft", 37, 1).await;
        is("Off").await;
        browser.hold_key("Tab", 9, 0).await;
        let outside = "return document.activeElement.closest('.colours') === null";
        browser.until_told(outside, &[], |outside| *outside == json!(true)).await;
        let stops = "return [...document.querySelectorAll('.colours, .presets')].map(group =>
            [...group.querySelectorAll('button, input')].filter(one => one.tabIndex === 0).length)";
        assert_eq!(browser.run(stops, &[]).await, json!([1, 1]));
        assert_eq!(journal_after_a_mark(&site, &agent), before, "an arrow key set a colour");
        browser.run("document.querySelector('.colours [tabindex=\"0\"]').focus()", &[]).await;
        is("Off").await;
        browser.hold_key("Home", 36, 0).await;
        browser.hold_key("Enter", 13, 0).await;
        browser.until("line-hall-rose", "data-level", "#ffffff").await;
    });
}
