//! Tests which password counts when several requests set a password at the same time, and which passwords are refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use e2e::site::{OWNER, PASSWORD};
use e2e::{Answer, Site};
use serde_json::json;

use crate::people::{client, join, log_in, patiently};

/// How often each race is repeated. The outcome of a race depends on the timing.
const ROUNDS: usize = 3;

fn invite(site: &Site<'_>, username: &str) -> String {
    let code = site.post("/api/v1/users", &json!({ "username": username })).ok()["code"].clone();
    code.as_str().expect("a code").to_owned()
}

fn accept(site: &Site<'_>, code: &str, password: &str) -> Answer {
    let body = json!({ "code": code, "password": password });
    patiently(|| site.deployment.http().post("/api/v1/users/accept", &body))
}

#[test]
fn of_two_acceptances_with_one_code_one_counts() {
    let site = Site::shared();
    join(&site, "hana", json!({ "role": "viewer" }));
    for round in 0..ROUNDS {
        let code = invite(&site, "hana");
        let passwords = ["one", "two", "three"].map(|name| format!("password {name} of round {round}"));
        let answers: Vec<Answer> = thread::scope(|scope| {
            let accepting = passwords.iter().map(|own| scope.spawn(|| accept(&site, &code, own)));
            let accepting: Vec<_> = accepting.collect();
            accepting.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        });
        let accepted = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(accepted, 1, "{answers:?}");
        for (password, answer) in passwords.iter().zip(&answers) {
            let expected = if answer.status == 200 { 200 } else { 401 };
            assert_eq!(log_in(&site, "hana", password).status, expected, "{password}: {answer:?}");
        }
    }
}

#[test]
fn a_refused_acceptance_changes_nothing() {
    let site = Site::shared();
    join(&site, "ivan", json!({ "role": "viewer" }));
    let (void, used) = (invite(&site, "ivan"), invite(&site, "ivan"));
    accept(&site, &used, "the second password").ok();
    for code in [void, used] {
        accept(&site, &code, "the third password").is_problem(403, "code_refused");
    }
    assert_eq!(log_in(&site, "ivan", "the third password").status, 401);
    assert_eq!(log_in(&site, "ivan", PASSWORD).status, 401);
    assert_eq!(log_in(&site, "ivan", "the second password").status, 200);
}

/// A thief knows a person's password and repeats changes of the password, while the person uses an invitation.
#[test]
fn a_repeated_change_cannot_beat_a_reset() {
    let site = Site::shared();
    join(&site, "jola", json!({ "role": "viewer" }));
    let mut old = PASSWORD.to_owned();
    for round in 0..ROUNDS {
        let new = format!("a reset in round {round}");
        let change = json!({ "current": old, "password": old });
        let token = log_in(&site, "jola", &old).ok()["access_token"].as_str().expect("a token").to_owned();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let thief = site.deployment.http().bearer(&token);
                    while !is_over.load(Ordering::Relaxed) {
                        thief.post("/api/v1/users/jola/password", &change);
                    }
                });
            }
            let code = invite(&site, "jola");
            let answer = accept(&site, &code, &new);
            // The changes that were verified before the reset must end, too.
            let next = log_in(&site, "jola", &new);
            is_over.store(true, Ordering::Relaxed);
            assert_eq!((answer.status, next.status), (200, 200), "{answer:?} {next:?}");
        });
        assert_eq!(log_in(&site, "jola", &old).status, 401, "the thief's password is still valid");
        assert_eq!(log_in(&site, "jola", &new).status, 200, "the reset was undone");
        old = new;
    }
}

#[test]
fn common_passwords_and_the_user_name_are_refused_with_the_reason() {
    let site = Site::shared();
    join(&site, "klara.berg", json!({ "role": "viewer" }));
    let (klara, _) = client(&site, "klara.berg");
    let code = invite(&site, "klara.berg");
    let change = |password: &str| {
        let body = json!({ "current": PASSWORD, "password": password });
        patiently(|| klara.post("/api/v1/users/klara.berg/password", &body))
    };
    for (password, reason) in [
        ("Password1", "one of the most common passwords"),
        ("qwertyuiop", "one of the most common passwords"),
        ("Klara.Berg", "your user name"),
        ("klara.berg2026", "your user name"),
    ] {
        for answer in [accept(&site, &code, password), change(password)] {
            answer.is_problem(400, "password_refused");
            assert!(answer.body["detail"].as_str().expect("a reason").contains(reason), "{answer:?}");
        }
    }
    assert_eq!(log_in(&site, "klara.berg", PASSWORD).status, 200, "the password is unchanged");
    accept(&site, &code, "seven grey herons").ok();
    assert_eq!(log_in(&site, "klara.berg", "seven grey herons").status, 200);
    let body = json!({ "current": PASSWORD, "password": "Owner-owner-1" });
    site.post(&format!("/api/v1/users/{OWNER}/password"), &body).is_problem(400, "password_refused");
}
