//! Tests lines that only holders can operate, against an edge that has its keys and does what it wants.

use pinlatch_agent::enrol::EnrolError;
use pinlatch_protocol::agent::{FromAgent, Outcome, ToAgent};
use pinlatch_protocol::command::{CommandStatus, SignedCall};
use pinlatch_protocol::line::Authority;
use pinlatch_protocol::name::Name;
use pinlatch_token::call::{CallClaims, call_digest};
use pinlatch_token::grant::Grant;
use pinlatch_token::{EdgeKeys, HolderKey, SigningKey, random_id};
use serde_json::{Value, json};
use tokio::time::timeout;
use xtask::simulated_lines;

use crate::edge::{Connection, Edge, PATIENCE, device, site};
use crate::test_agent::TestAgent;

const LINES: &str = simulated_lines! {
    "door": "momentary", "authority = \"holder\"", "receipts = true";
    "gate": "momentary", "authority = \"holder\"";
    "lamp": "switch";
};

/// Returns a device whose configuration file names the owner of the edge.
fn owned(edge: &Edge, root: Option<&str>) -> TestAgent {
    let own = edge.state.lock().unwrap().root.kid().to_owned();
    let root = root.unwrap_or(&own);
    TestAgent::of(&format!("{LINES}[owner]\nroot = \"{root}\"\nsite = \"home\"\ndevice = \"porch\"\n"))
}

/// A holder with a grant for pulses of the door.
struct Holder {
    key: HolderKey,
    grant: String,
}

impl Holder {
    fn new(edge: &Edge, key: HolderKey) -> Self {
        let (root, now_ms) = {
            let state = edge.state.lock().unwrap();
            (state.root.clone(), state.now_ms())
        };
        let grant = Grant::new(
            &site(),
            "Ann",
            key.public().clone(),
            "line:porch/door:pulse".parse().unwrap(),
            now_ms / 1_000 - 60,
        );
        Self { grant: grant.sign(&root).unwrap(), key }
    }

    fn call(&self, fresh: &(String, String), args: &Value) -> CallClaims {
        CallClaims {
            jti: random_id(),
            line: Name::new("door").unwrap(),
            action: "pulse".into(),
            args: args.as_object().unwrap().clone(),
            challenge: fresh.0.clone(),
            boot: fresh.1.clone(),
            max_age_ms: 5_000,
        }
    }

    fn sign(&self, call: CallClaims) -> SignedCall {
        let call = call.sign(&self.key, &site(), &device(), 1_790_000_000).unwrap();
        SignedCall { call, grant: self.grant.clone() }
    }
}

async fn challenge(link: &mut Connection) -> Option<(String, String)> {
    link.say(&ToAgent::Challenge { question: "q".into() }).await;
    loop {
        if let FromAgent::Challenge { question, challenge, boot } = link.next().await.unwrap() {
            assert_eq!(question, "q");
            return challenge.zip(boot);
        }
    }
}

/// Sends a command of the edge that carries a call.
async fn send(link: &mut Connection, line: &str, args: &Value, call: Option<SignedCall>) -> Outcome {
    let mut order = link.order(&random_id(), line, "pulse", args.clone());
    order.claims.call = call.as_ref().map(|call| call_digest(&call.call));
    let jwt = order.sign();
    link.say(&ToAgent::Command { jwt, call }).await;
    link.outcome().await
}

fn code(outcome: &Outcome) -> &str {
    assert_eq!(outcome.status, CommandStatus::Refused);
    outcome.code.as_deref().unwrap()
}

#[tokio::test]
async fn a_holder_opens_the_door_and_the_edge_alone_does_not() {
    let mut edge = Edge::start().await;
    let test_agent = owned(&edge, None);
    let holders = [HolderKey::generate().unwrap(), HolderKey::generate_p256().unwrap()];
    let holders = holders.map(|key| Holder::new(&edge, key));
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, hello) = edge.welcome().await;
            let FromAgent::Hello { lines, .. } = hello else { panic!("{hello:?}") };
            let authorities: Vec<Authority> = lines.iter().map(|line| line.authority).collect();
            assert_eq!(authorities, [Authority::Holder, Authority::Holder, Authority::Edge]);
            let args = json!({ "ms": 20 });
            assert_eq!(code(&send(&mut link, "door", &args, None).await), "refused_authority");
            for (index, holder) in holders.iter().enumerate() {
                let fresh = challenge(&mut link).await.unwrap();
                let call = holder.sign(holder.call(&fresh, &args));
                let outcome = send(&mut link, "door", &args, Some(call.clone())).await;
                assert_eq!(outcome.status, CommandStatus::Executed, "{outcome:?}");
                // A replay runs nothing, although the edge signs another command for it.
                let again = send(&mut link, "door", &args, Some(call)).await;
                assert_eq!(again.status, CommandStatus::Executed);
                assert!(outcome.receipt.is_some() && again.receipt.is_none(), "one receipt for one action");
                assert_ne!(again.id, outcome.id);
                assert_eq!(test_agent.times_on("door"), index + 1);
                let is_closed = || test_agent.journal().last().is_some_and(|(_, level)| level == false);
                timeout(PATIENCE, async {
                    while !is_closed() {
                        tokio::task::yield_now().await;
                    }
                })
                .await
                .expect("the pulse ends");
            }
            // The other lines belong to the edge.
            let lamp = link.order("lamp", "lamp", "toggle", json!({})).sign();
            assert_eq!(link.command(lamp).await.status, CommandStatus::Executed);
        })
        .await;
}

#[tokio::test]
async fn whatever_the_edge_changes_the_door_stays_closed() {
    let mut edge = Edge::start().await;
    let test_agent = owned(&edge, None);
    let holder = Holder::new(&edge, HolderKey::generate_p256().unwrap());
    let thief = HolderKey::generate().unwrap();
    let edges_root = SigningKey::generate();
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let (args, fresh) = (json!({ "ms": 20 }), challenge(&mut link).await.unwrap());
            let call = holder.sign(holder.call(&fresh, &args));
            // The call of the holder with another line, other arguments, or in another command.
            assert_eq!(code(&send(&mut link, "gate", &args, Some(call.clone())).await), "refused_authority");
            let longer = json!({ "ms": 5_000 });
            assert_eq!(
                code(&send(&mut link, "door", &longer, Some(call.clone())).await),
                "refused_authority"
            );
            let without = link.order(&random_id(), "door", "pulse", args.clone()).sign();
            link.say(&ToAgent::Command { jwt: without, call: Some(call.clone()) }).await;
            assert_eq!(code(&link.outcome().await), "refused_authority");
            // A call that the edge signs, with the grant of the holder or with a grant of its own root key.
            let own = Holder { key: thief, grant: holder.grant.clone() };
            let forged = own.sign(own.call(&fresh, &args));
            assert_eq!(code(&send(&mut link, "door", &args, Some(forged)).await), "refused_call");
            let scope = "line:*/*:*".parse().unwrap();
            let grant = Grant::new(&site(), "Edge", own.key.public().clone(), scope, 1_790_000_000);
            let grant = grant.sign(&edges_root).unwrap();
            let forged = SignedCall { grant, ..own.sign(own.call(&fresh, &args)) };
            assert_eq!(code(&send(&mut link, "door", &args, Some(forged)).await), "refused_grant");
            // A challenge of the edge, and a call that the edge has held back.
            let made_up = (random_id() + &random_id(), fresh.1.clone());
            let stale = holder.sign(holder.call(&made_up, &args));
            assert_eq!(code(&send(&mut link, "door", &args, Some(stale)).await), "refused_challenge");
            let short = CallClaims { max_age_ms: 1, ..holder.call(&fresh, &args) };
            let late = holder.sign(short);
            assert_eq!(code(&send(&mut link, "door", &args, Some(late)).await), "refused_challenge");
            assert_eq!(test_agent.times_on("door") + test_agent.times_on("gate"), 0);
            // The holder is not locked out.
            let outcome = send(&mut link, "door", &args, Some(call)).await;
            assert_eq!(outcome.status, CommandStatus::Executed, "{outcome:?}");
        })
        .await;
}

#[tokio::test]
async fn a_challenge_ends_with_the_run_of_the_agent() {
    let mut edge = Edge::start().await;
    let test_agent = owned(&edge, None);
    let holder = Holder::new(&edge, HolderKey::generate().unwrap());
    let args = json!({ "ms": 20 });
    let call = test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let fresh = challenge(&mut link).await.unwrap();
            holder.sign(holder.call(&fresh, &args))
        })
        .await;
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            assert_eq!(code(&send(&mut link, "door", &args, Some(call)).await), "refused_challenge");
        })
        .await;
    assert_eq!(test_agent.times_on("door"), 0);
}

#[tokio::test]
async fn the_edge_cannot_bring_another_owner() {
    let edge = Edge::start().await;
    let other = SigningKey::generate().kid().to_owned();
    let refused = owned(&edge, Some(&other)).enrol(&edge.enrol_string()).await;
    assert!(matches!(refused, Err(EnrolError::OwnersRoot)), "{refused:?}");
    // The edge answers with another root key than the enrolment string names.
    let test_agent = owned(&edge, None);
    let string = edge.enrol_string();
    edge.state.lock().unwrap().shown_root = SigningKey::generate().public_jwk();
    assert!(test_agent.enrol(&string).await.is_err());
    let keys = EdgeKeys::generate().unwrap();
    assert_eq!(keys.public().to_jwks()["keys"].as_array().unwrap().len(), 1, "the edge has no root key");
}

#[tokio::test]
async fn a_device_without_an_owner_in_its_file_makes_no_challenge() {
    let (test_agent, mut edge) = (TestAgent::of(simulated_lines! { "lamp": "switch"; }), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            assert_eq!(challenge(&mut link).await, None);
        })
        .await;
}
