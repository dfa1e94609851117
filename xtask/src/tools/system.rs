//! Finds missing packages of the operating system, and installs these packages after permission.

use std::{
    io::IsTerminal,
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, bail};

use super::setup::{Consent, Setup};
use crate::{paths, process, ui};

/// A program in a package of the operating system. If a system needs several packages, their names are separated by
/// spaces. An empty text means that the system has no package for the program, or needs none.
pub struct Package {
    /// The program's name in the message about missing programs.
    pub name: &'static str,
    /// A function that returns whether the program is installed.
    pub present: fn(&Self) -> bool,
    /// The package names on Debian, Ubuntu and Raspberry Pi OS.
    pub debian: &'static str,
    pub fedora: &'static str,
    pub arch: &'static str,
    /// The package names of Homebrew on macOS.
    pub homebrew: &'static str,
}

impl Package {
    /// Creates a package that has the same name as its program on every system.
    pub const fn program(name: &'static str) -> Self {
        let present = |own: &Self| paths::on_path(own.name).is_some();
        Self { name, present, debian: name, fedora: name, arch: name, homebrew: name }
    }

    pub fn is_present(&self) -> bool {
        (self.present)(self)
    }
}

/// A family of operating systems with the same package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Debian,
    Fedora,
    Arch,
    Homebrew,
}

impl System {
    /// Detects the operating system by its package manager.
    fn detect() -> Option<Self> {
        let managers = [
            ("apt-get", Self::Debian),
            ("dnf", Self::Fedora),
            ("pacman", Self::Arch),
            ("brew", Self::Homebrew),
        ];
        managers.into_iter().find_map(|(program, system)| paths::on_path(program).map(|_| system))
    }

    fn names(self, package: &Package) -> &'static str {
        match self {
            Self::Debian => package.debian,
            Self::Fedora => package.fedora,
            Self::Arch => package.arch,
            Self::Homebrew => package.homebrew,
        }
    }

    /// Returns the command that a person would type to install packages.
    fn install_line(self, packages: &[&Package]) -> String {
        let names: Vec<_> =
            packages.iter().map(|package| self.names(package)).filter(|n| !n.is_empty()).collect();
        let names = names.join(" ");
        match self {
            Self::Debian => format!("{}apt-get install -y --no-install-recommends {names}", sudo_prefix()),
            Self::Fedora => format!("{}dnf install {names}", sudo_prefix()),
            Self::Arch => format!("{}pacman -S --needed {names}", sudo_prefix()),
            Self::Homebrew => format!("brew install {names}"),
        }
    }
}

/// Returns the command that installs a package on this system. `cargo xtask doctor` prints this command.
pub fn install_line(package: &Package) -> String {
    System::detect()
        .map_or_else(|| format!("install {}", package.name), |system| system.install_line(&[package]))
}

impl Setup {
    /// Installs missing packages after permission. On systems other than Debian, this function returns an error that
    /// contains the install command.
    pub fn ensure_packages(&self, purpose: &str, packages: &[&Package]) -> Result<()> {
        // Two steps that run in parallel must not install packages at the same time.
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<&Package> =
            packages.iter().copied().filter(|package| !package.is_present()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = missing.iter().map(|package| package.name).collect();
        let names = names.join(", ");
        let Some(system) = System::detect() else {
            bail!("{purpose} needs these missing programs: {names}. Install them and try again.");
        };
        let line = system.install_line(&missing);
        if system != System::Debian {
            bail!(
                "{purpose} needs these missing programs: {names}. Install them with this command and try again:\n    {line}"
            );
        }
        self.permit(&format!("{purpose} needs {names}"), &[line])?;
        let mut update = as_root("apt-get");
        process::quietly("updating the package lists (network)", update.args(["update", "-q"]))?;
        let mut install = as_root("apt-get");
        install.args(["install", "-y", "--no-install-recommends"]).env("DEBIAN_FRONTEND", "noninteractive");
        install.args(missing.iter().flat_map(|package| package.debian.split(' ')));
        process::quietly("installing Debian packages (network)", &mut install)?;
        match missing.iter().find(|package| !package.is_present()) {
            Some(package) => bail!("the packages were installed, but {} is still missing", package.name),
            None => Ok(()),
        }
    }

    /// Prints commands that change the system, and asks for permission to run these commands.
    pub fn permit(&self, purpose: &str, commands: &[String]) -> Result<()> {
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let root = rustix::process::geteuid().is_root();
        ui::say(&format!("{purpose}:"));
        commands.iter().for_each(|command| ui::say(&format!("    {command}")));
        match self.consent {
            Consent::Given => Ok(()),
            Consent::Ask if terminal => ui::pause(ask),
            Consent::Ask if root => Ok(()),
            Consent::Ask => {
                bail!("nothing was installed; run the command above, or run cargo xtask again with --yes")
            }
            Consent::Refused => bail!("nothing was installed (--no-install); run the command above"),
        }
    }
}

fn ask() -> Result<()> {
    eprint!("Run this command now? [Y/n] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "" | "y" | "Y" | "yes") && answer.ends_with('\n') {
        return Ok(());
    }
    bail!("nothing was installed; run the command above, then try again")
}

/// Creates a command that runs as root. The command uses sudo if this process does not run as root.
pub fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

/// Returns the prefix with which messages show [`as_root`] commands.
pub fn sudo_prefix() -> &'static str {
    if rustix::process::geteuid().is_root() { "" } else { "sudo " }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(consent: Consent) -> Setup {
        Setup { consent, ..Setup::new(Consent::Refused).unwrap() }
    }

    const ABSENT: Package = Package { fedora: "", homebrew: "one two", ..Package::program("no-such-thing") };

    #[test]
    fn each_system_has_its_command() {
        let other = Package::program("jq");
        let line = |system: System| system.install_line(&[&ABSENT, &other]);
        assert!(
            line(System::Debian).ends_with("apt-get install -y --no-install-recommends no-such-thing jq")
        );
        assert!(line(System::Fedora).ends_with("dnf install jq"));
        assert!(line(System::Arch).ends_with("pacman -S --needed no-such-thing jq"));
        assert_eq!(line(System::Homebrew), "brew install one two jq");
    }

    #[test]
    fn without_permission_nothing_is_installed() {
        let error = setup(Consent::Refused).ensure_packages("this test", &[&ABSENT]).unwrap_err().to_string();
        assert!(error.contains("--no-install") || error.contains("no-such-thing"), "{error}");
        setup(Consent::Refused).ensure_packages("this test", &[&Package::program("sh")]).unwrap();
    }
}
