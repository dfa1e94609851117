//! A WebSocket to the edge.

use pinlatch_protocol::SUBPROTOCOL;
use wasm_bindgen::prelude::*;
use web_sys::{CloseEvent, MessageEvent, WebSocket};

/// A WebSocket that is closed when this value is dropped. The callbacks of the WebSocket are then removed.
pub struct Socket {
    socket: WebSocket,
    _on_text: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    /// Opens a WebSocket. A failed handshake is also reported by `on_close`.
    pub fn open(
        url: &str,
        mut on_text: impl FnMut(String) + 'static,
        mut on_close: impl FnMut(u16) + 'static,
    ) -> Result<Self, JsValue> {
        let socket = WebSocket::new_with_str(url, SUBPROTOCOL)?;
        let on_text = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(text) = event.data().as_string() {
                on_text(text);
            }
        });
        let on_close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| on_close(event.code()));
        socket.set_onmessage(Some(on_text.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Ok(Self { socket, _on_text: on_text, _on_close: on_close })
    }

    /// Sends a text frame. An error is ignored, because it means that the WebSocket is closing. `on_close` reports that
    /// the WebSocket was closed.
    pub fn send(&self, text: &str) {
        let _ = self.socket.send_with_str(text);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}
