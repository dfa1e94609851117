//! Tests the configuration files in the folder `tests/config`. Every file in the folder `valid` must load. Every file
//! in the folder `invalid` must fail with exactly the errors that its first lines list. Each listed error has the form
//! `# expect LINE:COLUMN CODE PART OF THE MESSAGE`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pinlatch_agent::config::{Config, DriverConfig, OnLinkLoss};
use pinlatch_protocol::line::LineKind;

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn valid_configurations_load() {
    for file in fixtures("valid") {
        if let Err(error) = Config::load(&file) {
            panic!("{error}");
        }
    }
}

#[test]
fn invalid_configurations_say_what_is_wrong_and_where() {
    for file in fixtures("invalid") {
        let text = std::fs::read_to_string(&file).unwrap();
        let expected: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# expect ")).collect();
        let error = Config::load(&file).expect_err(file.to_str().unwrap());
        let shown: Vec<String> = error
            .issues
            .iter()
            .map(|issue| {
                let at = issue.at.map_or("-".into(), |(line, column)| format!("{line}:{column}"));
                format!("{at} {} {}", issue.code, issue.message)
            })
            .collect();
        assert_eq!(shown.len(), expected.len(), "{}: {shown:#?}", file.display());
        for (shown, expected) in shown.iter().zip(expected) {
            let [at, code, part] = expected.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                panic!("{}: {expected}", file.display())
            };
            assert!(
                shown.starts_with(&format!("{at} {code} ")) && shown.contains(part),
                "{}:\n{shown}\nis not\n{expected}",
                file.display()
            );
        }
    }
}

#[test]
fn defaults_are_the_careful_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/valid");
    let config = Config::load(&folder.join("demo.toml")).unwrap();
    assert_eq!(config.state_dir, folder.join("state"));
    let names: Vec<&str> = config.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["door", "lamp", "bell", "rose"], "the owner's order");
    let [door, lamp, bell, rose] = &config.lines[..] else { panic!() };
    assert_eq!(door.max_on, Some(Duration::from_secs(5)));
    assert_eq!(bell.debounce, Duration::from_millis(20));
    assert_eq!(lamp.on_link_loss, OnLinkLoss::Hold, "the site restores it");
    assert_eq!(rose.on_link_loss, OnLinkLoss::SafeAfter(Duration::from_secs(60)));
    assert!(bell.safe.is_none() && rose.safe.is_some());
}

#[test]
fn an_unreadable_file_is_named() {
    let error = Config::load(Path::new("/nonexistent/agent.toml")).unwrap_err();
    assert_eq!(error.issues[0].code, "config_unreadable");
    assert!(error.to_string().starts_with("/nonexistent/agent.toml: "));
}

#[test]
fn what_is_measured_and_driven_has_fitting_defaults() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/valid");
    let config = Config::load(&folder.join("all.toml")).unwrap();
    let line = |name: &str| config.lines.iter().find(|line| line.name.as_str() == name).unwrap();
    let sensing = |name: &str| line(name).sensing.clone().unwrap();
    assert_eq!((sensing("air").unit.as_deref(), sensing("air").precision), (Some("%"), 1));
    assert_eq!(sensing("air").interval, Duration::from_secs(30));
    assert_eq!((sensing("cpu").unit.as_deref(), sensing("cpu").precision), (Some("K"), 0));
    let periods: Vec<u64> = config
        .lines
        .iter()
        .filter_map(|line| match &line.driver {
            DriverConfig::Pwm(pwm) => Some(pwm.period_ns),
            _ => None,
        })
        .collect();
    assert_eq!(periods, [2_000_000, 1_000_000, 20_000_000], "of lamp, rose and flap");
    assert_eq!(line("flap").range_deg, Some((20.0, 160.5)));
    assert_eq!(config.interlocks[0].lines, [0, 1]);
    assert_eq!(config.status_socket, Some(folder.join("agent.sock")));
}

#[test]
fn the_simulator_example_has_every_kind() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/simulator/agent.toml");
    let config = Config::load(&file).unwrap();
    assert!(config.lines.iter().all(|line| line.driver == DriverConfig::Sim));
    let kinds: HashSet<LineKind> = config.lines.iter().map(|line| line.kind).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}

#[test]
fn the_examples_of_the_documentation_load() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/config.md");
    let page = std::fs::read_to_string(page).unwrap();
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 2);
    // The second example on the page continues the configuration of the first example.
    let config = Config::parse(&examples.join("\n"), Path::new("")).unwrap();
    assert_eq!(config.lines.len(), 11);
}
