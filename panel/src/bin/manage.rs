//! Starts the administration pages in the page that loaded them.

#[cfg(target_arch = "wasm32")]
fn main() {
    pinlatch_panel::manage::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the panel runs in a browser: build it for wasm32-unknown-unknown (`cargo xtask build`)");
}
