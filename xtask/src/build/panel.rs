//! The panel: compiled by cargo, bound, optimised, and laid out as static assets in `target/panel-dist`.
//!
//! ```text
//! index.html                 panel/index.html with {{js}}, {{css}} and {{wasm}} filled in
//! assets/panel-HASH.js       wasm-bindgen's glue and the line that starts it, one file
//! assets/panel-HASH.wasm
//! assets/panel-HASH.css
//! …                          everything of panel/public/ as it is
//! ```
//!
//! Assets are named by content, so they may be cached for ever; paths are absolute, since the page is served at
//! `/s/{site}/` too; there is no inline script, so the content policy can forbid it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{
    Mode,
    stamp::{self, Stamp, content_hash},
};
use crate::{
    paths, process,
    tools::{Tools, wasm_target::WASM},
};

/// What rustc assumes of the target, which wasm-opt must be told.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Builds the panel; assembles only when the wasm or another source changed.
pub fn build(tools: &Tools, mode: Mode) -> Result<()> {
    let root = paths::root();
    let profile = mode.profile("panel");
    let mut cargo = process::cargo(&root);
    cargo.args(["build", "-p", "pinlatch-panel", "--target", WASM, "--profile", profile]);
    tools.wasm.choose(&mut cargo);
    process::quietly(&format!("compiling the panel (profile {profile})"), &mut cargo)?;

    let compiled = paths::target().join(WASM).join(profile);
    // A binary keeps its package's name, a library has underscores.
    let Some(wasm) = ["pinlatch-panel.wasm", "pinlatch_panel.wasm"]
        .iter()
        .map(|name| compiled.join(name))
        .find(|f| f.exists())
    else {
        bail!("cargo made no wasm file of pinlatch-panel in {}", compiled.display());
    };
    let panel = root.join("panel");
    let public = panel.join("public");
    let mut inputs = vec![wasm.clone(), panel.join("index.html"), panel.join("style.css")];
    files_below(&public, &mut inputs)?;
    inputs.extend([tools.wasm_bindgen.clone(), tools.wasm_opt(), tools.esbuild()]);
    let borrowed: Vec<_> = inputs.iter().map(PathBuf::as_path).collect();
    let stamp = Stamp::new("panel", stamp::of_files(&borrowed)?);
    let dist = paths::panel_dist();
    if stamp.is_fresh(&[dist.join("index.html")]) {
        return Ok(());
    }
    stamp.clear();
    let work = paths::target().join("xtask/panel");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    bind(tools, &wasm, &work, mode)?;
    assemble(tools, &panel, &work, mode)?;
    // A running server sees the old or the new folder, hardly ever none.
    let _ = fs::remove_dir_all(&dist);
    fs::rename(work.join("dist"), &dist).with_context(|| format!("cannot replace {}", dist.display()))?;
    let _ = fs::remove_dir_all(&work);
    stamp.set()
}

/// Makes `glue.js` and `glue_bg.wasm` in the work folder.
fn bind(tools: &Tools, wasm: &Path, work: &Path, mode: Mode) -> Result<()> {
    let mut bindgen = Command::new(&tools.wasm_bindgen);
    bindgen.args(["--target", "web", "--no-typescript", "--out-name", "glue", "--out-dir"]);
    bindgen.arg(work).arg(wasm);
    process::quietly("binding the panel (wasm-bindgen)", &mut bindgen)?;
    if mode == Mode::Quick {
        return Ok(());
    }
    let bound = work.join("glue_bg.wasm");
    let small = work.join("small.wasm");
    let mut optimise = Command::new(tools.wasm_opt());
    optimise.arg(&bound).arg("-o").arg(&small).arg("-Oz").args(WASM_FEATURES).env("PATH", tools.path()?);
    process::quietly("shrinking the panel (wasm-opt)", &mut optimise)?;
    fs::rename(small, bound)?;
    Ok(())
}

/// Lays out `dist` in the work folder.
fn assemble(tools: &Tools, panel: &Path, work: &Path, mode: Mode) -> Result<()> {
    let dist = work.join("dist");
    let assets = dist.join("assets");
    fs::create_dir_all(&assets)?;
    copy_tree(&panel.join("public"), &dist)?;

    let wasm = named_by_content(&assets, "wasm", &fs::read(work.join("glue_bg.wasm"))?)?;
    fs::write(
        work.join("start.js"),
        format!("import init from './glue.js';\ninit({{ module_or_path: '{wasm}' }});\n"),
    )?;
    let js =
        esbuild(tools, &work.join("start.js"), &work.join("out.js"), &["--bundle", "--format=esm"], mode)?;
    let js = named_by_content(&assets, "js", &js)?;
    let css = esbuild(tools, &panel.join("style.css"), &work.join("out.css"), &[], mode)?;
    let css = named_by_content(&assets, "css", &css)?;

    let template = fs::read_to_string(panel.join("index.html")).context("panel/index.html")?;
    let page = fill(&template, &[("js", &js), ("css", &css), ("wasm", &wasm)])?;
    fs::write(dist.join("index.html"), page)?;
    Ok(())
}

/// A script or style sheet as it is served. (Style sheets are not bundled: their `url(/…)` are public files.)
fn esbuild(tools: &Tools, source: &Path, out: &Path, how: &[&str], mode: Mode) -> Result<Vec<u8>> {
    let mut esbuild = Command::new(tools.esbuild());
    esbuild.arg(source).args(how).arg("--log-level=warning").arg(format!("--outfile={}", out.display()));
    if mode == Mode::Release {
        esbuild.args(["--minify", "--legal-comments=none"]);
    }
    process::quietly("bundling the panel (esbuild)", &mut esbuild)?;
    fs::read(out).with_context(|| out.display().to_string())
}

/// Writes `panel-HASH.EXT`; the path that a page uses for it.
fn named_by_content(assets: &Path, extension: &str, bytes: &[u8]) -> Result<String> {
    let name = format!("panel-{}.{extension}", content_hash(bytes));
    fs::write(assets.join(&name), bytes)?;
    Ok(format!("/assets/{name}"))
}

/// Fills `{{name}}` in. Script and style must be used; nothing may be left over.
fn fill(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut page = template.to_owned();
    for (name, value) in values {
        let mark = format!("{{{{{name}}}}}");
        if *name != "wasm" && !page.contains(&mark) {
            bail!("panel/index.html does not use {mark}");
        }
        page = page.replace(&mark, value);
    }
    if let Some((_, rest)) = page.split_once("{{") {
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
        bail!("panel/index.html uses {{{{{name}}}}}, which nothing fills in");
    }
    Ok(page)
}

fn files_below(dir: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    if !dir.is_dir() {
        return Ok(());
    }
    let mut entries = fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        if entry.file_type()?.is_dir() {
            files_below(&entry.path(), into)?;
        } else {
            into.push(entry.path());
        }
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    let mut files = Vec::new();
    files_below(from, &mut files)?;
    for file in files {
        let target = to.join(file.strip_prefix(from)?);
        if let Some(dir) = target.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::copy(&file, &target).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [(&str, &str); 3] = [("js", "/a.js"), ("css", "/a.css"), ("wasm", "/a.wasm")];

    #[test]
    fn placeholders_are_filled() {
        let page = fill("<script src={{js}}></script><link href={{css}}>", &VALUES).unwrap();
        assert_eq!(page, "<script src=/a.js></script><link href=/a.css>");
    }

    #[test]
    fn a_page_without_its_script_is_refused() {
        assert!(fill("<link href={{css}}>", &VALUES).unwrap_err().to_string().contains("{{js}}"));
    }

    #[test]
    fn an_unknown_placeholder_is_refused() {
        assert!(fill("{{js}}{{css}}{{logo}}", &VALUES).unwrap_err().to_string().contains("{{logo}}"));
    }

    #[test]
    fn trees_are_copied_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("icons")).unwrap();
        fs::write(from.join("icons/a.svg"), "a").unwrap();
        fs::write(from.join("_headers"), "h").unwrap();
        copy_tree(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("icons/a.svg")).unwrap(), "a");
        assert!(to.join("_headers").exists());
    }
}
