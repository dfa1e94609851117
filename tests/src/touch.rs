//! Touches, clicks and keys as a person makes them. The events pass through Chromium's own input handling, so a finger
//! scrolls the page, and a held key repeats.

use serde_json::{Value, json};

use crate::browser::Browser;

/// A place on the screen, in pixels from the top left corner.
pub type Spot = (f64, f64);

/// The number of movements in a swipe.
const STEPS: i32 = 15;

impl Browser {
    /// Makes the browser behave as on a phone of 390 pixels width, whose screen shows only a part of the board.
    pub async fn become_phone(&self) {
        self.resize(390, 560).await;
        let touch = json!({ "enabled": true, "maxTouchPoints": 5 });
        self.devtools("Emulation.setTouchEmulationEnabled", touch).await;
    }

    /// Scrolls an element to the middle of the screen, and returns a place in it. `across` is the part of the element's
    /// width.
    pub async fn spot(&self, selector: &str, across: f64) -> Spot {
        let script = "const element = document.querySelector(arguments[0]);
            element.scrollIntoView({ block: 'center', behavior: 'instant' });
            const box = element.getBoundingClientRect();
            return [box.left + box.width * arguments[1], box.top + box.height / 2];";
        let spot = self.run(script, &[json!(selector), json!(across)]).await;
        (spot[0].as_f64().expect("a place"), spot[1].as_f64().expect("a place"))
    }

    /// Sends a touch event. `kind` is `touchStart`, `touchMove`, `touchEnd` or `touchCancel`, and `fingers` are the
    /// fingers on the screen after the event.
    pub async fn touch(&self, kind: &str, fingers: &[Spot]) {
        let point = |(id, (x, y)): (usize, &Spot)| json!({ "id": id, "x": x, "y": y });
        let points: Vec<Value> = fingers.iter().enumerate().map(point).collect();
        self.devtools("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": points })).await;
    }

    /// Moves one finger, which is on the screen, in a straight line.
    pub async fn glide(&self, from: Spot, to: Spot) {
        for step in 1..=STEPS {
            let part = f64::from(step) / f64::from(STEPS);
            let at = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            self.touch("touchMove", &[at]).await;
        }
    }

    /// Puts one finger on the screen, moves it in a straight line and takes it off.
    pub async fn swipe(&self, from: Spot, to: Spot) {
        self.touch("touchStart", &[from]).await;
        self.glide(from, to).await;
        self.touch("touchEnd", &[]).await;
    }

    /// Sends an event of a mouse or a pen. `kind` is `mousePressed`, `mouseMoved` or `mouseReleased`.
    pub async fn point(&self, device: &str, kind: &str, at: Spot) {
        let buttons = i32::from(kind != "mouseReleased");
        let event = json!({ "type": kind, "x": at.0, "y": at.1, "button": "left", "buttons": buttons, "clickCount": 1,
            "pointerType": device });
        self.devtools("Input.dispatchMouseEvent", event).await;
    }

    /// Presses a key, lets the key repeat, and releases the key. `code` is the key's virtual key code.
    pub async fn hold_key(&self, key: &str, code: u32, repeats: u32) {
        for repeat in 0..=repeats {
            self.key("keyDown", key, code, repeat > 0).await;
        }
        self.key("keyUp", key, code, false).await;
    }

    /// Sends a key event. `kind` is `keyDown` or `keyUp`.
    pub async fn key(&self, kind: &str, key: &str, code: u32, repeats: bool) {
        let text = match key {
            "Enter" => "\r",
            " " => " ",
            _ => "",
        };
        let kind = if kind == "keyDown" && text.is_empty() { "rawKeyDown" } else { kind };
        let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            "autoRepeat": repeats });
        self.devtools("Input.dispatchKeyEvent", event).await;
    }

    /// Moves the keyboard focus to an element.
    pub async fn focus(&self, testid: &str) {
        let script = "document.querySelector(`[data-testid=\"${arguments[0]}\"]`).focus()";
        self.run(script, &[json!(testid)]).await;
    }
}
