//! Tests that ARCHITECTURE.md names files and constants that exist.

use std::path::{Path, PathBuf};

/// The texts between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn map() -> String {
    std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md")
}

/// The cells of a row of a table. A line outside of a table has no cells.
fn cells(line: &str) -> Vec<&str> {
    let row = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |"));
    row.map(|row| row.split(" | ").collect()).unwrap_or_default()
}

#[test]
fn the_map_names_existing_files() {
    let mut part = String::new();
    let mut wrong = Vec::new();
    let mut named = 0;
    for line in map().lines() {
        if let Some(heading) = line.strip_prefix("### `") {
            part = heading.split('`').next().unwrap_or_default().to_owned();
        } else if line.starts_with('#') {
            part.clear();
        }
        let Some(first) = cells(line).first().copied().filter(|_| !part.is_empty()) else { continue };
        for name in quoted(first).into_iter().filter(|name| name.contains(['.', '/'])) {
            named += 1;
            let folder = root().join(&part);
            if !folder.join("src").join(name).exists() && !folder.join(name).exists() {
                wrong.push(format!("{part}: {name}"));
            }
        }
    }
    assert!(named > 100, "only {named} files: has the form of the map changed?");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_map_names_existing_constants() {
    let map = map();
    let (_, table) = map.split_once("| number | constant |").expect("the table of numbers");
    let mut wrong = Vec::new();
    let mut named = 0;
    for line in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let place = cells(line).last().copied().unwrap_or_default();
        let (mut constants, mut files) = (Vec::new(), Vec::new());
        for name in quoted(place) {
            if name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
                constants.push(name);
            } else if name.ends_with(".rs") {
                let file = [root().join(name), root().join("edge-worker/src").join(name)];
                match file.iter().find_map(|file| std::fs::read_to_string(file).ok()) {
                    Some(text) => files.push(text),
                    // A name without a folder is a file in the folder of another file in the same cell.
                    None if name.contains('/') => wrong.push(format!("{name} does not exist")),
                    None => {}
                }
            }
        }
        for constant in constants {
            named += 1;
            if !files.iter().any(|text| text.contains(&format!("const {constant}:"))) {
                wrong.push(format!("{constant} is not in the files of its row"));
            }
        }
    }
    assert!(named > 60, "only {named} constants: has the form of the table changed?");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
