//! The tests that need no deployment: all their programs are built first, then several run at a time, since some wait
//! more than they compute.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Output},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{build::native, process, ui::Step};

/// How many programs run at a time for each core, and how many tests of each.
const PER_CORE: usize = 2;

/// A program of tests.
pub struct Program {
    file: PathBuf,
    /// Its crate's folder, where cargo would run it.
    folder: PathBuf,
}

/// What cargo says of one thing that it has built; most things have none of these.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// All crates with tests that need no deployment, the Worker's and the panel's included.
fn cargo_test() -> Command {
    let mut cargo = process::cargo();
    cargo.args(["test", "--workspace", "--exclude", "e2e"]);
    cargo
}

/// Compiles the tests.
pub fn compile() -> Result<Vec<Program>> {
    native::cargo("compiling the native tests", cargo_test().arg("--no-run"))?;
    programs(&process::output_of(cargo_test().args(["--no-run", "--message-format=json"]))?)
}

/// Runs the tests; with a filter only those whose names contain it.
pub fn run(programs: Vec<Program>, filter: Option<&str>) -> Result<()> {
    let mut commands: Vec<Command> = programs.into_iter().map(|program| program.command(filter)).collect();
    // Examples in the documentation have no programs of their own.
    let mut examples = cargo_test();
    examples.args(["--doc", "--quiet"]).args(filter.map(|filter| ["--", filter]).into_iter().flatten());
    commands.push(examples);
    let step = Step::begin("native tests");
    all(commands)?;
    step.done();
    Ok(())
}

impl Program {
    fn command(&self, filter: Option<&str>) -> Command {
        let mut command = Command::new(&self.file);
        process::clean_cargo_env(&mut command);
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder).arg("--quiet").args(filter);
        if std::env::var_os("RUST_TEST_THREADS").is_none() {
            command.env("RUST_TEST_THREADS", at_a_time().to_string());
        }
        command
    }
}

/// The programs that cargo says it has built.
fn programs(built: &str) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for line in built.lines().filter(|line| line.starts_with('{')) {
        let message: Message = serde_json::from_str(line).context("what cargo says is no JSON")?;
        let (Some(file), Some(Profile { test: true })) = (message.executable, message.profile) else {
            continue;
        };
        let manifest = message.manifest_path.context("cargo names no manifest")?;
        let folder = manifest.parent().context("a manifest in no folder")?.to_owned();
        programs.push(Program { file, folder });
    }
    if programs.is_empty() {
        bail!("cargo names no programs of tests");
    }
    Ok(programs)
}

fn at_a_time() -> usize {
    super::cores() * PER_CORE
}

/// Runs commands, several at a time, and shows what each said in one piece. After a failure none is begun.
fn all(commands: Vec<Command>) -> Result<()> {
    let (queue, failed) = (Mutex::new(commands.into_iter()), Mutex::new(Vec::new()));
    let next = || lock(&failed).is_empty().then(|| lock(&queue).next()).flatten();
    std::thread::scope(|scope| {
        for _ in 0..at_a_time() {
            scope.spawn(|| {
                while let Some(mut command) = next() {
                    let what = process::line_of(&command);
                    match command.output() {
                        Ok(output) => {
                            show(&output);
                            if !output.status.success() {
                                lock(&failed).push(format!("{what} ended with {}", output.status));
                            }
                        }
                        Err(error) => lock(&failed).push(format!("cannot start {what}: {error}")),
                    }
                }
            });
        }
    });
    match lock(&failed).as_slice() {
        [] => Ok(()),
        failed => bail!("{}", failed.join("\n")),
    }
}

/// Crates without tests are not worth a line.
fn show(output: &Output) {
    if output.status.success() && !ran_any(&String::from_utf8_lossy(&output.stdout)) {
        return;
    }
    let mut out = std::io::stdout().lock();
    // A screen that is gone does not stop the tests.
    let _ =
        out.write_all(&output.stdout).and_then(|()| out.write_all(&output.stderr)).and_then(|()| out.flush());
}

/// Whether a runner, or one of several after each other, had tests to run.
fn ran_any(said: &str) -> bool {
    said.lines().any(|line| line.starts_with("running ") && line != "running 0 tests")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_what_cargo_says() {
        let said = r#"
{"reason":"compiler-artifact","profile":{"test":false},"executable":"/t/program","manifest_path":"/a/Cargo.toml"}
{"reason":"compiler-artifact","profile":{"test":true},"executable":"/t/a-1","manifest_path":"/a/Cargo.toml"}
{"reason":"compiler-artifact","profile":{"test":true},"executable":null,"manifest_path":"/b/Cargo.toml"}
{"reason":"build-finished","success":true}"#;
        let found = programs(said).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].file.to_str(), found[0].folder.to_str()), (Some("/t/a-1"), Some("/a")));
        assert!(programs("").is_err());
    }

    #[test]
    fn only_runners_without_tests_are_silent() {
        assert!(!ran_any("\nrunning 0 tests\n\ntest result: ok. 0 passed\n\nrunning 0 tests\n"));
        assert!(ran_any("\nrunning 0 tests\n\ntest result: ok. 0 passed\n\nrunning 1 test\n.\n"));
    }

    #[test]
    fn one_failure_fails_all() {
        assert!(all(vec![Command::new("true"), Command::new("true")]).is_ok());
        let error = all(vec![Command::new("true"), Command::new("false")]).unwrap_err().to_string();
        assert!(error.contains("false"), "{error}");
    }
}
