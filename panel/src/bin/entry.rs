//! Starts sign-in in the page that loaded it.

#[cfg(target_arch = "wasm32")]
fn main() {
    pinlatch_panel::entry::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the panel runs in a browser: build it for wasm32-unknown-unknown (`cargo xtask build`)");
}
