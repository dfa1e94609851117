//! Tests the colours and the width of texts on a real terminal.

use std::process::Command;

use e2e::Site;
use e2e::site::OWNER;

use super::shell::{Shell, finish, stderr, stdout};

const GREEN_ONLINE: &str = "\u{1b}[32monline\u{1b}[0m";

#[track_caller]
fn shown(command: Command) -> String {
    let output = finish(command, "");
    assert!(output.status.success(), "{} {}", stdout(&output), stderr(&output));
    stdout(&output)
}

#[test]
fn colours_are_for_terminals_and_can_be_chosen() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let owner = Shell::new();
    owner.log_in(&site, OWNER);
    let coloured = |command: Command| shown(command).contains(GREEN_ONLINE);
    let with = |mut command: Command, variable: &str| {
        command.env(variable, "1");
        command
    };
    assert!(coloured(owner.in_terminal("pinlatch devices")));
    assert!(!coloured(owner.in_terminal("pinlatch devices | cat")));
    assert!(!coloured(owner.in_terminal("pinlatch devices --color never")));
    assert!(!coloured(with(owner.in_terminal("pinlatch devices"), "NO_COLOR")));
    assert!(coloured(with(owner.in_terminal("pinlatch devices --color always"), "NO_COLOR")));
    assert!(!coloured(owner.command(&["devices"])));
    assert!(coloured(owner.command(&["devices", "--color", "always"])));
    assert!(coloured(with(owner.command(&["devices"]), "CLICOLOR_FORCE")));
    assert!(!shown(owner.command(&["devices", "--json", "--color", "always"])).contains('\u{1b}'));

    let error = finish(owner.command(&["send", "porch/nothing", "on", "--color", "always"]), "");
    assert!(stderr(&error).starts_with("\u{1b}[1m\u{1b}[31mpinlatch:\u{1b}[0m "), "{}", stderr(&error));
    assert!(!owner.complains(&["send", "porch/nothing", "on"]).contains('\u{1b}'));
}

#[test]
fn a_table_is_not_wider_than_the_terminal() {
    let site = Site::shared();
    let owner = Shell::new();
    owner.log_in(&site, OWNER);
    owner.says(&["token", "create", "a-long-name-of-a-token", "--scope", "line:porch/lamp:set"], "");
    for width in [40, 80, 200] {
        let command = format!("stty cols {width} rows 24 && pinlatch tokens --color never");
        let table = shown(owner.in_terminal(&command));
        assert!(table.contains("a-long-name-of-a-token") && table.contains("line:porch/lamp:set"), "{table}");
        let widest = table.lines().map(|line| line.trim_end().chars().count()).max().unwrap_or_default();
        assert!(widest <= width, "{width}: {table}");
    }
    // Programs get one line per token.
    let piped = owner.shows(&["tokens"]);
    assert_eq!(piped.lines().count(), 2, "{piped}");
}
