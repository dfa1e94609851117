//! Tests the enrolment of a device, the stored credentials and failed enrolments. After a failed enrolment, the old
//! credentials must remain stored.

use std::os::unix::fs::PermissionsExt;

use pinlatch_agent::credentials::{Credentials, CredentialsError, FILE};
use pinlatch_agent::enrol::EnrolError;
use pinlatch_token::SigningKey;

use crate::edge::Edge;
use crate::test_agent::TestAgent;

#[tokio::test]
async fn enrolling_stores_credentials_that_only_their_owner_can_read() {
    let (test_agent, edge) = (TestAgent::new(), Edge::start().await);
    let made = test_agent.enrol(&edge.enrol_string()).await.unwrap();
    assert_eq!((made.site.as_str(), made.device.as_str(), made.edge), ("home", "porch", edge.url()));
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = test_agent.state_dir().join(FILE);
    assert_eq!((mode(&test_agent.state_dir()), mode(&file)), (0o700, 0o600));
    assert_eq!(std::fs::read_dir(test_agent.state_dir()).unwrap().count(), 1, "no drafts are left behind");
    let stored = Credentials::load(&test_agent.state_dir()).unwrap();
    assert_eq!(stored.key.kid(), made.key.kid());
    assert_eq!(stored.key_set().unwrap().number, 5);

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Credentials::load(&test_agent.state_dir());
    assert!(matches!(refused, Err(CredentialsError::Exposed { mode: 0o640, .. })), "{refused:?}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&file, "{}").unwrap();
    assert!(matches!(Credentials::load(&test_agent.state_dir()), Err(CredentialsError::Damaged { .. })));
}

#[tokio::test]
async fn enrolling_again_replaces_the_credentials_only_after_success() {
    let (test_agent, edge) = (TestAgent::new(), Edge::start().await);
    let string = edge.enrol_string();
    let first = test_agent.enrol(&string).await.unwrap();
    let kept = |test_agent: &TestAgent| {
        Credentials::load(&test_agent.state_dir()).unwrap().key.kid() == first.key.kid()
    };

    let wrong_code = string.replace("one.time.code", "guess");
    let refused = test_agent.enrol(&wrong_code).await;
    assert!(
        matches!(&refused, Err(EnrolError::Refused { code, .. }) if code == "code_refused"),
        "{refused:?}"
    );
    assert!(kept(&test_agent));

    edge.state.lock().unwrap().shown_root = SigningKey::generate().public_jwk();
    assert!(matches!(test_agent.enrol(&string).await, Err(EnrolError::OtherRoot)));
    {
        let mut state = edge.state.lock().unwrap();
        state.shown_root = state.root.public_jwk();
        state.publish(4);
    }
    assert!(matches!(test_agent.enrol(&string).await, Err(EnrolError::OldKeySet { found: 4, known: 5 })));
    {
        let mut state = edge.state.lock().unwrap();
        let root = std::mem::replace(&mut state.root, SigningKey::generate());
        state.publish(7);
        state.root = root;
    }
    assert!(matches!(test_agent.enrol(&string).await, Err(EnrolError::Untrusted(_))));
    assert!(kept(&test_agent));

    edge.state.lock().unwrap().publish(7);
    let second = test_agent.enrol(&string).await.unwrap();
    assert_ne!(second.key.kid(), first.key.kid());
    assert!(!kept(&test_agent));
}

#[tokio::test]
async fn a_code_is_not_sent_in_the_clear_beyond_this_machine() {
    let test_agent = TestAgent::new();
    let refused = test_agent.enrol("http://192.0.2.1/#code.thumb").await;
    assert!(matches!(refused, Err(EnrolError::Endpoint(_))), "{refused:?}");
}
