//! Tests the renewal of the device's certificate over the connection to the edge.

use pinlatch_agent::credentials::{Credentials, FILE};
use pinlatch_protocol::agent::{FromAgent, ToAgent};
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::name::Name;
use pinlatch_token::device::{DeviceCert, sign_cert};
use pinlatch_token::{EdgeKeys, PublicKey, SigningKey, random_id};
use serde_json::json;

use crate::edge::{Connection, Edge, device, site};
use crate::test_agent::TestAgent;

/// Creates a message with a certificate for the given device and the given key. The certificate is signed with `keys`
/// and issued now.
fn certificate(edge: &Edge, keys: &EdgeKeys, device: &Name, key: &PublicKey) -> ToAgent {
    let now = edge.state.lock().unwrap().now_ms() / 1_000;
    ToAgent::Certificate { jwt: sign_cert(keys, &site(), device, key, &random_id(), now).unwrap() }
}

/// Returns the time at which the stored certificate expires.
fn stored(test_agent: &TestAgent, edge: &Edge) -> u64 {
    let credentials = Credentials::load(&test_agent.state_dir()).unwrap();
    let state = edge.state.lock().unwrap();
    let cert = DeviceCert::verify(
        credentials.devcert.expose(),
        state.keys.public(),
        &[site()],
        state.now_ms() / 1_000,
    );
    cert.unwrap().exp
}

/// Waits for the agent's renewal request and returns the key in this request.
async fn asked(link: &mut Connection) -> PublicKey {
    match link.next().await.unwrap() {
        FromAgent::Renew { jwk } => PublicKey::from_jwk(&jwk).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Checks that the connection still works. After this check, the agent has also processed all earlier messages.
async fn obeys(link: &mut Connection) {
    let order = link.order(&random_id(), "lamp", "toggle", json!({})).sign();
    assert_eq!(link.command(order).await.status, CommandStatus::Executed);
}

#[tokio::test]
async fn a_certificate_is_renewed_in_its_last_third_and_only_by_its_own_edge() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    edge.state.lock().unwrap().issued_ago_days = 250;
    test_agent
        .with_agent(&mut edge, async |edge| {
            let old = stored(&test_agent, edge);
            let keys = edge.state.lock().unwrap().keys.clone();
            let (stranger, other) = (EdgeKeys::generate().unwrap(), Name::new("shed").unwrap());
            // The agent requests a certificate once on each connection. If the agent rejects the new certificate, the
            // old certificate and the connection remain in use.
            for wrong in 0..4 {
                let (mut link, _) = edge.welcome().await;
                let key = asked(&mut link).await;
                assert_eq!(key.thumbprint(), Credentials::load(&test_agent.state_dir()).unwrap().key.kid());
                link.say(&match wrong {
                    0 => certificate(edge, &stranger, &device(), &key),
                    1 => certificate(edge, &keys, &other, &key),
                    2 => certificate(
                        edge,
                        &keys,
                        &device(),
                        &PublicKey::from_jwk(&SigningKey::generate().public_jwk()).unwrap(),
                    ),
                    _ => ToAgent::Certificate { jwt: "a.b.c".into() },
                })
                .await;
                obeys(&mut link).await;
                assert_eq!(stored(&test_agent, edge), old);
                drop(link);
            }
            let (mut link, _) = edge.welcome().await;
            let key = asked(&mut link).await;
            let fresh = certificate(edge, &keys, &device(), &key);
            link.say(&fresh).await;
            obeys(&mut link).await;
            let renewed = stored(&test_agent, edge);
            assert!(renewed > old + 240 * 86_400, "{renewed} after {old}");
            // The edge sends a certificate that the agent did not request.
            edge.state.lock().unwrap().ahead_ms = 86_400_000;
            link.say(&certificate(edge, &keys, &device(), &key)).await;
            obeys_later(&mut link).await;
            assert_eq!(stored(&test_agent, edge), renewed);
            edge.state.lock().unwrap().ahead_ms = 0;
            link.close(1012).await;
            // The agent connects with the new certificate and does not request another certificate.
            let (mut link, _) = edge.welcome().await;
            obeys(&mut link).await;
            let left =
                std::fs::read_dir(test_agent.state_dir()).unwrap().map(|entry| entry.unwrap().file_name());
            assert_eq!(left.collect::<Vec<_>>(), [FILE]);
        })
        .await;
}

/// Checks that the connection still works while the edge's clock is one day ahead. The agent is allowed to refuse the
/// command, because the command is signed for the time of the edge's clock.
async fn obeys_later(link: &mut Connection) {
    let order = link.order(&random_id(), "lamp", "toggle", json!({})).sign();
    assert!(matches!(link.command(order).await.status, CommandStatus::Executed | CommandStatus::Refused));
}

#[tokio::test]
async fn a_certificate_that_is_good_for_long_is_left_alone() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    edge.state.lock().unwrap().issued_ago_days = 200;
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            // If the agent requested a renewal, the request would arrive before the outcome of this command.
            let order = link.order("c", "lamp", "toggle", json!({})).sign();
            link.say(&ToAgent::Command { jwt: order, call: None }).await;
            assert!(matches!(link.next().await, Ok(FromAgent::Result(_))));
        })
        .await;
}
