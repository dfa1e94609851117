//! Arbitrary agent configurations: each is accepted or refused, and the position of each issue is inside the file.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pinlatch_agent::config::Config;
use pinlatch_protocol::agent::MAX_LINES;
use pinlatch_protocol::line::Level;

fuzz_target!(|text: &str| {
    match Config::parse(text, Path::new("/etc/pinlatch")) {
        Err(issues) => {
            assert!(!issues.is_empty());
            let lines = text.split('\n').count();
            for issue in issues {
                assert!(issue.code.starts_with("config_") && !issue.message.is_empty());
                assert!(issue.at.is_none_or(|(line, column)| (1..=lines).contains(&line) && column > 0));
            }
        }
        Ok(config) => {
            assert!((1..=MAX_LINES).contains(&config.lines.len()));
            for line in &config.lines {
                let output = !line.kind.actions().is_empty();
                assert_eq!(output, line.safe.is_some());
                assert!([line.safe, line.initial].iter().flatten().all(|level| line.kind.admits(level)));
                // A line with a time limit or an interlock never turns on without a command.
                let by_itself = [line.safe, line.initial].iter().flatten().any(Level::is_on);
                assert!(line.max_on.is_none() || !by_itself);
            }
            for interlock in &config.interlocks {
                assert!(interlock.lines.len() > 1);
                for index in &interlock.lines {
                    assert!(config.lines[*index].safe.is_some_and(|level| !level.is_on()));
                }
            }
        }
    }
});
