//! Tests the readings and receipts that the agent signs with the device's key.

use pinlatch_agent::credentials::Credentials;
use pinlatch_protocol::agent::{FromAgent, ToAgent, no_reading};
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::identity::{self, DeviceIdentity};
use pinlatch_token::reading::Reading;
use pinlatch_token::receipt::Receipt;
use pinlatch_token::{Refusal, SigningKey};
use serde_json::{Value, json};
use xtask::simulated_lines;

use crate::edge::{Connection, Edge};
use crate::test_agent::TestAgent;

const LINES: &str = simulated_lines! {
    "door": "momentary", "receipts = true";
    "bell": "contact", "debounce_ms = 0", "signed = true";
    "window": "contact", "debounce_ms = 0";
    "heat": "sensor", "unit = \"°C\"";
};

const NONCE: &str = "0123456789abcdef";

/// Returns the identity of the enrolled device, signed by a root key of this test.
fn identity_of(test_agent: &TestAgent) -> DeviceIdentity {
    let own = Credentials::load(&test_agent.state_dir()).unwrap();
    let root = SigningKey::generate();
    let token = identity::sign(&root, &own.site, &own.device, &own.key.public(), 1).unwrap();
    DeviceIdentity::verify(&token, &root.public(), &own.site, None).unwrap()
}

/// Sets the level of a simulated input. The agent runs on the thread of the test, so this thread must not wait.
async fn drive(test_agent: &TestAgent, line: &'static str, level: Value) {
    let device = test_agent.device();
    tokio::task::spawn_blocking(move || device.drive(line, &level)).await.unwrap().unwrap();
}

/// Asks for a reading. Returns the reading or the code of the refusal.
async fn ask(link: &mut Connection, line: &str, nonce: Option<&str>) -> Result<String, String> {
    let (question, line) = (format!("q-{line}"), Name::new(line).unwrap());
    link.say(&ToAgent::Read { question: question.clone(), line, nonce: nonce.map(Into::into) }).await;
    loop {
        if let FromAgent::Reading { question: answered, jwt, code } = link.next().await.unwrap() {
            assert_eq!(answered, question);
            assert_ne!(jwt.is_some(), code.is_some(), "either a reading or a code");
            return jwt.ok_or_else(|| code.unwrap());
        }
    }
}

#[tokio::test]
async fn a_question_is_answered_with_a_signed_level_or_a_code() {
    let (test_agent, mut edge) = (TestAgent::of(LINES), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let device = identity_of(&test_agent);
            let door = ask(&mut link, "door", Some(NONCE)).await.unwrap();
            let reading = Reading::verify(&door, &device, Some(NONCE)).unwrap();
            assert_eq!((reading.line.as_str(), reading.level), ("door", Level::On(false)));
            assert_eq!(reading.measured_ms, reading.moment.at_ms, "an output is read at once");
            assert_eq!(Reading::verify(&door, &device, Some("another-nonce-00")), Err(Refusal::WrongNonce));
            assert_eq!(ask(&mut link, "shed", None).await, Err(no_reading::UNKNOWN_LINE.into()));
            assert_eq!(ask(&mut link, "heat", None).await, Err(no_reading::LEVEL_UNKNOWN.into()));
            drive(&test_agent, "heat", json!(21.5)).await;
            link.event("heat").await;
            let heat = ask(&mut link, "heat", None).await.unwrap();
            let heat = Reading::verify(&heat, &device, None).unwrap();
            assert_eq!((heat.level, heat.unit.as_deref()), (Level::Number(21.5), Some("°C")));
            assert_eq!((heat.moment.n, &heat.moment.boot), (2, &reading.moment.boot));
            // The number of signatures is limited, and the agent keeps answering.
            let mut busy = None;
            for _ in 0..1_000 {
                if let Err(code) = ask(&mut link, "door", None).await {
                    busy = Some(code);
                    break;
                }
            }
            assert_eq!(busy.as_deref(), Some(no_reading::BUSY));
            let order = link.order("c", "door", "pulse", json!({ "ms": 1 })).sign();
            assert_eq!(link.command(order).await.status, CommandStatus::Executed);
        })
        .await;
}

#[tokio::test]
async fn only_a_signed_line_signs_its_changes() {
    let (test_agent, mut edge) = (TestAgent::of(LINES), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let device = identity_of(&test_agent);
            for (name, is_signed) in [("bell", true), ("window", false)] {
                drive(&test_agent, name, json!(true)).await;
                let event = link.next().await.unwrap();
                let FromAgent::Event { line, level, at_ms, reading, .. } = event else { panic!("{event:?}") };
                assert_eq!((line.as_str(), level), (name, Some(Level::On(true))));
                assert_eq!(reading.is_some(), is_signed, "{name}");
                if let Some(reading) = reading {
                    let reading = Reading::verify(&reading, &device, None).unwrap();
                    assert_eq!(Some(reading.level), level);
                    assert!(reading.measured_ms.abs_diff(at_ms) <= 50, "{reading:?} {at_ms}");
                }
            }
        })
        .await;
}

/// The hello message must fit into one frame, so an unconfirmed outcome comes first without its receipt, and then with
/// its receipt. The receipt is the same in every report.
#[tokio::test]
async fn an_unconfirmed_receipt_follows_the_hello() {
    let (test_agent, mut edge) = (TestAgent::of(LINES), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            link.silent = true;
            let order = link.order("c1", "door", "pulse", json!({ "ms": 1 })).sign();
            let outcome = link.command(order).await;
            let receipt = outcome.receipt.clone().unwrap();
            let read = Receipt::verify(&receipt, &identity_of(&test_agent)).unwrap();
            assert_eq!(
                (read.command.as_str(), read.status, read.moment.n),
                ("c1", CommandStatus::Executed, 1)
            );
            drop(link);
            let (mut next, hello) = edge.welcome().await;
            let FromAgent::Hello { outcomes, .. } = hello else { panic!("{hello:?}") };
            assert_eq!(outcomes, [outcome.repeated().without_receipt()]);
            let again = next.outcome().await;
            assert_eq!((again.id.as_str(), again.receipt.as_ref()), ("c1", Some(&receipt)));
        })
        .await;
}
