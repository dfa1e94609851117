//! Tests the setup of a site, logins, and refresh tokens.

use super::*;

const HOUR_S: u64 = 3_600;

fn login(test_site: &TestSite, family: &str) {
    let call = Call::Login {
        username: user("ann"),
        password_ids: vec![PASSWORD_ID.into()],
        new: NewLogin {
            refresh_jti: "r0".into(),
            expires_at: START_MS / 1000 + HOUR_S,
            ..test_site.new_login(family)
        },
    };
    let Ok(Answer::Now(Reply::LoggedIn(login))) = test_site.call(call).0 else { panic!() };
    assert_eq!((login.username, login.family.as_str()), (user("ann"), family));
    assert_eq!(login.auth_time, Some(test_site.now_s()));
}

fn refresh(test_site: &TestSite, jti: &str, next: &str) -> (Result<String, String>, Vec<Effect>) {
    let (answer, effects) = test_site.call(Call::Refresh {
        family: "f".into(),
        jti: jti.into(),
        next_jti: next.into(),
        expires_at: test_site.now_ms.get() / 1000 + 2 * HOUR_S,
    });
    let jti = answer.map_err(|problem| problem.code).map(|answer| match answer {
        Answer::Now(Reply::LoggedIn(login)) => login.refresh_jti,
        other => panic!("{other:?}"),
    });
    (jti, effects)
}

fn of_family() -> Principal {
    Principal { family: Some("f".into()), ..owner() }
}

fn ends_family(effects: &[Effect]) -> bool {
    effects.iter().any(
        |e| matches!(e, Effect::ClosePanels { whose: PanelFilter::Family(f), code: 4401, .. } if f == "f"),
    )
}

#[test]
fn a_site_is_set_up_once() {
    let test_site = TestSite::empty();
    test_site.with(|site| site.tick());
    test_site.add_login("ann", OWNER_LOGIN);
    let allowed = || test_site.call(Call::SetupAllowed { code_id: "s".into() }).0;
    assert_eq!(allowed(), Ok(Answer::Now(Reply::Done)));
    let login = Call::Login {
        username: user("ann"),
        password_ids: vec![PASSWORD_ID.into()],
        new: NewLogin { refresh_jti: "r".into(), expires_at: u64::MAX, ..test_site.new_login("f") },
    };
    assert_eq!(test_site.refusal(login), "login_failed");
    let setup = |code: &str| Call::Setup {
        code_id: code.into(),
        username: user("ann"),
        password_id: PASSWORD_ID.into(),
    };
    assert_eq!(test_site.done(setup("s")), Ok(()));
    assert_eq!(test_site.last_logged(), "ann setup ann done");
    assert_eq!(allowed().unwrap_err().code, "already_set_up");
    assert_eq!(test_site.refusal(setup("t")), "already_set_up");
    test_site.store.run("DELETE FROM people", &[]).unwrap();
    assert_eq!(
        test_site.refusal(setup("s")),
        "code_refused",
        "a code works only once, even if the owner is deleted"
    );
}

#[test]
fn a_refresh_rotates() {
    let test_site = TestSite::connected();
    login(&test_site, "f");
    assert_eq!(test_site.last_logged(), "ann login ann done");
    assert_eq!(refresh(&test_site, "r0", "r1").0, Ok("r1".into()));
    test_site.pass(10_000);
    assert_eq!(refresh(&test_site, "r0", "rx").0, Ok("r1".into()), "the same successor for a moment");
    assert_eq!(refresh(&test_site, "r1", "r2").0, Ok("r2".into()));
    assert_eq!(refresh(&test_site, "r1", "rx").0, Ok("r2".into()));
    test_site.pass(HOUR_S * 1000);
    assert_eq!(refresh(&test_site, "r2", "r3").0, Ok("r3".into()), "a refresh prolongs the family");
    test_site.pass(2 * HOUR_S * 1000);
    let (expired, effects) = refresh(&test_site, "r3", "r4");
    assert_eq!((expired, effects), (Err("invalid_grant".into()), vec![]));
    assert!(!test_site.log().iter().any(|line| line.contains("refresh_reuse")));
}

#[test]
fn a_reused_refresh_token_ends_its_family() {
    for (late_ms, jti) in [(10_001, "r0"), (0, "forged")] {
        let test_site = TestSite::connected();
        login(&test_site, "f");
        refresh(&test_site, "r0", "r1").0.unwrap();
        assert!(test_site.with(|site| site.socket_authority(&of_family())).0.is_ok());
        test_site.pass(late_ms);
        let (outcome, effects) = refresh(&test_site, jti, "r2");
        assert_eq!(outcome, Err("invalid_grant".into()));
        assert!(ends_family(&effects));
        assert_eq!(test_site.last_logged(), "ann refresh_reuse ann family_ended");
        assert_eq!(
            refresh(&test_site, "r1", "r2").0,
            Err("invalid_grant".into()),
            "the login ends for both users of the token"
        );
        let access = test_site.with(|site| site.socket_authority(&of_family())).0;
        assert_eq!(
            access.unwrap_err().code,
            "invalid_token",
            "access tokens become invalid with their login"
        );
        let command = Call::Command { principal: of_family(), request: pulse("one") };
        assert_eq!(test_site.refusal(command), "invalid_token");
    }
}

#[test]
fn a_token_older_than_the_last_but_one_is_reuse_too() {
    let test_site = TestSite::connected();
    login(&test_site, "f");
    refresh(&test_site, "r0", "r1").0.unwrap();
    refresh(&test_site, "r1", "r2").0.unwrap();
    assert_eq!(refresh(&test_site, "r0", "r3").0, Err("invalid_grant".into()));
    assert_eq!(refresh(&test_site, "r2", "r3").0, Err("invalid_grant".into()));
}

#[test]
fn a_family_of_someone_who_is_gone_is_over() {
    let test_site = TestSite::connected();
    login(&test_site, "f");
    test_site.store.run("DELETE FROM people", &[]).unwrap();
    let (outcome, effects) = refresh(&test_site, "r0", "r1");
    assert_eq!(outcome, Err("invalid_grant".into()));
    assert!(ends_family(&effects));
}

#[test]
fn a_family_is_its_persons_own() {
    let test_site = TestSite::connected();
    login(&test_site, "f");
    test_site
        .store
        .run("INSERT INTO people (username, role, created_ms) VALUES ('vic', 'viewer', 0)", &[])
        .unwrap();
    let stolen = Principal { person: Some(user("vic")), ..of_family() };
    assert_eq!(test_site.with(|site| site.socket_authority(&stolen)).0.unwrap_err().code, "invalid_token");
}

#[test]
fn a_logout_ends_the_family_or_the_token() {
    let test_site = TestSite::connected();
    login(&test_site, "f");
    let (answer, effects) = test_site.call(Call::Logout { principal: of_family() });
    assert_eq!(answer, Ok(Answer::Now(Reply::Done)));
    assert!(ends_family(&effects));
    assert_eq!(test_site.last_logged(), "ann logout ann done");
    assert_eq!(test_site.refusal(Call::Whoami { principal: of_family() }), "invalid_token");
    let (answer, effects) = test_site.call(Call::Logout { principal: of_family() });
    assert_eq!((answer, effects), (Ok(Answer::Now(Reply::Done)), vec![]), "again");

    let robot = program("line:*/*:*");
    let (_, effects) = test_site.call(Call::Logout { principal: robot.clone() });
    assert!(
        matches!(&effects[..], [Effect::ClosePanels { whose: PanelFilter::Token(jti), .. }, Effect::Review] if *jti == robot.jti)
    );
    assert_eq!(test_site.refusal(Call::Whoami { principal: robot }), "invalid_token");
    assert!(test_site.call(Call::Whoami { principal: owner() }).0.is_ok(), "others stay");
}

#[test]
fn a_family_can_be_ended_without_an_access_token() {
    let test_site = TestSite::connected();
    login(&test_site, "f");
    let (_, effects) = test_site.call(Call::LogoutFamily { family: "f".into() });
    assert!(ends_family(&effects));
    assert_eq!(refresh(&test_site, "r0", "r1").0, Err("invalid_grant".into()));
    assert_eq!(
        test_site.call(Call::LogoutFamily { family: "none".into() }),
        (Ok(Answer::Now(Reply::Done)), vec![])
    );
}

#[test]
fn a_new_generation_kills_every_token() {
    let test_site = TestSite::connected();
    login(&test_site, "f");
    let (_, effects) = test_site.call(Call::RaiseGeneration { principal: owner() });
    assert!(matches!(&effects[..], [Effect::ClosePanels { whose: PanelFilter::All, .. }]));
    assert_eq!(test_site.refusal(Call::Whoami { principal: owner() }), "invalid_token");
    let newer = Principal { generation: 2, ..owner() };
    assert_eq!(test_site.refusal(Call::Whoami { principal: newer }), "invalid_token", "the login has ended");
    assert_eq!(refresh(&test_site, "r0", "r1").0, Err("invalid_grant".into()));
    login(&test_site, "g");
    assert!(
        test_site.call(Call::Whoami { principal: program("site:audit") }).0.is_ok(),
        "tokens of another issuer stay valid"
    );
}

#[test]
fn an_effect_names_the_panels_it_closes() {
    let ann = of_family();
    assert!(PanelFilter::All.covers("p", &ann));
    assert!(
        PanelFilter::Panel("p".into()).covers("p", &ann) && !PanelFilter::Panel("q".into()).covers("p", &ann)
    );
    assert!(
        PanelFilter::Family("f".into()).covers("p", &ann)
            && !PanelFilter::Family("g".into()).covers("p", &ann)
    );
    assert!(
        PanelFilter::Token(ann.jti.clone()).covers("p", &ann)
            && !PanelFilter::Token("t".into()).covers("p", &ann)
    );
    assert!(!PanelFilter::Family("f".into()).covers("p", &owner()));
}
