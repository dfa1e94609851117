//! Tests of API tokens and guest links: permissions, lifetime, number of uses, and the limit by their issuer's rights.

use pinlatch_protocol::admin::{MAX_TOKEN_LIFE, MAX_USES, MintRequest};
use pinlatch_protocol::scope::Role::Operator;

use super::fixtures::*;
use super::*;

const REFUSED: &str = "insufficient_scope";

#[test]
fn a_token_does_what_it_was_minted_for() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let script = bench.mint(&ann, api("line:porch/door:pulse line:porch/bell:read"), "t1").unwrap();
    assert_eq!(bench.last_logged(), "ann mint t1 api");
    assert_eq!(bench.may(&script), Ok("line:porch/bell:read line:porch/door:pulse".into()));
    assert!(bench.commands(&script, pulse("one")).is_ok());
    assert_eq!(bench.commands(&script, lamp("two", true)), Err(REFUSED.into()));
    assert_eq!(bench.last_logged(), format!("token:t1 command porch/lamp:set {REFUSED}"));
    let wider = Principal { scope: "line:*/*:* site:*".parse().unwrap(), ..script.clone() };
    assert_eq!(bench.may(&wider), bench.may(&script), "the stored scopes limit the token's scopes");
    let narrower = Principal { scope: "line:porch/bell:read".parse().unwrap(), ..script.clone() };
    assert_eq!(
        bench.may(&narrower),
        Ok("line:porch/bell:read".into()),
        "the token's scopes limit the stored scopes"
    );
    assert_eq!(bench.may(&Principal { jti: "t2".into(), ..script.clone() }), Err("invalid_token".into()));
    bench.done(Call::Logout { principal: ann }).unwrap();
    assert!(bench.may(&script).is_ok(), "a logout does not end tokens issued during the login");
    bench.log_in("ann", "g");
    bench.done(Call::EndSessions { principal: owner(), username: user("ann") }).unwrap();
    assert!(bench.may(&script).is_ok());
}

#[test]
fn nobody_mints_more_than_they_hold() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let bob = bench.join("bob", scope("line:porch/door:* site:tokens"));
    let op = bench.join("op", role(Operator));
    let script = bench.mint(&ann, api("line:porch/door:pulse site:tokens"), "script").unwrap();
    let link = bench.mint(&ann, guest("line:*/*:*"), "link").unwrap();
    let narrow = Principal { scope: "line:porch/bell:read site:tokens".parse().unwrap(), ..ann.clone() };
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
        let outcome = bench.mint(by, api(wanted), &jti);
        assert_eq!(outcome.is_ok(), allowed, "{} {wanted} {outcome:?}", by.actor());
        let logged = if allowed { format!("mint {jti} api") } else { format!("mint tokens {REFUSED}") };
        assert_eq!(bench.last_logged(), format!("{} {logged}", by.actor()), "{wanted}");
        bench.pass(61_000);
    }
    assert_eq!(
        bench.mint(&ann, guest("line:porch/door:pulse site:users"), "x"),
        Err("invalid_request".into())
    );
}

#[test]
fn a_request_keeps_to_its_limits() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let now = bench.now_s();
    let with = |change: &dyn Fn(&mut MintRequest)| {
        let mut request = api("line:porch/door:pulse");
        change(&mut request);
        request
    };
    let long = "\u{e4}".repeat(64);
    let fine: [&dyn Fn(&mut MintRequest); 6] = [
        &|r| r.name = "\u{e4}".repeat(64),
        &|r| r.name = "  spaced  ".into(),
        &|r| r.expires_at = now + 1,
        &|r| r.expires_at = now + MAX_TOKEN_LIFE,
        &|r| (r.not_before, r.expires_at) = (Some(now + MAX_TOKEN_LIFE), now + 2 * MAX_TOKEN_LIFE),
        &|r| r.max_uses = Some(MAX_USES),
    ];
    for (n, change) in fine.into_iter().enumerate() {
        assert!(bench.mint(&ann, with(change), &format!("fine{n}")).is_ok(), "{n}");
    }
    assert_eq!((bench.token("fine0").name, bench.token("fine1").name.as_str()), (long, "spaced"));
    let wrong: [&dyn Fn(&mut MintRequest); 14] = [
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
        assert_eq!(bench.mint(&ann, with(change), "wrong"), Err("invalid_request".into()), "{n}");
    }
    assert_eq!(bench.mint(&ann, api(""), "wrong"), Err("invalid_request".into()), "an empty scope");
    let past = with(&|r| r.not_before = Some(5));
    bench.mint(&ann, past, "past").unwrap();
    assert_eq!(bench.token("past").not_before, now, "the validity starts when the token is issued, or later");
}

#[test]
fn the_site_bounds_how_many_there_are() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    bench
        .mint(&ann, MintRequest { expires_at: bench.now_s() + 60, ..api("line:*/*:read") }, "short")
        .unwrap();
    for n in 0..9_999 {
        let sql = "INSERT INTO tokens SELECT ?1, kind, name, creator, person, parent, scope, nbf, ?2, max_uses, uses,
            created_ms, ended_ms FROM tokens WHERE jti = 'short'";
        let params = [format!("copy{n}").into(), (START_MS / 1000 + DAY_S).into()];
        bench.store.run(sql, &params).unwrap();
    }
    assert_eq!(bench.mint(&ann, api("line:*/*:read"), "one"), Err("invalid_request".into()));
    assert_eq!(bench.tokens(&ann).len(), 10_000, "the list contains all of them");
    bench.pass(60_000);
    bench.mint(&ann, api("line:*/*:read"), "one").unwrap();
    assert_eq!(bench.mint(&ann, api("line:*/*:read"), "two"), Err("invalid_request".into()));
    bench.revoke(&ann, "one", None).unwrap();
    bench.mint(&ann, api("line:*/*:read"), "two").unwrap();
}

#[test]
fn a_token_is_good_in_its_window_only() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let from = bench.now_s() + HOUR_S;
    let window =
        MintRequest { not_before: Some(from), expires_at: from + 60, ..api("line:porch/door:pulse") };
    let script = bench.mint(&ann, window.clone(), "script").unwrap();
    bench.mint(&ann, MintRequest { ..guest("line:porch/door:pulse") }, "now").unwrap();
    let link = MintRequest { kind: guest("").kind, ..window };
    let link = bench.mint(&ann, link, "link").unwrap();
    assert_eq!(bench.exchange("none"), Err("link_not_valid".into()));
    assert_eq!(bench.exchange("script"), Err("link_not_valid".into()), "an API token is not a guest link");
    assert!(bench.exchange("now").is_ok());
    bench.pass(HOUR_S * 1000 - 1);
    let dead = || {
        assert_eq!(bench.exchange("link"), Err("link_not_valid".into()));
        for principal in [&script, &link] {
            assert_eq!(bench.may(principal), Err("invalid_token".into()));
            assert_eq!(bench.commands(principal, pulse("x")), Err("invalid_token".into()));
        }
    };
    dead();
    for ms in [1, 59_999] {
        bench.pass(ms);
        bench.alive("s1");
        assert_eq!(bench.exchange("link").map(|token| token.jti), Ok("link".into()));
        assert_eq!(bench.may(&script), Ok("line:porch/door:pulse".into()));
        assert!(bench.commands(&link, pulse(&format!("at{ms}"))).is_ok());
    }
    bench.pass(1);
    dead();
}

#[test]
fn uses_are_counted_once_for_each_accepted_command() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let link = MintRequest { max_uses: Some(2), ..guest("line:porch/door:pulse") };
    let link = bench.mint(&ann, link, "link").unwrap();
    let uses = || bench.token("link").uses;
    assert_eq!(bench.commands(&link, lamp("x", true)), Err(REFUSED.into()));
    assert_eq!(
        bench.commands(&link, request("y", "door", "pulse", json!({"ms": -1}))),
        Err("invalid_arguments".into())
    );
    let late = CommandRequest { deadline_ms: Some(1), ..pulse("z") };
    assert_eq!(bench.commands(&link, late), Err("invalid_arguments".into()));
    bench.close("porch", "s1");
    assert_eq!(bench.commands(&link, pulse("w")), Err("device_offline".into()));
    bench.connect("porch", "s2", "cert-1").0.unwrap();
    bench.hello("porch", "s2", &porch_lines(), &[]);
    assert_eq!(uses(), 0);
    bench.commands(&link, pulse("one")).unwrap();
    for _ in 0..3 {
        bench.commands(&link, pulse("one")).unwrap();
        assert!(frames(&bench.panel("p1", &link, pulse("one"))).is_empty(), "the panel waits too");
    }
    assert_eq!(
        bench.commands(&link, request("one", "door", "pulse", json!({"ms": 9}))),
        Err("id_conflict".into())
    );
    assert_eq!(uses(), 1);
    assert!(bench.exchange("link").is_ok());
    let effects = bench.panel("p1", &link, pulse("two"));
    assert_eq!(orders(&effects).len(), 1);
    assert_eq!(uses(), 2);
    assert_eq!(bench.commands(&link, pulse("three")), Err("used_up".into()));
    assert_eq!(bench.last_logged(), "token:link command porch/door:pulse used_up");
    assert!(bench.commands(&link, pulse("two")).is_ok(), "an accepted command keeps its answer");
    assert_eq!(bench.exchange("link"), Err("used_up".into()));
    assert!(bench.may(&link).is_ok(), "reading is still allowed");
    assert_eq!(uses(), 2);
}

#[test]
fn a_counted_token_mints_none_that_nobody_counts() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let once = MintRequest { max_uses: Some(1), ..api("line:porch/door:pulse site:tokens") };
    let once = bench.mint(&ann, once, "once").unwrap();
    assert_eq!(bench.mint(&once, api("line:porch/door:pulse"), "free"), Err(REFUSED.into()));
    assert_eq!(bench.last_logged(), format!("token:once mint tokens {REFUSED}"));
}

#[test]
fn a_command_writes_five_rows_where_uses_are_counted_and_four_elsewhere() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let counted = MintRequest { max_uses: Some(9), ..api("line:*/*:*") };
    let counted = bench.mint(&ann, counted, "counted").unwrap();
    let free = bench.mint(&ann, api("line:*/*:*"), "free").unwrap();
    for (by, most, on) in [(&counted, 5, true), (&free, 4, false), (&ann, 4, true)] {
        let before = bench.store.0.rows_written();
        let effects = bench.commands(by, lamp(&by.jti, on)).unwrap();
        let jti = the_order(&effects).jti;
        bench.report(&jti, CommandStatus::Executed, None, Some(Level::On(on)));
        assert_eq!(bench.store.0.rows_written() - before, most, "{}", by.actor());
    }
}

#[test]
fn a_list_tells_when_a_token_was_last_used() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let script = bench.mint(&ann, api("line:porch/door:pulse"), "script").unwrap();
    bench.pass(1_000);
    bench.mint(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    assert_eq!(
        bench.tokens(&ann).iter().map(|t| t.jti.as_str()).collect::<Vec<_>>(),
        ["link", "script"],
        "newest first"
    );
    assert_eq!(bench.token("script").last_used_ms, None);
    for id in ["one", "two"] {
        bench.pass(1_000);
        let order = the_order(&bench.commands(&script, pulse(id)).unwrap());
        bench.report(&order.jti, CommandStatus::Executed, None, None);
        assert_eq!(bench.token("script").last_used_ms, Some(bench.now_ms.get()));
    }
    assert_eq!(bench.token("link").last_used_ms, None);
    let text = serde_json::to_string(&bench.token("script")).unwrap();
    assert!(!text.contains("eyJ"), "{text}");
    for weak in [script, program("line:*/*:* site:users"), bench.join("op", role(Operator))] {
        assert_eq!(bench.refusal(Call::Tokens { principal: weak }), REFUSED);
    }
    bench.pass(30 * DAY_S * 1000);
    assert_eq!(bench.tokens(&owner()).len(), 2, "ended tokens are still listed for a week");
    bench.pass(7 * DAY_S * 1000 + HOUR_S * 1000);
    bench.tick();
    assert!(bench.tokens(&Principal { exp: u64::MAX, ..owner() }).is_empty());
}

#[test]
fn a_revoked_token_is_dead_at_once() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let script = bench.mint(&ann, api("line:*/*:* site:tokens"), "script").unwrap();
    let deeper = bench.mint(&script, guest("line:porch/door:pulse"), "deeper").unwrap();
    let (_, effects) = bench.call(Call::Revoke { principal: ann.clone(), jti: "script".into(), exp: None });
    assert_eq!(
        ended(&effects),
        (vec![PanelFilter::Token("script".into())], true),
        "the sockets of its children are checked"
    );
    assert_eq!(bench.last_logged(), "ann revoke script done");
    for dead in [&script, &deeper] {
        assert_eq!(bench.may(dead), Err("invalid_token".into()));
        assert_eq!(bench.commands(dead, pulse("x")), Err("invalid_token".into()));
    }
    assert_eq!(bench.exchange("deeper"), Err("link_not_valid".into()));
    let at = bench.now_ms.get();
    bench.pass(5_000);
    bench.revoke(&ann, "script", None).unwrap();
    assert_eq!(bench.token("script").revoked_ms, Some(at), "a second revocation changes nothing");
    bench.revoke(&ann, "script", Some(0)).unwrap();
    assert_eq!(bench.may(&script), Err("invalid_token".into()));
    assert_eq!(bench.revoke(&ann, "none", None), Err("unknown_token".into()));
}

#[test]
fn a_revocation_takes_what_the_token_holds() {
    let bench = TestSite::connected();
    let bob = bench.join("bob", scope("line:porch/door:* site:tokens"));
    let ann = bench.log_in("ann", "f");
    bench.mint(&ann, api("line:*/*:*"), "big").unwrap();
    bench.mint(&ann, guest("line:porch/door:pulse"), "small").unwrap();
    assert_eq!(bench.revoke(&bob, "big", None), Err(REFUSED.into()));
    assert_eq!(bench.last_logged(), format!("bob revoke big {REFUSED}"));
    assert_eq!(
        bench.revoke(&bob, "big", Some(u64::MAX)),
        Err(REFUSED.into()),
        "an expiry does not change this"
    );
    assert_eq!(bench.token("big").revoked_ms, None);
    assert_eq!(bench.revoke(&bob, "small", None), Ok(()));
    assert_eq!(bench.revoke(&program("line:*/*:*"), "big", None), Err(REFUSED.into()));
}

#[test]
fn a_token_signed_elsewhere_stays_revoked_until_it_would_have_expired() {
    let bench = TestSite::connected();
    let robot = program("line:*/*:*");
    let days = |n: u64| START_MS / 1000 + n * DAY_S;
    let later = || Principal { exp: u64::MAX, ..robot.clone() };
    bench.revoke(&owner(), "robot-token", Some(days(2))).unwrap();
    assert_eq!(bench.last_logged(), "ann revoke robot-token done");
    assert_eq!(bench.may(&robot), Err("invalid_token".into()));
    assert_eq!(
        bench.revoke(&owner(), "robot-token", Some(1)),
        Ok(()),
        "revoked again with an earlier expiry"
    );
    for _ in 0..2 {
        bench.pass(DAY_S * 1000 - 1);
        bench.tick();
        assert_eq!(bench.may(&later()), Err("invalid_token".into()), "a revocation cannot be shortened");
    }
    bench.pass(2 * HOUR_S * 1000);
    bench.tick();
    assert!(bench.may(&later()).is_ok(), "forgotten, with the token long expired");
    bench.revoke(&owner(), "for-ever", Some(u64::MAX)).unwrap();
    for wrong in [String::new(), "x".repeat(257)] {
        assert_eq!(bench.revoke(&owner(), &wrong, Some(days(200))), Err("invalid_request".into()));
    }
    assert_eq!(bench.revoke(&robot, "x", Some(days(200))), Err(REFUSED.into()));
    for n in 0..9_999 {
        let sql = "INSERT INTO revoked (jti, until_ms) VALUES (?1, ?2)";
        bench.store.run(sql, &[format!("r{n}").into(), u64::MAX.into()]).unwrap();
    }
    assert_eq!(bench.revoke(&owner(), "one-more", Some(days(200))), Err("invalid_request".into()));
}

#[test]
fn a_token_may_give_itself_up_and_a_link_is_left() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let script = bench.mint(&ann, api("line:*/*:* site:tokens"), "script").unwrap();
    let deeper = bench.mint(&script, api("line:porch/*:*"), "deeper").unwrap();
    let link = bench.mint(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    let (answer, effects) = bench.call(Call::Logout { principal: script.clone() });
    assert_eq!(answer, Ok(Answer::Now(Reply::Done)));
    assert_eq!(ended(&effects), (vec![PanelFilter::Token("script".into())], true));
    assert_eq!(bench.last_logged(), "token:script logout token:script done");
    for dead in [&script, &deeper] {
        assert_eq!(bench.may(dead), Err("invalid_token".into()), "tokens issued from it are ended too");
    }
    assert!(bench.token("script").revoked_ms.is_some(), "the list shows the revocation");
    let (answer, effects) = bench.call(Call::Logout { principal: link.clone() });
    assert_eq!((answer, effects), (Ok(Answer::Now(Reply::Done)), vec![]));
    assert!(
        bench.may(&link).is_ok() && bench.exchange("link").is_ok(),
        "other browsers can use the link too"
    );
}

#[test]
fn a_generation_voids_what_was_issued_here() {
    let bench = TestSite::connected();
    let ann = bench.log_in("ann", "f");
    let robot = Principal { jti: "robot-admin".into(), ..program("line:*/*:* site:*") };
    let script = bench.mint(&ann, api("line:*/*:*"), "script").unwrap();
    let link = bench.mint(&ann, guest("line:porch/door:pulse"), "link").unwrap();
    let of_robot = bench.mint(&robot, api("line:*/*:*"), "of-robot").unwrap();
    let (answer, effects) = bench.call(Call::RaiseGeneration { principal: ann.clone() });
    assert_eq!(answer, Ok(Answer::Now(Reply::Generation(2))));
    assert_eq!(ended(&effects).0, [PanelFilter::All]);
    for dead in [&ann, &owner(), &script, &link, &of_robot] {
        assert_eq!(bench.may(dead), Err("invalid_token".into()), "{}", dead.jti);
        let newer = Principal { generation: 2, ..dead.clone() };
        assert_eq!(bench.may(&newer).is_ok(), !dead.minted, "all issued tokens are ended: {}", dead.jti);
    }
    assert_eq!(
        bench.exchange("link"),
        Err("link_not_valid".into()),
        "otherwise a link could create a new cookie"
    );
    assert!(bench.tokens(&robot).iter().all(|token| token.revoked_ms.is_some()));
    assert!(bench.may(&robot).is_ok(), "an external issuer's tokens are not affected");
    let again = bench.log_in("ann", "g");
    assert_eq!(again.generation, 2);
    let fresh = bench.mint(&again, api("line:*/*:*"), "fresh").unwrap();
    assert!(bench.may(&fresh).is_ok());
}
