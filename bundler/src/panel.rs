//! Binds and optimises the wasm programs of the panel, and writes the panel's static files in this structure:
//!
//! ```text
//! index.html                 panel/index.html, for all paths
//! assets/boot-HASH.js        panel/boot.js, which loads the needed program
//! assets/entry-HASH.js       login, setup, invitations, guest links: wasm-bindgen's glue and panel/start.js
//! assets/entry-HASH.wasm
//! assets/panel-HASH.…        the same for the board, which also uses panel/board.css; all pages use panel/style.css
//! assets/manage-HASH.…       the same for the administration pages, which also use panel/manage.css
//! …                          all files of panel/public/, unchanged
//! ```
//!
//! The name of each asset contains a hash of the asset's content, so `_headers` lets browsers cache assets permanently.
//! In `index.html` and `boot.js`, placeholders such as `{{panel_js}}` are replaced with the paths of the assets. Paths
//! are absolute, because `index.html` is also served at `/s/{site}/`. There are no inline scripts, so the content
//! security policy can forbid inline scripts.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use crate::tools::{Target, Tools};

/// The names of the panel's programs and their style sheets. All pages use the style sheet of `entry`.
const PROGRAMS: [(&str, &str); 3] =
    [("entry", "style.css"), ("panel", "board.css"), ("manage", "manage.css")];

/// Builds the panel in the work folder and returns the folder of the result. The folder `compiled` contains the wasm of
/// the programs.
pub fn bundle(tools: &Tools, panel: &Path, compiled: &Path, work: &Path) -> Result<PathBuf> {
    thread::scope(|scope| {
        let bind = |name: &'static str| {
            let wasm = compiled.join(format!("{name}.wasm"));
            scope.spawn(move || tools.bind(Target::Web, &wasm, name, work, "-Oz"))
        };
        let running = PROGRAMS.map(|(name, _)| bind(name));
        running.into_iter().try_for_each(|thread| match thread.join() {
            Ok(bound) => bound.map(drop),
            Err(_) => Err(anyhow!("wasm-bindgen panicked")),
        })
    })?;
    let made = work.join("made");
    assemble(tools, panel, work, &made)?;
    Ok(made)
}

fn assemble(tools: &Tools, panel: &Path, work: &Path, dist: &Path) -> Result<()> {
    let assets = dist.join("assets");
    fs::create_dir_all(&assets)?;
    copy_tree(&panel.join("public"), dist)?;

    let template = fs::read_to_string(panel.join("start.js")).context("panel/start.js")?;
    let mut paths = Vec::new();
    for (name, style) in PROGRAMS {
        let wasm = named_by_content(&assets, name, "wasm", &fs::read(work.join(format!("{name}_bg.wasm")))?)?;
        let start = work.join(format!("start-{name}.js"));
        let values = [("glue".into(), format!("./{name}.js")), ("wasm".into(), wasm.clone())];
        fs::write(&start, fill("panel/start.js", &template, &["glue", "wasm"], &values)?)?;
        let out = work.join(format!("out-{name}"));
        let js = tools.bundle(&start, &out.with_extension("js"), ["--bundle", "--format=esm"])?;
        paths.push((format!("{name}_js"), named_by_content(&assets, name, "js", &js)?));
        // The style sheet is not bundled, because each `url(/…)` in the style sheet refers to a public file.
        let css = tools.bundle(&panel.join(style), &out.with_extension("css"), [""; 0])?;
        paths.push((format!("{name}_css"), named_by_content(&assets, name, "css", &css)?));
        paths.push((format!("{name}_wasm"), wasm));
    }
    let boot = fs::read_to_string(panel.join("boot.js")).context("panel/boot.js")?;
    let filled = work.join("boot.js");
    fs::write(&filled, fill("panel/boot.js", &boot, &["entry_js", "panel_js", "manage_js"], &paths)?)?;
    let boot = tools.bundle(&filled, &work.join("out-boot.js"), ["--format=esm"])?;
    paths.push(("boot_js".into(), named_by_content(&assets, "boot", "js", &boot)?));

    let headers = dist.join("_headers");
    let said = fs::read_to_string(&headers).context("panel/public/_headers")?;
    let files = paths.iter().map(|(_, path)| path.as_str());
    fs::write(&headers, of_each_file(&said, "/assets/*", files)?)?;

    let page = fs::read_to_string(panel.join("index.html")).context("panel/index.html")?;
    let page = fill("panel/index.html", &page, &["boot_js", "entry_js", "entry_css"], &paths)?;
    fs::write(dist.join("index.html"), page)?;
    Ok(())
}

/// Replaces the rule for a folder in `_headers` with one rule for each file in the folder. A rule for the whole folder
/// would also apply to missing files. For a missing file the server sends `index.html`, which must not be cached under
/// the path of the missing file.
fn of_each_file<'f>(headers: &str, folder: &str, files: impl Iterator<Item = &'f str>) -> Result<String> {
    let start = headers.lines().position(|line| line == folder);
    let start = start.with_context(|| format!("panel/public/_headers has no rule for {folder}"))?;
    let lines: Vec<&str> = headers.lines().collect();
    let (before, rest) = lines.split_at(start);
    let said: Vec<&str> = rest.iter().skip(1).take_while(|line| line.starts_with("  ")).copied().collect();
    let after = rest.iter().skip(1 + said.len()).copied();
    let mut all = before.to_vec();
    for file in files {
        all.push(file);
        all.extend(&said);
    }
    all.extend(after);
    Ok(all.join("\n") + "\n")
}

/// Writes the bytes to `NAME-HASH.EXT` and returns the URL path of the written file.
fn named_by_content(assets: &Path, name: &str, extension: &str, bytes: &[u8]) -> Result<String> {
    let name = format!("{name}-{}.{extension}", content_hash(bytes));
    fs::write(assets.join(&name), bytes)?;
    Ok(format!("/assets/{name}"))
}

/// Replaces the placeholders `{{name}}` in a template. The template must use every placeholder in `needed`, and only
/// placeholders in `values`.
fn fill(file: &str, template: &str, needed: &[&str], values: &[(String, String)]) -> Result<String> {
    let mut page = template.to_owned();
    for name in needed {
        if !page.contains(&format!("{{{{{name}}}}}")) {
            bail!("{file} does not use {{{{{name}}}}}");
        }
    }
    for (name, value) in values {
        page = page.replace(&format!("{{{{{name}}}}}"), value);
    }
    if let Some((_, rest)) = page.split_once("{{") {
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        bail!("{file} uses {{{{{name}}}}}, which is unknown");
    }
    Ok(page)
}

fn files_below(dir: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
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

/// Returns a short hash of the content, for file names. The hash function FNV-1a is sufficient, because no attacker
/// chooses the content.
fn content_hash(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String> {
        let values = [("boot_js", "/a.js"), ("panel_css", "/a.css")].map(|(n, v)| (n.into(), v.into()));
        fill("page.html", template, &["boot_js"], &values)
    }

    #[test]
    fn placeholders_are_filled() {
        let page = filled("<script src={{boot_js}}></script><link href={{panel_css}}>").unwrap();
        assert_eq!(page, "<script src=/a.js></script><link href=/a.css>");
    }

    #[test]
    fn a_page_without_its_script_is_refused() {
        assert!(filled("<link href={{panel_css}}>").unwrap_err().to_string().contains("{{boot_js}}"));
    }

    #[test]
    fn an_unknown_placeholder_is_refused() {
        let error = filled("{{boot_js}}{{panel_logo}}").unwrap_err().to_string();
        assert!(error.contains("{{panel_logo}}"), "{error}");
    }

    #[test]
    fn headers_are_said_of_each_file() {
        let said = "/*\n  A: 1\n\n/assets/*\n  B: 2\n  C: 3\n\n/sw.js\n  D: 4\n";
        let files = ["/assets/a.js", "/assets/b.css"];
        let expected =
            "/*\n  A: 1\n\n/assets/a.js\n  B: 2\n  C: 3\n/assets/b.css\n  B: 2\n  C: 3\n\n/sw.js\n  D: 4\n";
        assert_eq!(of_each_file(said, "/assets/*", files.into_iter()).unwrap(), expected);
        assert!(of_each_file("/*\n  A: 1\n", "/assets/*", files.into_iter()).is_err());
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

    #[test]
    fn hashes_are_those_of_fnv_1a() {
        assert_eq!(content_hash(b""), "cbf29ce484222325");
        assert_eq!(content_hash(b"a"), "af63dc4c8601ec8c");
    }
}
