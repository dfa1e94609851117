//! Starts the board of devices in the current page.

#[cfg(target_arch = "wasm32")]
fn main() {
    pinlatch_panel::control::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the panel runs only in a browser; build it for wasm32 with `cargo xtask build`");
}
