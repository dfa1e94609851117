//! Runs programs: as steps with progress, for the output of the program, or with a time limit.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    paths,
    together::{Stopped, should_stop},
    ui::{self, Step},
};

/// The interval at which a running step refreshes its progress line.
const TICK: Duration = Duration::from_millis(250);
/// The maximum number of lines that are printed from the output of a failed program.
const TAIL_LINES: usize = 120;

/// Runs a program as one step. If the program fails, the last lines of its output are printed.
pub fn quietly(title: &str, command: &mut Command) -> Result<()> {
    let what = line_of(command);
    let (status, output) = step(Duration::MAX, title, command)?;
    if status.success() {
        return Ok(());
    }
    let skip = output.len().saturating_sub(TAIL_LINES);
    ui::pause(|| output.iter().skip(skip).for_each(|line| eprintln!("{line}")));
    bail!("{what} ended with {status}")
}

/// Runs a program that can hang, as one step. Returns whether the program succeeded within `limit`.
pub fn within(limit: Duration, title: &str, command: &mut Command) -> Result<bool> {
    Ok(step(limit, title, command)?.0.success())
}

/// Runs a program until the program ends. Kills the program after `limit`. Returns the exit status, and the lines of
/// stdout and stderr.
fn step(limit: Duration, title: &str, command: &mut Command) -> Result<(ExitStatus, Vec<String>)> {
    let what = line_of(command);
    let mut step = Step::begin(title);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {what}"))?;
    let lines = lines_of(&mut child);
    let (began, mut output) = (Instant::now(), Vec::<String>::new());
    let mut next_tick = began + TICK;
    loop {
        match lines.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
            Ok(line) => output.push(line),
            Err(RecvTimeoutError::Timeout) => {
                next_tick = Instant::now() + TICK;
                step.tick(output.last().map_or("", |line| line.trim()));
                if should_stop() {
                    child.kill()?;
                    child.wait()?;
                    step.failed();
                    return Err(Stopped.into());
                }
                if began.elapsed() > limit {
                    child.kill()?;
                    break;
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait()?;
    if status.success() {
        step.done()
    } else {
        step.failed()
    }
    Ok((status, output))
}

/// Returns the lines of a program's stdout and stderr, until the program has closed both outputs.
fn lines_of(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    for pipe in [child.stdout.take().map(boxed), child.stderr.take().map(boxed)].into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
    }
    lines
}

/// Runs a program whose output appears on the terminal.
pub fn loudly(command: &mut Command) -> Result<()> {
    let what = line_of(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {what}"))?;
    if !status.success() {
        bail!("{what} ended with {status}");
    }
    Ok(())
}

/// Runs a program and returns the stdout of the program. If the program fails, the error contains the program's stderr.
pub fn output_of(command: &mut Command) -> Result<String> {
    output_as(&line_of(command), command)
}

/// Runs a program in the same way as [`output_of`]. An error contains `what` instead of the arguments, because an
/// argument can be a secret.
pub fn output_as(what: &str, command: &mut Command) -> Result<String> {
    output_with_input(what, command, "")
}

/// Runs a program in the same way as [`output_as`], with `input` on stdin. A password must be passed on stdin, never as
/// an argument.
pub fn output_with_input(what: &str, command: &mut Command, input: &str) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {what}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // If the program ends without reading stdin, the write fails with a broken pipe. This error is ignored, because
        // the program's stderr contains the reason.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{what} ended with {}: {}", output.status, errors.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Creates a cargo command without the environment variables of the outer `cargo run`.
///
/// Cargo sets `CARGO_PKG_*` for the programs that cargo runs. With these variables, an inner cargo would treat all
/// crates as changed. Cargo also puts the libraries of its toolchain first in the library path. This library path is
/// wrong if the inner build uses another toolchain.
pub fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(paths::root());
    clean_cargo_env(&mut command);
    command
}

/// Removes the environment variables of an outer `cargo run`, for programs that run cargo.
pub fn clean_cargo_env(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_outer_cargo) {
            command.env_remove(name);
        }
    }
    if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
        match without_toolchains(&path) {
            Some(rest) => command.env("LD_LIBRARY_PATH", rest),
            None => command.env_remove("LD_LIBRARY_PATH"),
        };
    }
}

fn is_of_outer_cargo(name: &str) -> bool {
    name == "CARGO"
        || ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|p| name.starts_with(p))
}

fn without_toolchains(path: &OsString) -> Option<OsString> {
    let kept: Vec<_> = std::env::split_paths(path)
        .filter(|dir| {
            let dir = dir.to_string_lossy();
            !dir.is_empty() && !dir.contains("/toolchains/") && !dir.contains("/target/")
        })
        .collect();
    if kept.is_empty() { None } else { std::env::join_paths(kept).ok() }
}

/// Returns the last lines of a text file, for an error message.
pub fn tail(file: &Path, lines: usize) -> String {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file).and_then(|mut f| f.read_to_end(&mut bytes));
    if read.is_err() {
        return format!("({} cannot be read)", file.display());
    }
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<_> = text.lines().collect();
    all.iter().skip(all.len().saturating_sub(lines)).map(|line| format!("  | {line}\n")).collect()
}

/// Returns the name and the arguments of a program. The environment is omitted, because environment variables can
/// contain secrets.
pub fn line_of(command: &Command) -> String {
    let mut line = Path::new(command.get_program())
        .file_name()
        .map_or_else(|| "?".into(), |name| name.to_string_lossy().into_owned());
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

fn boxed<R: Read + Send + 'static>(pipe: R) -> Box<dyn Read + Send> {
    Box::new(pipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_programs_tell_why() {
        let error = output_of(Command::new("sh").args(["-c", "echo nope >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("nope"), "{error}");
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(output_with_input("cat", &mut Command::new("cat"), "word\n").unwrap(), "word");
    }

    #[test]
    fn a_hanging_program_is_given_up() {
        let began = Instant::now();
        let ok = within(Duration::from_millis(100), "hang", Command::new("sleep").arg("600")).unwrap();
        assert!(!ok && began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn foreign_library_paths_stay() {
        let path = OsString::from("/opt/lib:/root/.rustup/toolchains/x/lib:/w/target/debug/deps");
        assert_eq!(without_toolchains(&path), Some("/opt/lib".into()));
        assert_eq!(without_toolchains(&"/a/toolchains/b/lib".into()), None);
    }

    #[test]
    fn outer_cargo_variables_are_known() {
        assert!(is_of_outer_cargo("CARGO_PKG_NAME") && is_of_outer_cargo("CARGO_MANIFEST_DIR"));
        assert!(!is_of_outer_cargo("CARGO_HOME") && !is_of_outer_cargo("CARGO_TARGET_DIR"));
    }
}
