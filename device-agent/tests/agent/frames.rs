//! Tests how the agent handles hostile and unknown frames from the edge.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::edge::Edge;
use crate::test_agent::TestAgent;

#[tokio::test]
async fn what_is_not_understood_is_passed_over() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            for frame in [
                Message::text(""),
                Message::text("{"),
                Message::text("[".repeat(10_000)),
                Message::text("\"\u{0}\""),
                Message::text(json!({ "type": "from_the_future", "x": 1 }).to_string()),
                Message::text(json!({ "type": "command" }).to_string()),
                Message::text(json!({ "type": "time", "jwt": "unasked" }).to_string()),
                Message::binary(vec![0u8; 64]),
            ] {
                link.send(frame).await;
            }
            let order = link.order("c", "door", "pulse", json!({ "ms": 1 })).sign();
            assert_eq!(link.command(order).await.id, "c");
        })
        .await;
}

#[tokio::test]
async fn a_very_long_frame_ends_the_connection_and_not_the_agent() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            link.send(Message::text("x".repeat(16 * 1024 + 1))).await;
            assert!(matches!(link.next().await, Err(1009 | 1006)));
            let (mut link, _) = edge.welcome().await;
            link.send(Message::text("y".repeat(16 * 1024))).await;
            let order = link.order("c", "door", "pulse", json!({ "ms": 1 })).sign();
            assert_eq!(link.command(order).await.id, "c");
        })
        .await;
}

#[tokio::test]
async fn a_binary_first_frame_is_no_welcome() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let mut link = edge.accept().await;
            link.send(Message::binary(vec![1, 2, 3])).await;
            assert!(link.next().await.is_err());
            edge.welcome().await;
        })
        .await;
}
