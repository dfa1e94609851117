//! Tests the permissions, the lifetime and the number of uses of API tokens and guest links. The current rights of its
//! issuer limit each token.

use pinlatch_protocol::admin::{IssueRequest, MAX_GUEST_SCOPE, MAX_TOKEN_LIFE, MAX_USES};
use pinlatch_protocol::scope::Role::Operator;

use super::fixtures::*;
use super::*;

const REFUSED: &str = "insufficient_scope";

#[test]
fn a_token_does_what_it_was_issued_for() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let script = test_site.issue(&ann, api("line:porch/door:pulse line:porch/bell:read"), "t1").unwrap();
    assert_eq!(test_site.last_logged(), "ann mint t1 api");
    assert_eq!(test_site.may(&script), Ok("line:porch/bell:read line:porch/door:pulse".into()));
    assert!(test_site.commands(&script, pulse("one")).is_ok());
    assert_eq!(test_site.commands(&script, lamp("two", true)), Err(REFUSED.into()));
    assert_eq!(test_site.last_logged(), format!("token:t1 command porch/lamp:set {REFUSED}"));
    let wider = Principal { scope: Some("line:*/*:* site:*".parse().unwrap()), ..script.clone() };
    assert_eq!(test_site.may(&wider), test_site.may(&script), "the stored scopes limit the token's scopes");
    let narrower = Principal { scope: Some("line:porch/bell:read".parse().unwrap()), ..script.clone() };
    assert_eq!(
        test_site.may(&narrower),
        Ok("line:porch/bell:read".into()),
        "the token's scopes limit the stored scopes"
    );
    assert_eq!(test_site.may(&Principal { jti: "t2".into(), ..script.clone() }), Err("invalid_token".into()));
    test_site.done(Call::Logout { principal: ann }).unwrap();
    assert!(test_site.may(&script).is_ok(), "a logout does not end tokens issued during the login");
    test_site.log_in("ann", "g");
    test_site.done(Call::EndSessions { principal: owner(), username: user("ann") }).unwrap();
    assert!(test_site.may(&script).is_ok());
}

#[test]
fn an_issued_token_never_exceeds_its_issuer() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let bob = test_site.join("bob", scope("line:porch/door:* site:tokens"));
    let op = test_site.join("op", role(Operator));
    let script = test_site.issue(&ann, api("line:porch/door:pulse site:tokens"), "script").unwrap();
    let link = test_site.issue(&ann, guest("line:*/*:*"), "link").unwrap();
    let narrow =
        Principal { scope: Some("line:porch/bell:read site:tokens".parse().unwrap()), ..ann.clone() };
    for (n, (by, wanted, allowed)) in [
        (&ann, "line:*/*:* site:*", true),
        (&bob, "line:porch/door:pulse", true),
        (&bob, "line:porch/door:* site:tokens", true),
        (&bob, "line:porch/lamp:read", false),
        (&bob, "line:porch/*:pulse", false),
        (&bob, "line:*/*:read", false),
        (&bob, "site:users", false),
        (&bob, "site:*", false),
        (&op, "line:porch/door:pulse", false),
        (&script, "line:porch/door:read", true),
        (&script, "line:porch/door:set", false),
        (&script, "line:porch/door:pulse site:users", false),
        (&narrow, "line:porch/bell:read", true),
        (&narrow, "line:porch/door:pulse", false),
        (&link, "line:porch/door:pulse", false),
        (&program("line:porch/door:*"), "line:porch/door:pulse", false),
        (&program("line:porch/door:* site:tokens"), "line:porch/door:pulse", true),
    ]
    .into_iter()
    .enumerate()
    {
        let jti = format!("n{n}");
        let outcome = test_site.issue(by, api(wanted), &jti);
        assert_eq!(outcome.is_ok(), allowed, "{} {wanted} {outcome:?}", by.actor());
        let logged = if allowed { format!("mint {jti} api") } else { format!("mint tokens {REFUSED}") };
        assert_eq!(test_site.last_logged(), format!("{} {logged}", by.actor()), "{wanted}");
        test_site.pass(61_000);
    }
    assert_eq!(
        test_site.issue(&ann, guest("line:porch/door:pulse site:users"), "x"),
        Err("invalid_request".into())
    );
}

#[test]
fn a_request_keeps_to_its_limits() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let now = test_site.now_s();
    let with = |change: &dyn Fn(&mut IssueRequest)| {
        let mut request = api("line:porch/door:pulse");
        change(&mut request);
        request
    };
    let long = "\u{e4}".repeat(64);
    let fine: [&dyn Fn(&mut IssueRequest); 6] = [
        &|r| r.name = "\u{e4}".repeat(64),
        &|r| r.name = "  spaced  ".into(),
        &|r| r.expires_at = now + 1,
        &|r| r.expires_at = now + MAX_TOKEN_LIFE,
        &|r| (r.not_before, r.expires_at) = (Some(now + MAX_TOKEN_LIFE), now + 2 * MAX_TOKEN_LIFE),
        &|r| r.max_uses = Some(MAX_USES),
    ];
    for (n, change) in fine.into_iter().enumerate() {
        assert!(test_site.issue(&ann, with(change), &format!("fine{n}")).is_ok(), "{n}");
    }
    assert_eq!((test_site.token("fine0").name, test_site.token("fine1").name.as_str()), (long, "spaced"));
    let many = |most: usize| {
        let names = (0..most).map(|n| format!("line:{n:0>40}/{n:0>40}:pulse"));
        names.collect::<Vec<_>>().join(" ").parse().unwrap()
    };
    assert!(test_site.issue(&ann, with(&|r| r.scope = many(40)), "widest").is_ok());
    let wrong: [&dyn Fn(&mut IssueRequest); 15] = [
        &|r| r.scope = many(50),
        &|r| r.name = String::new(),
        &|r| r.name = "  ".into(),
        &|r| r.name = "x".repeat(65),
        &|r| r.name = "a\u{1b}[2J".into(),
        &|r| r.name = "a\nb".into(),
        &|r| r.expires_at = now,
        &|r| r.expires_at = 0,
        &|r| r.expires_at = now + MAX_TOKEN_LIFE + 1,
        &|r| r.expires_at = u64::MAX,
        &|r| (r.not_before, r.expires_at) = (Some(now + 60), now + 60),
        &|r| (r.not_before, r.expires_at) = (Some(now + MAX_TOKEN_LIFE + 1), now + MAX_TOKEN_LIFE + 60),
        &|r| (r.not_before, r.expires_at) = (Some(u64::MAX - 9), u64::MAX),
        &|r| r.max_uses = Some(0),
        &|r| r.max_uses = Some(MAX_USES + 1),
    ];
    for (n, change) in wrong.into_iter().enumerate() {
        assert_eq!(test_site.issue(&ann, with(change), "wrong"), Err("invalid_request".into()), "{n}");
    }
    assert_eq!(test_site.issue(&ann, api(""), "wrong"), Err("invalid_request".into()), "an empty scope");
    // The scopes of a guest link must fit into a cookie.
    let lines = |count: usize| -> String {
        let line = |number| format!("line:porch/a-line-with-a-rather-long-name-{number}:set");
        (10..10 + count).map(line).collect::<Vec<_>>().join(" ")
    };
    let most = (MAX_GUEST_SCOPE + 1) / (lines(2).len() - lines(1).len());
    assert!(test_site.issue(&ann, guest(&lines(most)), "large").is_ok());
    assert_eq!(test_site.issue(&ann, guest(&lines(most + 1)), "wrong"), Err("invalid_request".into()));
    assert!(test_site.issue(&ann, api(&lines(most + 1)), "script").is_ok());
    let past = with(&|r| r.not_before = Some(5));
    test_site.issue(&ann, past, "past").unwrap();
    assert_eq!(
        test_site.token("past").not_before,
        now,
        "the validity starts when the token is issued, or later"
    );
}

#[test]
fn the_site_bounds_how_many_there_are() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    test_site
        .issue(&ann, IssueRequest { expires_at: test_site.now_s() + 60, ..api("line:*/*:read") }, "short")
        .unwrap();
    for n in 0..9_999 {
        let sql = "INSERT INTO tokens (jti, kind, name, creator, person, scope, nbf, exp, created_ms)
            SELECT ?1, kind, name, creator, person, scope, nbf, ?2, created_ms FROM tokens WHERE jti = 'short'";
        let params = [format!("copy{n}").into(), (START_MS / 1000 + DAY_S).into()];
        test_site.store.run(sql, &params).unwrap();
    }
    assert_eq!(test_site.issue(&ann, api("line:*/*:read"), "one"), Err("invalid_request".into()));
    assert_eq!(test_site.tokens(&ann).len(), 10_000, "the list contains all of them");
    test_site.pass(60_000);
    test_site.issue(&ann, api("line:*/*:read"), "one").unwrap();
    assert_eq!(test_site.issue(&ann, api("line:*/*:read"), "two"), Err("invalid_request".into()));
    test_site.revoke(&ann, "one", None).unwrap();
    test_site.issue(&ann, api("line:*/*:read"), "two").unwrap();
}

#[test]
fn a_token_is_good_in_its_window_only() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let from = test_site.now_s() + HOUR_S;
    let window =
        IssueRequest { not_before: Some(from), expires_at: from + 60, ..api("line:porch/door:pulse") };
    let script = test_site.issue(&ann, window.clone(), "script").unwrap();
    test_site.issue(&ann, IssueRequest { ..guest("line:porch/door:pulse") }, "now").unwrap();
    let link = IssueRequest { kind: guest("").kind, ..window };
    let link = test_site.issue(&ann, link, "link").unwrap();
    assert_eq!(test_site.exchange("none"), Err("link_not_valid".into()));
    assert_eq!(
        test_site.exchange("script"),
        Err("link_not_valid".into()),
        "an API token is not a guest link"
    );
    assert!(test_site.exchange("now").is_ok());
    test_site.pass(HOUR_S * 1000 - 1);
    let dead = || {
        assert_eq!(test_site.exchange("link"), Err("link_not_valid".into()));
        for principal in [&script, &link] {
            assert_eq!(test_site.may(principal), Err("invalid_token".into()));
            assert_eq!(test_site.commands(principal, pulse("x")), Err("invalid_token".into()));
        }
    };
    dead();
    for ms in [1, 59_999] {
        test_site.pass(ms);
        test_site.alive("s1");
        assert_eq!(test_site.exchange("link").map(|token| token.jti), Ok("link".into()));
        assert_eq!(test_site.may(&script), Ok("line:porch/door:pulse".into()));
        assert!(test_site.commands(&link, pulse(&format!("at{ms}"))).is_ok());
    }
    test_site.pass(1);
    dead();
}

#[test]
fn uses_are_counted_once_for_each_accepted_command() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let link = IssueRequest { max_uses: Some(2), ..guest("line:porch/door:pulse") };
    let link = test_site.issue(&ann, link, "link").unwrap();
    let uses = || test_site.token("link").uses;
    let left = || match test_site.call(Call::Whoami { principal: link.clone() }).0 {
        Ok(Answer::Now(Reply::Whoami(whoami))) => whoami.uses_left,
        other => panic!("{other:?}"),
    };
    assert_eq!(test_site.commands(&link, lamp("x", true)), Err(REFUSED.into()));
    assert_eq!(
        test_site.commands(&link, request("y", "door", "pulse", json!({"ms": -1}))),
        Err("invalid_arguments".into())
    );
    let late = CommandRequest { deadline_ms: Some(1), ..pulse("z") };
    assert_eq!(test_site.commands(&link, late), Err("invalid_arguments".into()));
    test_site.close("porch", "s1");
    assert_eq!(test_site.commands(&link, pulse("w")), Err("device_offline".into()));
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    test_site.hello("porch", "s2", &porch_lines(), &[]);
    assert_eq!((uses(), left()), (0, Some(2)));
    test_site.commands(&link, pulse("one")).unwrap();
    for _ in 0..3 {
        test_site.commands(&link, pulse("one")).unwrap();
        assert!(frames(&test_site.panel("p1", &link, pulse("one"))).is_empty(), "the panel waits too");
    }
    assert_eq!(
        test_site.commands(&link, request("one", "door", "pulse", json!({"ms": 9}))),
        Err("id_conflict".into())
    );
    assert_eq!(uses(), 1);
    assert!(test_site.exchange("link").is_ok());
    let effects = test_site.panel("p1", &link, pulse("two"));
    assert_eq!(orders(&effects).len(), 1);
    let whose = PanelFilter::Token("link".into());
    let told = Effect::ToPanels { whose, message: ToPanel::Uses { left: 0 } };
    assert!(effects.contains(&told), "open panels do not learn the number of uses: {effects:?}");
    assert_eq!((uses(), left()), (2, Some(0)));
    assert_eq!(test_site.commands(&link, pulse("three")), Err("used_up".into()));
    assert_eq!(test_site.last_logged(), "token:link command porch/door:pulse used_up");
    assert!(test_site.commands(&link, pulse("two")).is_ok(), "an accepted command keeps its answer");
    assert_eq!(test_site.exchange("link"), Err("used_up".into()));
    assert!(test_site.may(&link).is_ok(), "reading is still allowed");
    assert_eq!(uses(), 2);
}

#[test]
fn a_token_with_a_use_limit_issues_no_unlimited_token() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let once = IssueRequest { max_uses: Some(1), ..api("line:porch/door:pulse site:tokens") };
    let once = test_site.issue(&ann, once, "once").unwrap();
    assert_eq!(test_site.issue(&once, api("line:porch/door:pulse"), "free"), Err(REFUSED.into()));
    assert_eq!(test_site.last_logged(), format!("token:once mint tokens {REFUSED}"));
}

#[test]
fn a_command_writes_one_more_row_for_a_rate_and_one_for_a_use() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let counted = IssueRequest { max_uses: Some(9), ..api("line:*/*:*") };
    let counted = test_site.issue(&ann, counted, "counted").unwrap();
    let free = test_site.issue(&ann, api("line:*/*:*"), "free").unwrap();
    // The first command of a token in a minute also writes the time of its last use.
    for (by, most, on) in [(&counted, 6, true), (&free, 6, false), (&free, 5, true), (&ann, 4, false)] {
        let before = test_site.store.0.rows_written();
        let effects = test_site.commands(by, lamp(&format!("{}-{on}", by.jti), on)).unwrap();
        let jti = the_order(&effects).jti;
        test_site.report(&jti, CommandStatus::Executed, None, Some(Level::On(on)));
        assert_eq!(test_site.store.0.rows_written() - before, most, "{}", by.actor());
    }
}

#[test]
fn a_list_tells_when_a_token_was_last_used() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let script = test_site.issue(&ann, api("line:porch/door:pulse"), "script").unwrap();
    test_site.pass(1_000);
    test_site.issue(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    assert_eq!(
        test_site.tokens(&ann).iter().map(|t| t.jti.as_str()).collect::<Vec<_>>(),
        ["link", "script"],
        "newest first"
    );
    assert_eq!(test_site.token("script").last_used_ms, None);
    for id in ["one", "two"] {
        test_site.pass(60_000);
        let first_ms = test_site.now_ms.get();
        for _ in 0..3 {
            let id = format!("{id}-{}", test_site.now_ms.get());
            test_site.alive("s1");
            let order = the_order(&test_site.commands(&script, pulse(&id)).unwrap());
            test_site.report(&order.jti, CommandStatus::Executed, None, None);
            assert_eq!(test_site.token("script").last_used_ms, Some(first_ms), "at most a minute too early");
            test_site.pass(19_000);
        }
    }
    assert_eq!(test_site.token("link").last_used_ms, None);
    let text = serde_json::to_string(&test_site.token("script")).unwrap();
    assert!(!text.contains("eyJ"), "{text}");
    for weak in [script, program("line:*/*:* site:users"), test_site.join("op", role(Operator))] {
        assert_eq!(test_site.refusal(Call::Tokens { principal: weak }), REFUSED);
    }
    test_site.pass(30 * DAY_S * 1000);
    assert_eq!(test_site.tokens(&owner()).len(), 2, "ended tokens are still listed for a week");
    test_site.pass(7 * DAY_S * 1000 + HOUR_S * 1000);
    test_site.tick();
    assert!(test_site.tokens(&owner()).is_empty());
}

#[test]
fn a_revoked_token_is_dead_at_once() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let script = test_site.issue(&ann, api("line:*/*:* site:tokens"), "script").unwrap();
    let deeper = test_site.issue(&script, guest("line:porch/door:pulse"), "deeper").unwrap();
    let (_, effects) =
        test_site.call(Call::Revoke { principal: ann.clone(), jti: "script".into(), exp: None });
    assert_eq!(
        ended(&effects),
        (vec![PanelFilter::Token("script".into())], true),
        "the sockets of its children are checked"
    );
    assert_eq!(test_site.last_logged(), "ann revoke script done");
    for dead in [&script, &deeper] {
        assert_eq!(test_site.may(dead), Err("invalid_token".into()));
        assert_eq!(test_site.commands(dead, pulse("x")), Err("invalid_token".into()));
    }
    assert_eq!(test_site.exchange("deeper"), Err("link_not_valid".into()));
    let at = test_site.now_ms.get();
    test_site.pass(5_000);
    test_site.revoke(&ann, "script", None).unwrap();
    assert_eq!(test_site.token("script").revoked_ms, Some(at), "a second revocation changes nothing");
    test_site.revoke(&ann, "script", Some(0)).unwrap();
    assert_eq!(test_site.may(&script), Err("invalid_token".into()));
    assert_eq!(test_site.revoke(&ann, "none", None), Err("unknown_token".into()));
}

#[test]
fn a_revocation_takes_what_the_token_holds() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", scope("line:porch/door:* site:tokens"));
    let ann = test_site.log_in("ann", "f");
    test_site.issue(&ann, api("line:*/*:*"), "big").unwrap();
    test_site.issue(&ann, guest("line:porch/door:pulse"), "small").unwrap();
    assert_eq!(test_site.revoke(&bob, "big", None), Err(REFUSED.into()));
    assert_eq!(test_site.last_logged(), format!("bob revoke big {REFUSED}"));
    assert_eq!(
        test_site.revoke(&bob, "big", Some(u64::MAX)),
        Err(REFUSED.into()),
        "an expiry does not change this"
    );
    assert_eq!(test_site.token("big").revoked_ms, None);
    assert_eq!(test_site.revoke(&bob, "small", None), Ok(()));
    assert_eq!(test_site.revoke(&program("line:*/*:*"), "big", None), Err(REFUSED.into()));
}

#[test]
fn a_token_signed_elsewhere_stays_revoked_until_it_would_have_expired() {
    let test_site = TestSite::connected();
    let robot = program("line:*/*:*");
    let days = |n: u64| START_MS / 1000 + n * DAY_S;
    let later = || Principal { exp: u64::MAX, ..robot.clone() };
    test_site.revoke(&owner(), "robot-token", Some(days(2))).unwrap();
    assert_eq!(test_site.last_logged(), "ann revoke robot-token done");
    assert_eq!(test_site.may(&robot), Err("invalid_token".into()));
    assert_eq!(
        test_site.revoke(&owner(), "robot-token", Some(1)),
        Ok(()),
        "revoked again with an earlier expiry"
    );
    for _ in 0..2 {
        test_site.pass(DAY_S * 1000 - 1);
        test_site.tick();
        assert_eq!(test_site.may(&later()), Err("invalid_token".into()), "a revocation cannot be shortened");
    }
    test_site.pass(2 * HOUR_S * 1000);
    test_site.tick();
    assert!(test_site.may(&later()).is_ok(), "forgotten, with the token long expired");
    assert_eq!(test_site.revoke(&owner(), "for-ever", Some(u64::MAX)), Err("invalid_request".into()));
    for wrong in [String::new(), "x".repeat(257)] {
        assert_eq!(test_site.revoke(&owner(), &wrong, Some(days(200))), Err("invalid_request".into()));
    }
    assert_eq!(test_site.revoke(&robot, "x", Some(days(200))), Err(REFUSED.into()));
    for n in 0..1_000 {
        test_site.revoke(&owner(), &format!("r{n}"), Some(days(200))).unwrap();
    }
    let script = test_site.issue(&owner(), api("line:*/*:* site:*"), "script").unwrap();
    for by in [&owner(), &script] {
        let more = test_site.revoke(by, "one-more", Some(days(200)));
        assert_eq!(more, Err("invalid_request".into()), "{}", by.actor());
    }
    let deputy = test_site.join("deputy", scope("line:*/*:* site:*"));
    assert_eq!(test_site.revoke(&deputy, "one-more", Some(days(200))), Ok(()), "the limit is per person");
}

#[test]
fn a_token_may_give_itself_up_and_a_link_is_left() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let script = test_site.issue(&ann, api("line:*/*:* site:tokens"), "script").unwrap();
    let deeper = test_site.issue(&script, api("line:porch/*:*"), "deeper").unwrap();
    let link = test_site.issue(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    let (answer, effects) = test_site.call(Call::Logout { principal: script.clone() });
    assert_eq!(answer, Ok(Answer::Now(Reply::Done)));
    assert_eq!(ended(&effects), (vec![PanelFilter::Token("script".into())], true));
    assert_eq!(test_site.last_logged(), "token:script logout token:script done");
    for dead in [&script, &deeper] {
        assert_eq!(test_site.may(dead), Err("invalid_token".into()), "tokens issued from it are ended too");
    }
    assert!(test_site.token("script").revoked_ms.is_some(), "the list shows the revocation");
    let (answer, effects) = test_site.call(Call::Logout { principal: link.clone() });
    assert_eq!((answer, effects), (Ok(Answer::Now(Reply::Done)), vec![]));
    assert!(
        test_site.may(&link).is_ok() && test_site.exchange("link").is_ok(),
        "other browsers can use the link too"
    );
}

#[test]
fn a_generation_voids_what_was_issued_here() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let robot = Principal { jti: "robot-admin".into(), ..program("line:*/*:* site:*") };
    let script = test_site.issue(&ann, api("line:*/*:*"), "script").unwrap();
    let link = test_site.issue(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    let of_robot = test_site.issue(&robot, api("line:*/*:*"), "of-robot").unwrap();
    let (answer, effects) = test_site.call(Call::RaiseGeneration { principal: ann.clone() });
    assert_eq!(answer, Ok(Answer::Now(Reply::Generation(2))));
    assert_eq!(ended(&effects).0, [PanelFilter::All]);
    for dead in [&ann, &owner(), &script, &link, &of_robot] {
        assert_eq!(test_site.may(dead), Err("invalid_token".into()), "{}", dead.jti);
        let newer = Principal { generation: 2, ..dead.clone() };
        assert_eq!(test_site.may(&newer), Err("invalid_token".into()), "logins end too: {}", dead.jti);
    }
    assert_eq!(
        test_site.exchange("link"),
        Err("link_not_valid".into()),
        "otherwise a link could create a new cookie"
    );
    assert!(test_site.tokens(&robot).iter().all(|token| token.revoked_ms.is_some()));
    assert!(test_site.may(&robot).is_ok(), "an external issuer's tokens are not affected");
    let again = test_site.log_in("ann", "g");
    assert_eq!(again.generation, 2);
    let fresh = test_site.issue(&again, api("line:*/*:*"), "fresh").unwrap();
    assert!(test_site.may(&fresh).is_ok());
}
