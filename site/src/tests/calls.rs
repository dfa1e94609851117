//! Tests the challenges of devices, and the calls of holders in commands.

use pinlatch_protocol::agent::MAX_STATEMENT;
use pinlatch_protocol::api::DeviceChallenge;
use pinlatch_protocol::command::SignedCall;
use pinlatch_protocol::problem::Code;

use super::*;

const CHALLENGE: &str = "0123456789abcdef";

fn ask(principal: Principal) -> Call {
    Call::AskChallenge { principal, id: "q1".into(), device: name("porch") }
}

fn answer(challenge: Option<&str>, boot: Option<&str>) -> FromAgent {
    let (challenge, boot) = (challenge.map(Into::into), boot.map(Into::into));
    FromAgent::Challenge { question: "q1".into(), challenge, boot }
}

fn signed(call: &str, grant: &str) -> Option<SignedCall> {
    Some(SignedCall { call: call.into(), grant: grant.into() })
}

#[test]
fn a_device_answers_with_a_challenge() {
    let test_site = TestSite::connected();
    let entries = test_site.log().len();
    let (asked, effects) = test_site.call(ask(program("line:porch/door:pulse")));
    assert_eq!(asked, Ok(Answer::Asked { device: name("porch"), id: "q1".into() }));
    let question = Question { id: "q1".into(), device: name("porch"), wanted: Wanted::Challenge };
    assert_eq!(effects, [Effect::Ask { session: "s1".into(), question }]);
    let answered = |result| Effect::Answered { device: name("porch"), id: "q1".into(), result };
    let challenge = DeviceChallenge { challenge: CHALLENGE.into(), boot: "b".into() };
    let send = |message| test_site.handle_agent_message("porch", "s1", message);
    assert_eq!(send(answer(Some(CHALLENGE), Some("b"))), [answered(Ok(Reply::Challenge(challenge)))]);
    assert_eq!(send(answer(None, None)), [answered(Err(Code::NoHolderLines.into()))]);
    assert_eq!(test_site.log().len(), entries, "a question is not in the audit log");
    let long = "x".repeat(129);
    for (challenge, boot) in
        [(Some(CHALLENGE), None), (None, Some("b")), (Some("short"), Some("b")), (Some(&*long), Some("b"))]
    {
        assert_eq!(send(answer(challenge, boot)), []);
    }
    assert_eq!(test_site.last_logged(), "device:porch odd_message porch no_challenge");
}

#[test]
fn a_challenge_needs_a_right_and_a_connected_device() {
    let test_site = TestSite::connected();
    assert_eq!(test_site.refusal(ask(program("line:shed/*:*"))), "unknown_device");
    let guest = program("line:porch/door:pulse");
    let asked = (0..).take_while(|_| test_site.call(ask(guest.clone())).0.is_ok()).count();
    assert_eq!(asked, 300, "the limit of a device");
    assert_eq!(test_site.refusal(ask(owner())), "throttled");
    test_site.close("porch", "s1");
    assert_eq!(test_site.refusal(ask(owner())), "device_offline");
}

#[test]
fn a_command_carries_the_call_of_a_holder() {
    let test_site = TestSite::connected();
    let request = |id: &str, call| CommandRequest { call, ..pulse(id) };
    let order = the_order(&test_site.commands(&owner(), request("one", signed("a.b.c", "d.e.f"))).unwrap());
    assert_eq!(order.call, signed("a.b.c", "d.e.f"));
    assert_eq!(the_order(&test_site.commands(&owner(), pulse("two")).unwrap()).call, None);
    let long = format!("a.{}.c", "b".repeat(MAX_STATEMENT));
    for call in [signed("a.b", "d.e.f"), signed("a.b.c", ""), signed(&long, "d.e.f")] {
        let refused = test_site.commands(&owner(), request("three", call));
        assert_eq!(refused, Err("invalid_arguments".into()));
    }
    let stored = test_site.store.run("SELECT * FROM commands", &[]).unwrap();
    assert!(!format!("{stored:?}").contains("a.b.c"), "the site does not store calls");
    test_site.report(&order.jti, CommandStatus::Refused, Some("refused_grant_expired"), None);
    assert_eq!(test_site.last_logged(), "ann command porch/door:pulse refused_grant_expired");
}

#[test]
fn a_line_shows_who_can_operate_it() {
    let test_site = TestSite::connected();
    assert_eq!(test_site.line("door").authority, Authority::Edge);
    let mut lines = porch_lines();
    lines[0].authority = Authority::Holder;
    test_site.hello("porch", "s1", &lines, &[]);
    assert_eq!(test_site.line("door").authority, Authority::Holder);
    test_site.hello("porch", "s1", &porch_lines(), &[]);
    assert_eq!(test_site.line("door").authority, Authority::Edge);
}
