//! Implements `cargo xtask fuzz`, which runs each fuzz target in `fuzz/` for a limited time.
//!
//! The fuzzer stores new inputs in `fuzz/corpus/` for the next run. The first run starts from the committed inputs in
//! `fuzz/seeds/`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::{
    paths, process,
    tools::{
        Setup,
        nightly::{self, NIGHTLY},
    },
    ui,
};

/// The maximum size of an input, in bytes. The largest accepted token and key set are smaller.
const MAX_LEN: usize = 20_000;
/// The time limit for one input, in seconds.
const SLOW: usize = 5;

/// The fuzz targets. Each target is a program in `fuzz/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// Fuzzes the verification of tokens that other issuers signed.
    Token,
    Keyset,
    /// Fuzzes the verification of device identities, readings and receipts.
    Statement,
    /// Fuzzes the verification of grants, calls and lists of revocations.
    Grant,
    /// Fuzzes the decryption of tokens that other parties encrypted, and the parser of the keys that encrypt tokens.
    Sealed,
    /// Fuzzes the parser of the agent's configuration file.
    Config,
    /// Fuzzes the agent's handling of messages from the edge.
    Frame,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Keyset => "keyset",
            Self::Statement => "statement",
            Self::Grant => "grant",
            Self::Sealed => "sealed",
            Self::Config => "config",
            Self::Frame => "frame",
        }
    }
}

pub fn run(setup: &Setup, target: Option<Target>, seconds: u32) -> Result<bool> {
    let cargo_fuzz = nightly::ensure(setup)?;
    let targets = target.map_or_else(|| Target::value_variants().to_vec(), |one| vec![one]);
    let mut good = true;
    for target in targets {
        good &= run_one(&cargo_fuzz, target, seconds)?;
    }
    Ok(good)
}

fn run_one(cargo_fuzz: &Path, target: Target, seconds: u32) -> Result<bool> {
    let name = target.name();
    let fuzz = paths::root().join("fuzz");
    let (corpus, seeds) = (fuzz.join("corpus").join(name), fuzz.join("seeds").join(name));
    fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;

    let mut build = cargo_fuzz_command(cargo_fuzz, "build", name);
    process::quietly(&format!("compiling the fuzz target {name} (nightly, with sanitizers)"), &mut build)?;
    ui::say(&format!("── fuzzing {name} for {seconds} s"));
    let began = SystemTime::now();
    let mut fuzzing = cargo_fuzz_command(cargo_fuzz, "run", name);
    fuzzing.arg(&corpus).arg(seeds).arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={MAX_LEN}"),
        format!("-timeout={SLOW}"),
        format!("-dict={}", fuzz.join("words.dict").display()),
        // This option prints only the totals, and no line for each new input.
        "-verbosity=0".into(),
        "-print_funcs=0".into(),
        "-print_final_stats=1".into(),
    ]);
    let Err(failure) = process::loudly(&mut fuzzing) else { return Ok(true) };
    let found = files_since(began, &fuzz.join("artifacts").join(name));
    if found.is_empty() {
        bail!("{name}: {failure:#}");
    }
    for file in found {
        ui::say(&format!("{name} fails on {}", file.display()));
        let (tool, file) = (cargo_fuzz.display(), file.display());
        ui::say(&format!("    to repeat: RUSTUP_TOOLCHAIN={NIGHTLY} {tool} run {name} {file}"));
    }
    Ok(false)
}

fn cargo_fuzz_command(cargo_fuzz: &Path, action: &str, name: &str) -> Command {
    let mut command = Command::new(cargo_fuzz);
    command.args([action, name, "--target-dir"]).arg(paths::target().join("fuzz"));
    command.current_dir(paths::root());
    process::clean_cargo_env(&mut command);
    command.env("RUSTUP_TOOLCHAIN", NIGHTLY);
    command
}

/// Returns the files that changed since `began`. A failure that occurs again writes a file with the same name.
fn files_since(began: SystemTime, folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let since = |entry: &fs::DirEntry| entry.metadata()?.modified().map(|changed| changed >= began);
    files.filter(|entry| since(entry).is_ok_and(|since| since)).map(|entry| entry.path()).collect()
}
