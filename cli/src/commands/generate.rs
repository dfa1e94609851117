//! Implements `pinlatch completions` and `pinlatch man`. Software packages can install the generated files together
//! with `pinlatch`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;
use serde_json::json;

use crate::files::create_folder;
use crate::terminal::output::{print, print_own};

#[derive(clap::Args)]
pub struct Completions {
    /// The shell for which the completion script is printed.
    shell: Shell,
}

#[derive(clap::Args)]
pub struct Man {
    /// The folder into which one manual page is written for `pinlatch` and for each of its commands. [default: print
    /// the manual page of `pinlatch`]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the completion script. `command` describes all commands of `pinlatch`.
pub fn completions(args: &Completions, mut command: Command, json: bool) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "pinlatch", &mut script);
    let script = String::from_utf8(script).context("the completion script is not UTF-8")?;
    print_own(json, &json!({ "shell": args.shell.to_string(), "script": script }), &script)
}

/// Prints the manual page of `pinlatch`, or writes all manual pages into a folder.
pub fn man(args: &Man, command: Command, json: bool) -> Result<()> {
    if let Some(folder) = &args.out {
        let wrote = pages(command, folder)?;
        return print(json, &json!({ "wrote": wrote }), &wrote.join("\n"));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).context("cannot generate the manual page")?;
    let page = String::from_utf8(page).context("the manual page is not UTF-8")?;
    print_own(json, &json!({ "page": page }), &page)
}

/// Writes one manual page for `pinlatch` and for each of its commands into a folder. Returns the paths of the pages.
pub fn pages(command: Command, folder: &Path) -> Result<Vec<String>> {
    create_folder(folder)?;
    clap_mangen::generate_to(command, folder)
        .with_context(|| format!("cannot write to {}", folder.display()))?;
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let names = entries.map(|entry| Ok(entry?.path().display().to_string()));
    let mut names: Vec<String> = names.collect::<std::io::Result<_>>()?;
    names.retain(|name| name.ends_with(".1"));
    names.sort();
    Ok(names)
}
