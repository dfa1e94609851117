//! Tests that the documentation states the same numbers as the constants.

use std::fs;
use std::path::Path;

use crate::admin::MAX_GUEST_SCOPE;
use crate::agent::MAX_LINES;
use crate::command::DEFAULT_DEADLINE_MS;
use crate::line::{MAX_PRECISION, MAX_PULSE_MS, MAX_UNIT};
use crate::name::MAX_NAME;
use crate::{PING_EVERY_MS, SILENCE_LIMIT_MS};

#[test]
fn the_documentation_states_the_numbers_of_the_constants() {
    let (ping_s, silence_s) = (PING_EVERY_MS / 1_000, SILENCE_LIMIT_MS / 1_000);
    for (page, statement) in [
        ("docs/api.md", format!("(default {DEFAULT_DEADLINE_MS})")),
        ("docs/config.md", format!("has at most {MAX_NAME} characters")),
        ("docs/config.md", format!("at least every {ping_s} s")),
        (
            "docs/config.md",
            format!("nothing from a device for {silence_s} s, the edge shows the device as offline"),
        ),
        ("docs/config.md", format!("text, 1 to {MAX_UNIT} characters")),
        ("docs/config.md", format!("decimals, 0 to {MAX_PRECISION}")),
        ("docs/config.md", format!("1 to {},000 for `momentary`", MAX_PULSE_MS / 1_000)),
        ("docs/config.md", format!("at least 1, at most {MAX_LINES} |")),
        ("docs/config.md", format!("more than {MAX_LINES} lines")),
        ("docs/edge.md", format!("its scopes have more than {MAX_GUEST_SCOPE} bytes")),
    ] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page)).unwrap();
        assert!(text.contains(&statement), "{page} does not state: {statement}");
    }
}
