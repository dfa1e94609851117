//! Tests that the agent rejects invalid commands, invalid welcome messages and invalid key sets.

use pinlatch_agent::credentials::Credentials;
use pinlatch_protocol::agent::ToAgent;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::EdgeKeys;
use serde_json::json;

use crate::edge::Edge;
use crate::test_agent::TestAgent;

#[tokio::test]
async fn a_command_runs_once() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let order = link.order("c1", "lamp", "set", json!({ "value": true })).sign();
            assert_eq!(link.command(order.clone()).await.status, CommandStatus::Executed);
            let off = link.order("c2", "lamp", "set", json!({ "value": false })).sign();
            link.command(off).await;
            // The agent's answer repeats the first outcome, and the lamp stays off.
            let again = link.command(order.clone()).await;
            assert_eq!((again.status, again.level), (CommandStatus::Executed, Some(Level::On(true))));
            assert_eq!(test_agent.times_on("lamp"), 1);
            link.close(1012).await;

            // The agent also refuses the command on the next connection, although the agent does not store the command
            // ids of earlier connections.
            let (mut link, _) = edge.welcome().await;
            let again = link.command(order).await;
            assert_eq!(
                (again.status, again.code.as_deref()),
                (CommandStatus::Refused, Some("refused_token"))
            );
            assert_eq!(test_agent.times_on("lamp"), 1);
        })
        .await;
}

#[tokio::test]
async fn a_late_command_is_expired() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let mut order = link.order("late", "door", "pulse", json!({ "ms": 1 }));
            order.claims.deadline_ms = edge.state.lock().unwrap().now_ms() - 1;
            let outcome = link.command(order.sign()).await;
            assert_eq!(
                (outcome.id.as_str(), outcome.status, outcome.code),
                ("late", CommandStatus::Expired, None)
            );
            assert_eq!(test_agent.times_on("door"), 0);
        })
        .await;
}

#[tokio::test]
async fn commands_that_were_tampered_with_or_meant_for_others_are_refused() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let order = |id: &str| link.order(id, "door", "pulse", json!({ "ms": 1 }));
            let mut spoiled = Vec::new();
            let mut other_session = order("a");
            other_session.session = "another-connection".into();
            spoiled.push(other_session.sign());
            let mut other_device = order("b");
            other_device.device = Name::new("shed").unwrap();
            spoiled.push(other_device.sign());
            spoiled.push(order("c").sign_by(&EdgeKeys::generate().unwrap()));
            let good = order("d").sign();
            let (head, signature) = good.rsplit_once('.').unwrap();
            let flipped = if signature.starts_with('A') { "B" } else { "A" };
            spoiled.push(format!("{head}.{flipped}{}", &signature[1..]));
            spoiled.push(format!("{head}."));
            // This token combines the payload of another command with the signature of the valid command.
            let other = order("e").sign();
            let (other_head, _) = other.rsplit_once('.').unwrap();
            spoiled.push(format!("{other_head}.{signature}"));
            for jwt in spoiled {
                let outcome = link.command(jwt).await;
                assert_eq!(outcome.status, CommandStatus::Refused);
                assert_eq!(outcome.code.as_deref(), Some("refused_token"));
            }
            // If a token contains no readable command id, the agent sends no answer. The connection stays open.
            for jwt in ["", "a.b", "..", "ey.ey.ey", &"A".repeat(9_000)] {
                link.say(&ToAgent::Command { jwt: jwt.into(), call: None }).await;
            }
            assert_eq!(link.command(good).await.id, "d");
            assert_eq!(test_agent.times_on("door"), 1);
        })
        .await;
}

#[tokio::test]
async fn a_welcome_for_another_connection_is_not_believed() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let mut link = edge.accept().await;
            link.send_welcome_for("an-older-connection").await;
            assert!(link.next().await.is_err(), "the agent must not send a hello");
            let mut link = edge.accept().await;
            let order = link.order("c", "door", "pulse", json!({ "ms": 1 })).sign();
            link.say(&ToAgent::Command { jwt: order, call: None }).await;
            assert!(link.next().await.is_err(), "no command is accepted before the welcome");
            assert_eq!(test_agent.times_on("door"), 0);
            edge.welcome().await;
        })
        .await;
}

#[tokio::test]
async fn keys_rotate_forwards_only() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    let old = edge.state.lock().unwrap().keys.clone();
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            // The device's certificate is signed with the old key, so the new key set must include both keys.
            let (old_keyset, both) = {
                let state = edge.state.lock().unwrap();
                (state.keyset.clone(), joined(&EdgeKeys::generate().unwrap(), &old))
            };
            {
                let mut state = edge.state.lock().unwrap();
                state.keys = both.clone();
                state.publish(6);
            }
            link.close(1012).await;
            let (mut link, _) = edge.welcome().await;
            let order = link.order("new", "door", "pulse", json!({ "ms": 1 })).sign_by(&both);
            assert_eq!(link.command(order).await.status, CommandStatus::Executed);
            let stored = Credentials::load(&test_agent.state_dir()).unwrap();
            assert_eq!(stored.key_set().unwrap().number, 6, "the new key set is stored");

            {
                let mut state = edge.state.lock().unwrap();
                state.keys = old.clone();
                state.keyset = old_keyset.clone();
            }
            link.close(1012).await;
            let mut link = edge.accept().await;
            link.send_welcome().await;
            assert!(
                link.next().await.is_err(),
                "an older key set is rejected, although the root key signed it"
            );

            // The agent rejects a key set that was not signed with the owner's root key, even if the key set has a
            // higher number.
            {
                let mut state = edge.state.lock().unwrap();
                let root = std::mem::replace(&mut state.root, pinlatch_token::SigningKey::generate());
                state.publish(9);
                state.root = root;
            }
            let mut link = edge.accept().await;
            link.send_welcome().await;
            assert!(link.next().await.is_err(), "another root");
        })
        .await;
}

/// Combines the keys of two edges. The combined keys verify the signatures of both edges and sign with the key of
/// `first`.
fn joined(first: &EdgeKeys, second: &EdgeKeys) -> EdgeKeys {
    let keys = |keys: &EdgeKeys| {
        let set: serde_json::Value = serde_json::from_str(keys.to_private_jwks().expose()).unwrap();
        set["keys"].as_array().unwrap().clone()
    };
    let all = [keys(first), keys(second)].concat();
    EdgeKeys::from_jwks(&json!({ "keys": all }).to_string()).unwrap()
}
