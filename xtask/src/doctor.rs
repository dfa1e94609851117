//! Implements `cargo xtask doctor`, which lists installed tools and missing tools, and prints how to install the
//! missing tools.

use anyhow::Result;
use serde_json::json;

use crate::{
    paths,
    tools::{
        Report, Setup, browser, cross, emulator, nightly, node, npm, nspawn, numbers, proxies, python,
        rust_target, shell, version_of,
    },
    ui,
};

/// Prints the list of tools as a table or as JSON. Returns whether all needed tools are installed.
pub fn run(setup: &Setup, as_json: bool) -> Result<bool> {
    let reports = look(setup);
    let complete = reports.iter().all(|report| report.found.is_some() || !report.needed);
    if as_json {
        let rows: Vec<_> = reports.iter().map(to_json).collect();
        println!("{}", json!({ "complete": complete, "tools": rows }));
        return Ok(complete);
    }
    let mut rows =
        vec![["tool".into(), "state".into(), "version".into(), "location, or how to install it".into()]];
    rows.extend(reports.iter().map(|report| match &report.found {
        Some((version, place)) => [report.name.into(), "found".into(), short(version), place.clone()],
        None => {
            let state = if report.needed { "MISSING" } else { "absent" };
            [report.name.into(), state.into(), String::new(), report.get.clone()]
        }
    }));
    print!("{}", ui::table(&rows));
    if !complete {
        println!("\n`cargo xtask demo` and `cargo xtask test` install missing tools.");
    }
    Ok(complete)
}

fn look(setup: &Setup) -> Vec<Report> {
    let mut reports = vec![
        program("rustc", "https://rustup.rs", true),
        program("cargo", "https://rustup.rs", true),
        rust_target::report(),
        node::report(setup),
        program("npm", "comes with Node: https://nodejs.org", true),
        npm::report(),
    ];
    reports.extend(browser::reports());
    reports.push(python::report(setup));
    reports.extend(shell::reports());
    reports.push(cross::report());
    reports.extend(emulator::reports(setup));
    reports.push(nspawn::report(setup));
    reports.push(proxies::report(setup));
    reports.extend(nightly::reports(setup));
    reports
}

fn program(name: &'static str, get: &str, needed: bool) -> Report {
    let found = paths::on_path(name).and_then(|path| Some((version_of(&path)?, path.display().to_string())));
    Report { name, found, needed, get: get.into() }
}

/// Returns only the version number in a program's output. A text that lists the versions of several packages is
/// returned unchanged.
fn short(version: &str) -> String {
    let parts: Vec<_> = numbers(version).iter().map(u32::to_string).collect();
    if version.contains(',') || parts.is_empty() { version.to_owned() } else { parts.join(".") }
}

fn to_json(report: &Report) -> serde_json::Value {
    let (version, place) = report.found.clone().unzip();
    json!({
        "name": report.name,
        "found": report.found.is_some(),
        "needed": report.needed,
        "version": version,
        "where": place,
        "get": report.get,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_shown_short() {
        assert_eq!(short("rustc 1.95.0 (59807616e 2026-04-14)"), "1.95.0");
        assert_eq!(short("binaryen 132.0.0, esbuild 0.28.2"), "binaryen 132.0.0, esbuild 0.28.2");
    }
}
