//! Runs the command line as a user would, with a separate configuration folder.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use e2e::site::PASSWORD;
use e2e::{Site, program, soon};
use serde_json::Value;
use tempfile::TempDir;

/// The variables that change the colours of the output.
const COLOUR_VARIABLES: [&str; 4] = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM"];

/// The command line of one user, with a separate configuration folder.
pub struct Shell {
    pub folder: TempDir,
}

impl Shell {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(program("PINLATCH_BIN"));
        command.args(arguments);
        command
    }

    /// Runs the command without a controlling terminal, even if the tests were started in a terminal.
    pub fn without_terminal(&self, arguments: &[&str]) -> Command {
        let mut command = self.program("setsid");
        command.arg("--wait").arg(program("PINLATCH_BIN")).args(arguments);
        command
    }

    /// Runs a shell command in a new terminal. In the shell command, `pinlatch` is the command line.
    pub fn in_terminal(&self, shell_command: &str) -> Command {
        let mut command = self.program("script");
        command.args(["--quiet", "--return", "--command", shell_command, "/dev/null"]);
        let folder = program("PINLATCH_BIN").parent().expect("a folder").to_owned();
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", folder.display())).env("TERM", "xterm-256color");
        command.env("SHELL", "/bin/sh");
        command
    }

    fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PINLATCH_CONFIG_DIR", self.folder.path());
        for variable in COLOUR_VARIABLES {
            command.env_remove(variable);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        finish(self.command(arguments), input)
    }

    /// Runs a command that must succeed, and returns its JSON output.
    #[track_caller]
    pub fn says(&self, arguments: &[&str], input: &str) -> Value {
        let with_json = [&["--json"], arguments].concat();
        // The command is repeated while the gate is busy with the password hashes of other tests.
        let output = soon("it is not throttled", || {
            let output = self.run(&with_json, input);
            (!String::from_utf8_lossy(&output.stdout).contains("\"throttled\"")).then_some(output)
        });
        let text = stdout(&output);
        assert!(output.status.success(), "{arguments:?}: {text} {}", stderr(&output));
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments:?}: {text}"))
    }

    /// Runs a command that must succeed, and returns its text.
    #[track_caller]
    pub fn shows(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    /// Runs a command that must fail, and returns the error code of the problem document.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(&[&["--json"], arguments].concat(), "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let problem: Value = serde_json::from_slice(&output.stdout).expect("a problem");
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Runs a command that must fail, and returns its text on stderr.
    #[track_caller]
    pub fn complains(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stdout(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
        stderr(&output)
    }

    pub fn log_in(&self, site: &Site<'_>, username: &str) {
        let url = site.deployment.origin();
        let login = ["login", "--url", url, "--site", &site.name, "--username", username, "--password-stdin"];
        self.says(&login, &format!("{PASSWORD}\n"));
    }

    /// Changes the stored login session.
    pub fn alter_session(&self, change: impl FnOnce(&mut Value)) {
        let file = self.folder.path().join("credentials.json");
        let mut session = serde_json::from_slice(&std::fs::read(&file).expect("a session")).expect("JSON");
        change(&mut session);
        std::fs::write(file, session.to_string()).expect("a session");
    }
}

pub fn finish(mut command: Command, input: &str) -> Output {
    let mut child = command.spawn().expect("a program");
    let _ = child.stdin.take().expect("stdin").write_all(input.as_bytes());
    child.wait_with_output().expect("an end")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
