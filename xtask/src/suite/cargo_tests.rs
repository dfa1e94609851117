//! Compiles all tests, and runs the tests that need no deployment. Several test programs run in parallel, because some
//! test programs wait more than they compute.

use std::{
    collections::BTreeMap,
    io::Write,
    path::PathBuf,
    process::{Command, Output},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::cores::cores;
use crate::{
    build::native::{self, Native},
    process,
    ui::Step,
};

/// The number of test programs that run in parallel on each core. Each test program also runs this number of tests in
/// parallel on each core.
const PER_CORE: usize = 2;

/// A compiled test program.
pub struct Program {
    file: PathBuf,
    /// The folder of the crate. Cargo runs the test program in this folder.
    folder: PathBuf,
}

/// The compiled test programs, and the Pinlatch programs that the tests run.
pub struct Compiled {
    pub native: Vec<Program>,
    /// The command line and the agent, which the end-to-end tests run.
    pub programs: Native,
}

/// A JSON message of cargo about a built target. Most messages have only some of these members.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    profile: Option<Profile>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// The name of the only test program that needs a deployment.
const END_TO_END: &str = "e2e";

/// Creates a `cargo test` command for all crates. If only some crates were selected, cargo could compile dependencies
/// again with other features.
fn cargo_test() -> Command {
    let mut cargo = process::cargo();
    cargo.args(["test", "--workspace"]);
    cargo
}

/// Creates the command that runs the end-to-end tests. With a filter, only the tests whose names contain the filter are
/// run. The caller can add arguments for the test runner.
pub fn end_to_end(filter: Option<&str>) -> Command {
    let mut cargo = cargo_test();
    cargo.args(["--quiet", "--test", END_TO_END, "--"]).args(filter);
    cargo
}

/// Returns the names of the end-to-end tests that a filter selects.
pub fn names(filter: &str) -> Result<Vec<String>> {
    let listed = process::output_of(end_to_end(Some(filter)).args(["--list", "--format", "terse"]))?;
    Ok(listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// Compiles all tests, and the Pinlatch programs that the tests run.
pub fn compile() -> Result<Compiled> {
    native::cargo("compiling the tests and the programs", cargo_test().arg("--no-run"))?;
    compiled(&process::output_of(cargo_test().args(["--no-run", "--message-format=json"]))?)
}

/// Runs the native tests. With a filter, only the tests whose names contain the filter are run.
pub fn run_native(programs: Vec<Program>, filter: Option<&str>) -> Result<()> {
    let mut commands: Vec<Command> = programs.into_iter().map(|program| program.command(filter)).collect();
    // The test programs do not contain the code examples in the documentation. A separate command runs these examples.
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

/// Parses the JSON messages of cargo about built targets.
fn compiled(said: &str) -> Result<Compiled> {
    let (mut native, mut programs) = (Vec::new(), BTreeMap::new());
    for line in said.lines().filter(|line| line.starts_with('{')) {
        let message: Message = serde_json::from_str(line).context("cargo printed invalid JSON")?;
        let Message { executable: Some(file), manifest_path: Some(manifest), .. } = message else { continue };
        let (Some(profile), Some(Target { name, kind })) = (message.profile, message.target) else {
            continue;
        };
        if !profile.test {
            programs.insert(name, file);
        } else if name != END_TO_END || kind != ["test"] {
            let folder = manifest.parent().context("cargo printed a manifest without a folder")?.to_owned();
            native.push(Program { file, folder });
        }
    }
    let mut program =
        |name: &str| programs.remove(name).with_context(|| format!("cargo did not build {name}"));
    let programs = Native { pinlatch: program("pinlatch")?, agent: program("pinlatch-agent")? };
    Ok(Compiled { native, programs })
}

fn at_a_time() -> usize {
    cores() * PER_CORE
}

/// Runs commands in parallel, and prints the output of each command in one piece. After a failure, no further command
/// is started.
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

/// Prints the output of a test program, unless the test program has no tests.
fn show(output: &Output) {
    if output.status.success() && !ran_any(&String::from_utf8_lossy(&output.stdout)) {
        return;
    }
    let mut out = std::io::stdout().lock();
    // The tests continue even if stdout is closed.
    let _ =
        out.write_all(&output.stdout).and_then(|()| out.write_all(&output.stderr)).and_then(|()| out.flush());
}

/// Returns whether any test runner in this output ran a test.
fn ran_any(said: &str) -> bool {
    said.lines().any(|line| line.starts_with("running ") && line != "running 0 tests")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn programs_are_found_in_what_cargo_says() {
        let built = |test: bool, kind: &str, name: &str, file: &str| {
            let (profile, target) = (json!({ "test": test }), json!({ "name": name, "kind": [kind] }));
            let message = json!({ "profile": profile, "target": target, "executable": file,
                                  "manifest_path": "/a/Cargo.toml" });
            format!("{message}\n")
        };
        let said = built(false, "bin", "pinlatch", "/t/pinlatch")
            + &built(false, "bin", "pinlatch-agent", "/t/agent")
            + &built(true, "bin", "pinlatch", "/t/pinlatch-1")
            + &built(true, "test", "e2e", "/t/e2e-1")
            + "{\"reason\":\"build-finished\",\"success\":true}";
        let found = compiled(&said).unwrap();
        assert_eq!(found.programs.agent.to_str(), Some("/t/agent"));
        let native: Vec<_> =
            found.native.iter().map(|one| (one.file.to_str(), one.folder.to_str())).collect();
        assert_eq!(native, [(Some("/t/pinlatch-1"), Some("/a"))]);
        assert!(compiled("").is_err());
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
