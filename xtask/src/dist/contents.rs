//! Defines the contents of each software package. The source files are in `packaging/`.

use std::fs;

use anyhow::{Context, Result};

use super::package::{File, Package};
use crate::{paths, tools::cross::Machine};

const HOMEPAGE: &str = "Homepage: https://github.com/pinlatch/pinlatch\n";

/// Creates the agent's package, which contains the program and its systemd units.
pub fn agent(machine: Machine, version: &str, program: &[u8]) -> Result<Package> {
    let of = |path, name: &str| {
        anyhow::Ok(File { path, mode: 0o644, content: packaging(&format!("agent/{name}"))? })
    };
    let script = |name| anyhow::Ok((name, packaging(&format!("agent/{name}"))?));
    Ok(Package {
        name: "pinlatch-agent",
        version: version.into(),
        architecture: machine.name(),
        control: format!(
            "Depends: systemd, init-system-helpers, passwd\nSection: net\nPriority: optional\n{HOMEPAGE}\
             Description: operates GPIO lines on signed commands from anywhere\n \
             The agent runs on a Pinlatch device. It keeps a connection to the edge, verifies\n \
             every command, and drives the lines within the limits of its configuration file.\n"
        ),
        conffiles: &["etc/pinlatch/agent.toml"],
        scripts: vec![script("postinst")?, script("postrm")?, script("prerm")?],
        files: vec![
            File { path: "usr/bin/pinlatch-agent", mode: 0o755, content: program.to_vec() },
            of("etc/pinlatch/agent.toml", "agent.toml")?,
            of("lib/systemd/system/pinlatch-agent.service", "pinlatch-agent.service")?,
            of("lib/systemd/system/pinlatch-agent.path", "pinlatch-agent.path")?,
            of("lib/udev/rules.d/60-pinlatch.rules", "60-pinlatch.rules")?,
            of("usr/lib/sysusers.d/pinlatch-agent.conf", "sysusers.conf")?,
            File { path: "usr/share/doc/pinlatch-agent/copyright", mode: 0o644, content: copyright()? },
        ],
    })
}

pub fn command_line(machine: Machine, version: &str, program: &[u8]) -> Result<Package> {
    Ok(Package {
        name: "pinlatch",
        version: version.into(),
        architecture: machine.name(),
        control: format!(
            "Section: net\nPriority: optional\n{HOMEPAGE}\
             Description: command line of Pinlatch's owner\n \
             Makes the keys of a deployment, enrols devices, manages people and tokens,\n \
             sends commands and reads the audit log.\n"
        ),
        conffiles: &[],
        scripts: Vec::new(),
        files: vec![
            File { path: "usr/bin/pinlatch", mode: 0o755, content: program.to_vec() },
            File { path: "usr/share/doc/pinlatch/copyright", mode: 0o644, content: copyright()? },
        ],
    })
}

fn packaging(name: &str) -> Result<Vec<u8>> {
    let file = paths::root().join("packaging").join(name);
    fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// Returns a text with a reference to the Apache licence and the text of the MIT licence. Debian installs the text of
/// the Apache licence on every system.
fn copyright() -> Result<Vec<u8>> {
    let file = paths::root().join("LICENSE-MIT");
    let mit = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let head = "Pinlatch is licensed under the Apache License 2.0 (on Debian: /usr/share/common-licenses/Apache-2.0)\n\
                or, at your option, under the MIT licence:\n\n";
    Ok(format!("{head}{mit}").into_bytes())
}
