//! Tests lost, restored and replaced connections to the edge, and the log messages about these connections.

use std::time::Duration;

use pinlatch_agent::clock::WallClock;
use pinlatch_protocol::PONG;
use pinlatch_protocol::agent::ToAgent;
use pinlatch_protocol::command::CommandStatus;
use rustix::process::Signal;
use serde_json::json;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::edge::{Connection, Edge};
use crate::pki::Pki;
use crate::running::Running;
use crate::test_agent::TestAgent;

async fn obeys(link: &mut Connection) {
    let order = link.order("c", "lamp", "toggle", json!({})).sign();
    assert_eq!(link.command(order).await.status, CommandStatus::Executed);
}

/// The edge sends nothing, but does not close the connection. The agent closes the connection after the configured
/// time, and not earlier.
#[tokio::test]
async fn a_dead_link_is_given_up_within_the_configured_time() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent.configure("link_timeout_s = 3");
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            obeys(&mut link).await;
            // The agent has just received a command. From now on, the test neither reads from this connection nor
            // closes this connection.
            let silent = Instant::now();
            let (mut next, _) = edge.welcome().await;
            let took = silent.elapsed();
            // The agent's first pause after a lost connection is at most half a second.
            assert!((Duration::from_millis(2_900)..Duration::from_millis(4_500)).contains(&took), "{took:?}");
            obeys(&mut next).await;
            drop(link);
        })
        .await;
}

/// A connection with a short timeout stays open while the edge answers pings.
#[tokio::test]
async fn a_link_on_which_pings_are_answered_stays() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent.configure("link_timeout_s = 3");
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let start = Instant::now();
            // The call `link.next()` answers pings. Any other message from the agent would fail the test.
            let quiet = tokio::time::timeout(Duration::from_secs(4), link.next()).await;
            assert!(quiet.is_err() && start.elapsed() > Duration::from_secs(3), "{quiet:?}");
            obeys(&mut link).await;
        })
        .await;
}

#[tokio::test]
async fn over_ipv6() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::serve_at("[::1]:0", None).await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            assert!(edge.url().starts_with("http://[::1]:"));
            let (mut link, _) = edge.welcome().await;
            obeys(&mut link).await;
        })
        .await;
}

/// The edge receives the agent's proof, which is valid only once. The connection ends before the edge answers. The
/// agent must not treat the missing answer as a refusal of the device.
#[tokio::test]
async fn a_lost_answer_to_a_proof_is_no_refusal() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    edge.state.lock().unwrap().loses_answer = true;
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            obeys(&mut link).await;
            assert!(!edge.state.lock().unwrap().loses_answer, "no answer was lost");
        })
        .await;
}

/// A captive portal answers every request with its own web page until the user logs in.
#[tokio::test]
async fn a_captive_portal_is_named_and_outlived() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    edge.state.lock().unwrap().portal = true;
    let running = Running::start(&test_agent);
    let log = running.until_logged("log in to the network").await;
    assert!(log.contains("code=\"not_the_edge\"") && log.contains("200 OK"), "{log}");
    edge.state.lock().unwrap().portal = false;
    let (mut link, _) = edge.welcome().await;
    obeys(&mut link).await;
    drop(link);
    running.stop().await;
}

/// Each kind of invalid certificate has its own error code and advice. When the edge uses a valid certificate, the
/// agent connects without a restart.
#[tokio::test]
async fn an_edge_with_a_wrong_certificate_is_named_and_outlived() {
    let good = Pki::new();
    let test_agent = TestAgent::with(Some(&good.root_pem), WallClock::default());
    let mut edge = Edge::serve(Some(good.acceptor())).await;
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let serve = |pki: &Pki| edge.state.lock().unwrap().tls = Some(pki.acceptor());
    let (stranger, good) = (Pki::new(), good.renewed(2021, "127.0.0.1"));
    serve(&good);
    let running = Running::start(&test_agent);
    let log = running.until_logged("code=\"tls_expired\"").await;
    assert!(log.contains("renew the edge's certificate"), "{log}");
    serve(&stranger);
    let log = running.until_logged("code=\"tls_issuer\"").await;
    assert!(log.contains("set `ca_file` to a PEM file with the certificate of the authority"), "{log}");
    let good = good.renewed(2090, "login.example");
    serve(&good);
    running.until_logged("code=\"tls_name\"").await;
    serve(&good.renewed(2090, "127.0.0.1"));
    let (mut link, _) = edge.welcome().await;
    obeys(&mut link).await;
    drop(link);
    running.stop().await;
}

/// The agent rejects an expired root certificate in `ca_file`, although rustls would accept the certificate. The agent
/// accepts a new root certificate without a restart.
#[tokio::test]
async fn an_expired_authority_is_named_and_can_be_replaced() {
    let (old, new) = (Pki::until(2021, 2090, "127.0.0.1"), Pki::new());
    let test_agent = TestAgent::with(Some(&new.root_pem), WallClock::default());
    let mut edge = Edge::serve(Some(new.acceptor())).await;
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    edge.state.lock().unwrap().tls = Some(old.acceptor());
    std::fs::write(test_agent.folder.path().join("ca.pem"), &old.root_pem).unwrap();
    let running = Running::start(&test_agent);
    running.until_logged("code=\"tls_expired\"").await;
    std::fs::write(test_agent.folder.path().join("ca.pem"), &new.root_pem).unwrap();
    edge.state.lock().unwrap().tls = Some(new.acceptor());
    let (mut link, _) = edge.welcome().await;
    obeys(&mut link).await;
    drop(link);
    running.stop().await;
}

/// If another agent has replaced an agent's connection, the first agent reconnects without replacing the connection of
/// the other agent. After a successful connection, the first agent is allowed to replace connections again.
#[tokio::test]
async fn an_agent_that_was_replaced_yields() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let running = Running::start(&test_agent);
    let (mut link, _) = edge.welcome().await;
    assert!(!link.yields);
    edge.state.lock().unwrap().taken = true;
    link.close(4409).await;
    running.until_logged("another agent runs with this device's credentials").await;
    // After its connection was replaced, the agent pauses for at least one minute. SIGHUP ends the pause.
    running.signal(Signal::HUP);
    running.until_logged("code=\"device_connected\"").await;
    edge.state.lock().unwrap().taken = false;
    running.signal(Signal::HUP);
    let (mut link, _) = edge.welcome().await;
    assert!(link.yields);
    link.close(1012).await;
    let (link, _) = edge.welcome().await;
    assert!(!link.yields, "after a successful connection the agent does not yield");
    drop(link);
    running.stop().await;
}

/// The agent answers a command that the edge sends while the agent is stopping. The agent does not execute this
/// command.
#[tokio::test]
async fn stopping_answers_what_is_on_its_way() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let running = Running::start(&test_agent);
    let (mut link, _) = edge.welcome().await;
    let on = link.order("on", "lamp", "set", json!({ "value": true })).sign();
    link.command(on.clone()).await;
    assert_eq!(link.event("lamp").await, true);
    link.silent = true;
    running.signal(Signal::TERM);
    assert_eq!(link.event("lamp").await, false, "the safe level comes first");
    let late = link.order("late", "lamp", "set", json!({ "value": true })).sign();
    link.say(&ToAgent::Command { jwt: on, call: None }).await;
    link.say(&ToAgent::Command { jwt: late, call: None }).await;
    assert_eq!(link.outcome().await.status, CommandStatus::Executed, "it was executed before the stop");
    let outcome = link.outcome().await;
    assert_eq!((outcome.id.as_str(), outcome.code.as_deref()), ("late", Some("refused_stopping")));
    link.send(Message::text(PONG)).await;
    assert_eq!(link.next().await.unwrap_err(), 1001);
    drop(link);
    let log = running.ended().await;
    assert!(log.contains("stopped"), "{log}");
    assert_eq!(test_agent.journal().last(), Some(&("lamp".into(), json!(false))));
}
