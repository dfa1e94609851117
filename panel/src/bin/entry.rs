//! Starts the login program in the current page.

#[cfg(target_arch = "wasm32")]
fn main() {
    pinlatch_panel::entry::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the panel runs only in a browser; build it for wasm32 with `cargo xtask build`");
}
