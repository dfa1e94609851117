//! Parses and runs the code blocks of one guide.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use e2e::program as path_of;

pub struct Page {
    /// The name of the guide's file in `docs/guides`, without `.md`.
    pub name: &'static str,
    blocks: Vec<Block>,
    variables: BTreeMap<String, String>,
}

struct Block {
    language: String,
    purpose: String,
    text: String,
}

impl Page {
    /// Reads a guide. The argument `variables` contains the variables that the guide asks for, except the URL of the
    /// deployment.
    pub fn read(name: &'static str, variables: &[(&str, &str)]) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/guides/{name}.md"));
        let blocks = blocks(&std::fs::read_to_string(&file).expect("a guide"));
        let known = ["yours", "configure", "deploy", "run"];
        for Block { language, purpose, .. } in &blocks {
            let is_file = purpose.contains('.') && language != "sh";
            assert!(
                is_file || (language == "sh" && known.contains(&purpose.as_str())),
                "{name}: {language} {purpose}"
            );
        }
        let asked =
            blocks.iter().filter(|block| block.purpose == "yours").flat_map(|block| block.text.lines());
        let mut asked: Vec<String> = asked
            .map(|line| {
                line.strip_prefix("export ")
                    .and_then(|rest| rest.split_once('='))
                    .expect("export NAME=…")
                    .0
                    .into()
            })
            .collect();
        let mut given: Vec<String> = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
        given.push("PINLATCH_URL".into());
        asked.sort();
        given.sort();
        assert_eq!(asked, given, "{name}: what the guide asks for is what the test gives");
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { name, blocks, variables: variables.collect() }
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.into(), value.into());
    }

    /// Returns whether the guide has code blocks with this purpose.
    pub fn has(&self, purpose: &str) -> bool {
        self.blocks.iter().any(|block| block.language == "sh" && block.purpose == purpose)
    }

    /// Writes the files of the guide into a folder. Then runs the code blocks with this purpose in that folder, in one
    /// shell. Returns the output of the code blocks.
    pub fn run(&self, folder: &Path, purpose: &str) -> String {
        for block in self.blocks.iter().filter(|block| block.language != "sh") {
            std::fs::write(folder.join(&block.purpose), &block.text).expect("a file");
        }
        let wanted = self.blocks.iter().filter(|block| block.language == "sh" && block.purpose == purpose);
        let script: String = wanted.map(|block| format!("{}\n", block.text)).collect();
        assert!(!script.is_empty(), "{} has nothing to {purpose}", self.name);
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", &script]).envs(&self.variables);
        let output = ended(&mut shell, folder, "");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (said, complained) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{} {purpose}: {said}\n{complained}", self.name);
        said
    }
}

/// Runs a program from the search path `PATH`, as a reader of the guides does.
pub fn program(folder: &Path, command: &[&str], input: &str) -> Output {
    let (name, arguments) = command.split_first().expect("a program");
    ended(Command::new(name).args(arguments), folder, input)
}

/// Runs `pinlatch` from the search path `PATH`, as a reader of the guides does.
pub fn pinlatch(folder: &Path, arguments: &[&str], input: &str) -> Output {
    ended(Command::new("pinlatch").args(arguments), folder, input)
}

fn ended(command: &mut Command, folder: &Path, input: &str) -> Output {
    let folder_of = |variable: &str| path_of(variable).parent().map(Path::to_owned).expect("a folder");
    let mut path: Vec<PathBuf> = ["PINLATCH_BIN", "PINLATCH_AGENT_BIN", "PINLATCH_PYTHON", "PINLATCH_NODE"]
        .into_iter()
        .map(folder_of)
        .collect();
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let path = std::env::join_paths(path).expect("a search path");
    command.current_dir(folder).env("PATH", path).env("PINLATCH_CONFIG_DIR", folder.join("owner"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let _ = child.stdin.take().expect("stdin").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

/// Returns the fenced code blocks of a Markdown page.
fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(fence) = line.strip_prefix("```") else { continue };
        let (language, purpose) = fence.split_once(' ').unwrap_or((fence, ""));
        let text: String =
            lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        found.push(Block { language: language.into(), purpose: purpose.into(), text });
    }
    found
}
