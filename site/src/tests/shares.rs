//! Tests the shares of callers: commands in flight, commands per minute, and panel WebSockets.

use pinlatch_protocol::admin::IssueRequest;
use pinlatch_protocol::scope::Role;

use super::fixtures::*;
use super::*;
use crate::accounts::shares::{GUEST_LINK, PERSON, PROGRAM};

/// Sends commands until the site refuses one, and returns their number and the problem.
fn commands_until_refused(test_site: &TestSite, by: &Principal) -> (u32, Problem) {
    for n in 0.. {
        let id = format!("{}-{n}-{}", by.jti, test_site.now_ms.get());
        let call = Call::Command { principal: by.clone(), request: slow(&id) };
        if let Err(problem) = test_site.call(call).0 {
            return (n, problem);
        }
    }
    unreachable!()
}

/// Returns a command with the longest deadline.
fn slow(id: &str) -> CommandRequest {
    CommandRequest { deadline_ms: Some(60_000), ..pulse(id) }
}

fn detail(problem: &Problem) -> &str {
    assert_eq!(problem.code, "throttled");
    assert!(problem.retry_after.is_some_and(|seconds| seconds > 0));
    problem.detail.as_deref().unwrap_or_default()
}

/// Executes all commands in flight.
fn finish(test_site: &TestSite) {
    let rows = test_site.store.run("SELECT seq FROM commands WHERE status = 'delivered'", &[]).unwrap();
    for row in rows {
        test_site.report(&format!("c{}", row.int(0).unwrap()), CommandStatus::Executed, None, None);
    }
}

#[test]
fn each_caller_has_a_share_of_the_commands_in_flight() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let link = test_site.issue(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    let script = test_site.issue(&ann, api("line:porch/door:pulse"), "script").unwrap();
    let bob = test_site.join("bob", role(Role::Operator));
    for (by, share, most) in [
        (&link, GUEST_LINK, 8),
        (&script, PROGRAM, 16),
        (&program("line:porch/door:pulse"), PROGRAM, 16),
        (&bob, PERSON, 32),
    ] {
        let before = test_site.store.0.rows_written();
        let (count, problem) = commands_until_refused(&test_site, by);
        assert_eq!((count, share.in_flight), (most, most));
        assert_eq!(
            detail(&problem),
            format!("{} can have at most {most} commands without a result", share.caller)
        );
        let written = test_site.store.0.rows_written() - before;
        let each = if share.per_minute.is_some() { 2 } else { 1 };
        let used = u64::from(by.issued);
        assert_eq!(written, u64::from(most) * each + used, "a refusal writes nothing");
        finish(&test_site);
        test_site.pass(1);
        assert_eq!(commands_until_refused(&test_site, by).0, most, "a result frees a place");
        finish(&test_site);
    }
}

#[test]
fn a_person_and_all_that_the_person_gave_have_four_shares() {
    let test_site = TestSite::connected();
    for device in ["shed", "barn", "gate"] {
        test_site.enrol(device, &format!("cert-{device}"));
        test_site.connect(device, &format!("s-{device}"), &format!("cert-{device}")).0.unwrap();
        test_site.hello(device, &format!("s-{device}"), &porch_lines(), &[]);
    }
    let ann = test_site.log_in("ann", "f");
    let mut count = 0;
    let problem = 'refused: {
        for (index, device) in ["porch", "shed", "barn", "gate"].iter().cycle().enumerate().take(20) {
            // Each token issues the next token, so the chain of givers leads back to the person.
            let jti = format!("t{index}");
            let script = test_site.issue(&ann, api("line:*/*:*"), &jti).unwrap();
            for n in 0..16 {
                let request = CommandRequest { device: name(device), ..slow(&format!("{jti}-{n}")) };
                match test_site.call(Call::Command { principal: script.clone(), request }).0 {
                    Ok(_) => count += 1,
                    Err(problem) => break 'refused problem,
                }
            }
        }
        unreachable!()
    };
    assert_eq!(count, 128);
    assert!(detail(&problem).contains("with all tokens and links that they gave, can have at most 128"));
    let (own, problem) = commands_until_refused(&test_site, &ann);
    assert_eq!(own, 0);
    assert!(detail(&problem).contains("at most 128"));
    let bob = test_site.join("bob", role(Role::Operator));
    assert!(commands_until_refused(&test_site, &bob).0 > 0, "others have their own share");
}

#[test]
fn a_device_keeps_16_of_64_places_for_owners() {
    let test_site = TestSite::connected();
    let others = ["bob", "cleo", "dan"].map(|who| test_site.join(who, role(Role::Operator)));
    let taken: u32 = others.iter().map(|by| commands_until_refused(&test_site, by).0).sum();
    assert_eq!(taken, 48);
    let (_, problem) = commands_until_refused(&test_site, &others[2]);
    assert!(detail(&problem).contains("at most 48 commands without a result; 16 more are for owners"));
    let ann = test_site.log_in("ann", "f");
    let script = test_site.issue(&ann, api("line:porch/door:pulse"), "script").unwrap();
    assert_eq!(commands_until_refused(&test_site, &script).0, 0, "an owner's token is no owner");
    let (own, problem) = commands_until_refused(&test_site, &ann);
    assert_eq!(own, 16);
    assert_eq!(detail(&problem), "a device can have at most 64 commands without a result");
}

#[test]
fn a_link_sends_60_commands_a_minute_and_a_person_any_number() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let link = test_site.issue(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    let script = test_site.issue(&ann, api("line:porch/door:pulse"), "script").unwrap();
    let send = |by: &Principal, id: &str| {
        let outcome = test_site.call(Call::Command { principal: by.clone(), request: pulse(id) }).0;
        finish(&test_site);
        outcome
    };
    for (by, most) in [(&link, 60), (&script, 600)] {
        let sent = (0..).take_while(|n| send(by, &format!("{n}")).is_ok()).count();
        assert_eq!(sent, most);
        let problem = send(by, "more").unwrap_err();
        assert!(detail(&problem).ends_with(&format!("can send at most {most} commands per minute")));
        assert_eq!(problem.retry_after, Some(1));
    }
    test_site.pass(1_000);
    assert!(send(&link, "later").is_ok());
    assert!(send(&link, "too early").is_err());
    for n in 0..700 {
        send(&ann, &format!("{n}")).unwrap();
    }
    let rates = || test_site.store.run("SELECT * FROM rates", &[]).unwrap().len();
    assert_eq!(rates(), 2);
    test_site.pass(3_600_000);
    test_site.tick();
    assert_eq!(rates(), 0);
}

#[test]
fn the_maker_of_a_token_sets_its_share_up_to_its_own() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let with = |request: IssueRequest, limits: [Option<u32>; 3]| {
        let [max_in_flight, max_per_minute, max_sockets] = limits;
        IssueRequest { max_in_flight, max_per_minute, max_sockets, ..request }
    };
    let limits = |jti: &str| {
        let token = test_site.token(jti);
        [token.max_in_flight, token.max_per_minute, token.max_sockets]
    };
    let scope = "line:porch/door:pulse site:tokens";
    let until = |request: IssueRequest| IssueRequest { expires_at: test_site.now_s() + DAY_S, ..request };
    let wide = with(until(api(scope)), [Some(32), Some(6_000), Some(64)]);
    let wide = test_site.issue(&ann, wide, "wide").unwrap();
    assert_eq!(limits("wide"), [Some(32), Some(6_000), Some(64)]);
    assert_eq!(commands_until_refused(&test_site, &wide).0, 32);
    finish(&test_site);
    let link = guest("line:porch/door:pulse");
    let link = test_site.issue(&ann, with(link, [Some(9), None, Some(1)]), "link").unwrap();
    let (count, problem) = commands_until_refused(&test_site, &link);
    assert_eq!((count, detail(&problem)), (9, "a guest link can have at most 9 commands without a result"));
    finish(&test_site);
    let refused = |by: &Principal, request: IssueRequest| {
        let problem = test_site.call(Call::Issue { principal: by.clone(), request, jti: "no".into() }).0;
        let problem = problem.expect_err("a refusal");
        assert_eq!(problem.code, "invalid_request");
        problem.detail.unwrap_or_default()
    };
    for wrong in [
        [Some(33), None, None],
        [Some(0), None, None],
        [None, Some(6_001), None],
        [None, Some(0), None],
        [None, None, Some(65)],
        [None, None, Some(0)],
    ] {
        let detail = refused(&ann, with(until(api(scope)), wrong));
        assert!(detail.ends_with("your own limit"), "{wrong:?}: {detail}");
    }
    // A token with smaller limits than those of a kind gives no more than it has.
    let narrow = with(until(api(scope)), [Some(4), Some(30), Some(2)]);
    let narrow = test_site.issue(&ann, narrow, "narrow").unwrap();
    test_site.issue(&narrow, until(api("line:porch/door:pulse")), "child").unwrap();
    assert_eq!(limits("child"), [Some(4), Some(30), Some(2)]);
    let more = with(until(api("line:porch/door:pulse")), [None, Some(31), None]);
    assert_eq!(refused(&narrow, more), "`max_per_minute` must be from 1 to 30, your own limit");
    test_site.issue(&ann, api("line:porch/door:pulse"), "plain").unwrap();
    assert_eq!(limits("plain"), [None; 3]);
}

#[test]
fn panel_sockets_are_counted_before_they_are_accepted() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let open = |by: &Principal| {
        let tags = test_site.with(|site| site.panel_tags(by)).0?;
        for tag in tags {
            *test_site.links.panels.borrow_mut().entry(tag).or_default() += 1;
        }
        Ok::<_, Problem>(())
    };
    let until_refused = |by: &Principal| {
        let mut count = 0;
        loop {
            match open(by) {
                Ok(()) => count += 1,
                Err(problem) => return (count, problem),
            }
        }
    };
    let link = test_site.issue(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    let (count, problem) = until_refused(&link);
    assert_eq!((count, detail(&problem)), (16, "a guest link can have at most 16 open WebSockets"));
    let (count, _) = until_refused(&program("line:porch/door:read"));
    assert_eq!(count, 32);
    let (count, problem) = until_refused(&ann);
    assert_eq!((count, detail(&problem)), (64, "a person can have at most 64 open WebSockets"));
    let mut all = 16 + 64;
    let problem = 'refused: {
        for n in 0..20 {
            let script = test_site.issue(&ann, api("line:porch/door:read"), &format!("t{n}")).unwrap();
            let (count, problem) = until_refused(&script);
            all += count;
            if count < 32 {
                break 'refused problem;
            }
        }
        unreachable!()
    };
    assert_eq!(all, 256);
    assert!(detail(&problem).contains("at most 256 open WebSockets"));
    let bob = test_site.join("bob", role(Role::Viewer));
    assert_eq!(until_refused(&bob).0, 64, "others have their own share");
    test_site.revoke(&ann, "link", None).unwrap();
    assert_eq!(open(&link).unwrap_err().code, "invalid_token");
}

#[test]
fn messages_without_a_command_are_limited_per_caller() {
    let limits = FrameLimits::default();
    let (ann, robot) = (owner(), program(""));
    let sent = |by: &Principal, now_ms: u64| {
        (0u32..10_000)
            .take_while(|_| {
                let room = limits.require_room(by, now_ms).is_ok();
                if room {
                    limits.count(by, now_ms);
                }
                room
            })
            .count()
    };
    let link = Principal { issuer: None, ..robot.clone() };
    assert_eq!(sent(&ann, START_MS), 1_000);
    assert_eq!(sent(&link, START_MS), 200);
    assert_eq!(sent(&robot, START_MS), 800);
    assert_eq!(sent(&robot, START_MS + 1_000), 80);
    let stolen = Principal { family: Some("stolen".into()), ..ann.clone() };
    assert_eq!(sent(&stolen, START_MS), 1_000, "each login of a person has its own limit");
    let other = Principal { sub: "another".into(), ..robot };
    assert_eq!(sent(&other, START_MS + 1_000), 0, "an issuer cannot invent subjects to send more");
    assert_eq!(sent(&ann, START_MS + 1_000), 100);
    assert_eq!(sent(&link, START_MS + 1_000), 20);
    assert_eq!(sent(&ann, START_MS + 60_000), 1_000);
    for n in 0..3_000 {
        let caller = Principal { family: Some(n.to_string()), ..owner() };
        limits.count(&caller, START_MS + 120_000);
    }
    assert!(limits.require_room(&ann, START_MS + 120_000).is_ok());
}
