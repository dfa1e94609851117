//! Arbitrary frames from the edge's side of the socket: each is handled or ignored, and no frame changes a line without
//! the edge's signature.
#![no_main]

use std::cell::RefCell;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pinlatch_agent::clock::EdgeClock;
use pinlatch_agent::commands::Commands;
use pinlatch_agent::config::Config;
use pinlatch_agent::lines::Lines;
use pinlatch_agent::uplink::session::{Frame, parse_frame};
use pinlatch_protocol::agent::ToAgent;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::EdgeKeys;

const CONFIG: &str =
    "state_dir = \"s\"\n[simulator]\n[lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"\n";
const NOW_MS: u64 = 1_800_000_000_000;

struct Agent {
    commands: Commands,
    lines: Lines,
    clock: EdgeClock,
}

thread_local! {
    static AGENT: RefCell<Agent> = RefCell::new(agent());
}

fn agent() -> Agent {
    let config = Config::parse(CONFIG, Path::new("/")).expect("a configuration");
    let keys = EdgeKeys::generate().expect("keys");
    let name = |text| Name::new(text).expect("a name");
    let session = "a-session-nonce-of-22-b".into();
    Agent {
        commands: Commands::new(name("home"), name("porch"), session, keys.public().clone()),
        lines: Lines::open(&config).0,
        clock: EdgeClock::new(NOW_MS, 0, 0),
    }
}

fuzz_target!(|text: &str| {
    AGENT.with_borrow_mut(|Agent { commands, lines, clock }| {
        // An input that is not a command frame is tried as the token of a command.
        let jwt = match parse_frame(text) {
            Some(Frame::Message(ToAgent::Command { jwt, .. })) => jwt,
            _ => text.to_owned(),
        };
        if let Some(answer) = commands.handle(&jwt, lines, clock, || 0) {
            assert_ne!(answer.outcome.status, CommandStatus::Executed);
        }
        assert_eq!(lines.infos()[0].level, Some(Level::On(false)));
    });
});
