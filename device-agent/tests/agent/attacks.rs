//! Sends every attack of the attack catalogue as a command to a running agent. No attack changes a line, even if the
//! edge or the network is hostile.

use pinlatch_protocol::agent::{Outcome, ToAgent};
use pinlatch_protocol::command::CommandStatus;
use serde_json::{Value, json};

use crate::edge::{Connection, Edge, site};
use crate::for_each_attack;
use crate::forge::attacks::{self, Attack};
use crate::forge::{Role, Signer, Subject};
use crate::test_agent::TestAgent;

/// The maximum size of a token that fits into a frame, in bytes. A longer frame would end the connection.
const LARGEST: usize = 12 * 1024;

macro_rules! all {
    ([$($module:ident :: $attack:ident,)*] [$($own:ident :: $particular:ident,)*]) => {
        const ALL: &[(&str, Attack)] = &[
            $((stringify!($attack), attacks::$module::$attack),)*
            $((stringify!($particular), attacks::$own::$particular),)*
        ];
    };
}

for_each_attack!(all);

/// Returns a valid command for this connection. The attacks are altered copies of the returned command.
fn subject(edge: &Edge, link: &Connection, id: &str) -> Subject {
    let token = link.order(id, "door", "pulse", json!({ "ms": 1 })).sign();
    let state = edge.state.lock().unwrap();
    let keys: Value = serde_json::from_str(state.keys.to_private_jwks().expose()).unwrap();
    let signer = Signer::of_private_jwk(&keys["keys"][0]);
    let (session, now_ms) = (link.session.as_str(), state.now_ms());
    let welcome = pinlatch_token::welcome::sign(&state.keys, &site(), session, now_ms).unwrap();
    let others = [state.keyset.clone(), welcome];
    Subject::of(Role::Command, &signer, &token, now_ms / 1000).beside(&others)
}

/// Waits for the outcome of the command `id`. Returns all received outcomes, of which the outcome of `id` is the last.
async fn outcomes_until(link: &mut Connection, id: &str) -> Vec<Outcome> {
    let mut all = Vec::new();
    loop {
        let outcome = link.outcome().await;
        let last = outcome.id == id;
        all.push(outcome);
        if last {
            return all;
        }
    }
}

#[tokio::test]
async fn no_attack_of_the_catalogue_moves_a_line() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let mut tried = 0;
            for (count, (name, attack)) in ALL.iter().enumerate() {
                let subject = subject(edge, &link, name);
                let attempts = attack(&subject);
                let tokens =
                    attempts.into_iter().map(|attempt| attempt.token).filter(|token| token.len() <= LARGEST);
                for jwt in tokens {
                    link.say(&ToAgent::Command { jwt, call: None }).await;
                    tried += 1;
                }
                // The test sends a valid command with a new id, which the agent executes. When the outcome of the valid
                // command arrives, the agent has answered all earlier commands.
                let id = format!("honest-{count}");
                let order = link.order(&id, "lamp", "toggle", json!({})).sign();
                link.say(&ToAgent::Command { jwt: order, call: None }).await;
                let mut outcomes = outcomes_until(&mut link, &id).await;
                assert_eq!(outcomes.pop().unwrap().status, CommandStatus::Executed, "{name}");
                for outcome in outcomes {
                    assert_eq!(
                        (outcome.status, outcome.code.as_deref()),
                        (CommandStatus::Refused, Some("refused_token")),
                        "{name}"
                    );
                }
            }
            assert!(tried > 400, "only {tried} were tried");
            assert_eq!(test_agent.times_on("door"), 0);
        })
        .await;
}

/// A replayed command does not run again on the same connection or on the next connection. A copy of the command with
/// different JSON formatting or another deadline does not run either.
#[tokio::test]
async fn a_command_shown_again() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let subject = subject(edge, &link, "once");
            assert_eq!(link.command(subject.honest()).await.status, CommandStatus::Executed);
            let respelt = subject.signed(
                format!(" {}", crate::forge::subject::text(&subject.header)),
                format!(" {}", crate::forge::subject::text(&subject.claims)),
            );
            let later = subject.claim("deadline", subject.claims["deadline"].as_u64().unwrap() - 1);
            for again in [subject.honest(), respelt, later] {
                // The agent's answer repeats the first outcome, and the level of the line does not change.
                assert_eq!(link.command(again).await.status, CommandStatus::Executed);
            }
            assert_eq!(test_agent.times_on("door"), 1);
            link.close(1012).await;
            let (mut link, _) = edge.welcome().await;
            let outcome = link.command(subject.honest()).await;
            assert_eq!(
                (outcome.status, outcome.code.as_deref()),
                (CommandStatus::Refused, Some("refused_token"))
            );
            assert_eq!(test_agent.times_on("door"), 1);
        })
        .await;
}
