//! Tests TLS on a device whose clock is in 1970 and that trusts a private root certificate.

use std::sync::Arc;
use std::time::Duration;

use pinlatch_agent::clock::WallClock;
use pinlatch_agent::enrol::EnrolError;
use pinlatch_agent::uplink::connect_error::HttpError;
use pinlatch_protocol::command::CommandStatus;
use serde_json::json;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore};

use crate::edge::Edge;
use crate::pki::Pki;
use crate::test_agent::TestAgent;

const IN_1970: u64 = 100;
const IN_2200: u64 = 7_258_118_400;
const PAST_IT_MS: i64 = 70 * 366 * 86_400_000;

#[test]
fn an_ordinary_verifier_would_refuse() {
    let pki = Pki::new();
    let mut roots = RootCertStore::empty();
    roots.add(pki.root.clone()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
        .build()
        .unwrap();
    let at = |seconds| {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        verifier.verify_server_cert(&pki.leaf, &[], &"127.0.0.1".try_into().unwrap(), &[], time)
    };
    assert!(at(1_800_000_000).is_ok());
    assert!(matches!(
        at(IN_1970),
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { .. }))
    ));
}

#[tokio::test]
async fn in_1970_it_enrols_connects_and_obeys() {
    let pki = Pki::new();
    let test_agent = TestAgent::with(Some(&pki.root_pem), WallClock::assuming(Some(IN_1970)));
    let mut edge = Edge::serve(Some(pki.acceptor())).await;
    test_agent
        .with_agent(&mut edge, async |edge| {
            for _ in 0..2 {
                // The second connection can resume the TLS session of the first connection. In a resumed TLS session,
                // the agent does not check the certificate chain again.
                let (mut link, _) = edge.welcome().await;
                let order = link.order("c", "door", "pulse", json!({ "ms": 1 })).sign();
                assert_eq!(link.command(order).await.status, CommandStatus::Executed);
                link.close(1012).await;
            }
        })
        .await;
}

#[tokio::test]
async fn a_welcome_dated_outside_of_the_certificate_closes() {
    let pki = Pki::new();
    let test_agent = TestAgent::with(Some(&pki.root_pem), WallClock::assuming(Some(IN_1970)));
    let mut edge = Edge::serve(Some(pki.acceptor())).await;
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let mut link = {
                link.close(1012).await;
                edge.accept().await
            };
            // The test simulates a server with the stolen key of an expired certificate. The signed edge time is after
            // the expiry of this certificate.
            edge.state.lock().unwrap().ahead_ms = PAST_IT_MS;
            link.send_welcome().await;
            assert!(link.next().await.is_err(), "the agent must not send a hello");
            edge.state.lock().unwrap().ahead_ms = 0;
            edge.welcome().await;
        })
        .await;

    // Without TLS, the agent checks no certificate and accepts the same welcome message. The earlier failure was
    // therefore caused only by the date of the certificate.
    let (test_agent, mut plain) = (TestAgent::new(), Edge::start().await);
    plain.state.lock().unwrap().ahead_ms = PAST_IT_MS;
    test_agent.with_agent(&mut plain, async |edge| drop(edge.welcome().await)).await;
}

#[tokio::test]
async fn enrolment_follows_the_same_rule() {
    let pki = Pki::new();
    let test_agent = TestAgent::with(Some(&pki.root_pem), WallClock::assuming(Some(IN_1970)));
    let edge = Edge::serve(Some(pki.acceptor())).await;
    edge.state.lock().unwrap().ahead_ms = PAST_IT_MS;
    let refused = test_agent.enrol(&edge.enrol_string()).await;
    assert!(matches!(refused, Err(EnrolError::CertificateDate)), "{refused:?}");
}

#[tokio::test]
async fn leniency_is_for_the_date_alone() {
    let (pki, stranger) = (Pki::new(), Pki::new());
    let edge = Edge::serve(Some(pki.acceptor())).await;
    for (test_agent, string) in [
        // The device trusts another root certificate.
        (TestAgent::with(Some(&stranger.root_pem), WallClock::assuming(Some(IN_1970))), edge.enrol_string()),
        // The edge's certificate is valid for another host name.
        (
            TestAgent::with(Some(&pki.root_pem), WallClock::assuming(Some(IN_1970))),
            edge.enrol_string().replace("127.0.0.1", "localhost"),
        ),
        // The device's clock is ahead, so the edge's certificate appears to be expired.
        (TestAgent::with(Some(&pki.root_pem), WallClock::assuming(Some(IN_2200))), edge.enrol_string()),
    ] {
        let refused = test_agent.enrol(&string).await;
        assert!(matches!(refused, Err(EnrolError::Http(HttpError::Tls(..)))), "{refused:?}");
    }
}
