//! Tests enrolling and removing devices. All events must have consecutive sequence numbers.

use pinlatch_protocol::SILENCE_LIMIT_MS;

use super::*;

fn enrol(code: &str, cert: &str) -> Call {
    Call::Enrol {
        code_id: code.into(),
        jwk: json!({}),
        jwk_thumbprint: "thumb".into(),
        cert_jti: cert.into(),
        cert_exp: u64::MAX,
    }
}

fn create(code: &str, expires_at: u64) -> Call {
    Call::CreateEnrolment { principal: owner(), device: name("shed"), code_id: code.into(), expires_at }
}

#[test]
fn a_code_enrols_one_device_once_and_in_time() {
    let test_site = TestSite::new();
    let soon = START_MS / 1000 + 60;
    assert_eq!(test_site.refusal(enrol("a", "c1")), "code_refused", "never made");
    assert_eq!(test_site.call(create("a", soon)).0, Ok(Answer::Now(Reply::Expiry(soon))));
    assert_eq!(test_site.refusal(create("a", soon)), "invalid_request");
    let (answer, effects) = test_site.call(enrol("a", "c1"));
    assert_eq!(answer, Ok(Answer::Now(Reply::Enrolled { device: name("shed") })));
    assert!(
        matches!(&changes(&effects)[..], [Change::Device { device }] if !device.online && device.lines.is_empty())
    );
    assert_eq!(test_site.last_logged(), "device:shed enrol shed done");
    assert_eq!(test_site.refusal(enrol("a", "c2")), "code_refused", "used");
    test_site.call(create("b", soon)).0.unwrap();
    test_site.pass(60_000);
    assert_eq!(test_site.refusal(enrol("b", "c2")), "code_refused", "expired");
    assert_eq!(test_site.refusal(enrol("setup", "c2")), "code_refused", "a setup code cannot enrol a device");
}

#[test]
fn enrolling_anew_replaces_the_device() {
    let test_site = TestSite::connected();
    let (_, order) = test_site.order(lamp("one", true));
    test_site.report(&order.jti, CommandStatus::Executed, None, Some(Level::On(true)));
    let code = Call::CreateEnrolment {
        principal: owner(),
        device: name("porch"),
        code_id: "anew".into(),
        expires_at: START_MS / 1000 + 60,
    };
    test_site.call(code).0.unwrap();
    let (_, effects) = test_site.call(enrol("anew", "cert-2"));
    assert_eq!(closed(&effects), vec![("s1".into(), 4403, "enrolled_anew")]);
    assert!(!test_site.online("porch"));
    assert!(
        test_site.hello("porch", "s1", &porch_lines(), &[]).is_empty(),
        "messages of the old agent are ignored"
    );
    assert_eq!(test_site.connect("porch", "s2", "cert-1").0.unwrap_err().code, "invalid_token");
    test_site.connect("porch", "s3", "cert-2").0.unwrap();
    let effects = test_site.hello("porch", "s3", &porch_lines(), &[]);
    assert_eq!(orders(&effects).len(), 1, "desired levels survive a change of hardware");
}

#[test]
fn a_removed_device_is_gone() {
    let test_site = TestSite::connected();
    let (ticket, _) = test_site.order(pulse("one"));
    let remove = || Call::RemoveDevice { principal: owner(), device: name("porch") };
    let (answer, effects) = test_site.call(remove());
    assert_eq!(answer, Ok(Answer::Now(Reply::Done)));
    assert_eq!(closed(&effects), vec![("s1".into(), 4403, "removed")]);
    assert!(matches!(&changes(&effects)[..], [Change::Removed { .. }]));
    assert_eq!(test_site.last_logged(), "ann device_removal porch done");
    assert!(test_site.close("porch", "s1").is_empty());
    assert_eq!(test_site.refusal(remove()), "unknown_device");
    assert_eq!(test_site.connect("porch", "s2", "cert-1").0.unwrap_err().code, "invalid_token");
    test_site.pass(6_000);
    assert_eq!(
        answers(&test_site.tick()),
        vec![(ticket, Err("outcome_unknown".into()))],
        "the caller gets an answer"
    );
    // [`TestSite::with`] checks that the sequence numbers continue without a gap, although the rows
    // with the last numbers were deleted.
    test_site.enrol("shed", "cert-9");
    let seqs: Vec<u64> = test_site.published.borrow().iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

#[test]
fn the_last_number_survives_the_line_that_held_it() {
    let test_site = TestSite::connected();
    test_site.handle_agent_message(
        "porch",
        "s1",
        FromAgent::Event {
            line: name("bell"),
            level: Some(Level::On(true)),
            at_ms: 0,
            ends_in_ms: None,
            blinking: false,
            reading: None,
        },
    );
    let effects = test_site.hello("porch", "s1", &porch_lines()[..2], &[]);
    assert_eq!(changes(&effects).len(), 1);
    let (snapshot, _) = test_site.with(|site| site.panel_connected(&owner()));
    let last = test_site.published.borrow().last().unwrap().seq;
    assert!(matches!(snapshot, Ok(ToPanel::Snapshot { seq, .. }) if seq == last));
}

#[test]
fn the_audit_log_is_read_in_pages() {
    let test_site = TestSite::connected();
    for n in 0..5 {
        let (_, order) = test_site.order(pulse(&format!("n{n}")));
        test_site.report(&order.jti, CommandStatus::Executed, None, None);
    }
    let page = |before, limit| match test_site
        .call(Call::Audit {
            principal: owner(),
            filter: AuditFilter { before, ..AuditFilter::default() },
            limit,
        })
        .0
    {
        Ok(Answer::Now(Reply::Audit(page))) => page.entries,
        other => panic!("{other:?}"),
    };
    let first = page(None, 3);
    assert_eq!(first.len(), 3);
    assert_eq!(first[0].jti.as_deref(), Some("ann-token"));
    let rest = page(Some(first[2].seq), 500);
    assert_eq!(rest[0].seq, first[2].seq - 1);
    assert_eq!(rest.len(), 5);
    assert_eq!(page(None, 0).len(), 1);
}

/// A stolen edge key can sign device certificates even if the key was retired. However, the site accepts only
/// certificates with the enrolled key of the device.
#[test]
fn another_key_under_the_same_credential_is_no_device() {
    let test_site = TestSite::new();
    let connect = |thumbprint: &str| {
        test_site.connect_by("porch", "s1", &Credential { thumbprint, ..credential("cert-1") }, false).0
    };
    assert_eq!(connect("stolen").unwrap_err().code, "invalid_token");
    assert!(connect("thumb").is_ok());
}

#[test]
fn a_certificate_is_renewed_in_time_and_both_are_good() {
    /// In this test, a year has 365 steps of 5 hours. The owner's token therefore does not expire during the test.
    const STEP_S: u64 = 5 * 3_600;
    let test_site = TestSite::connected();
    let start_s = START_MS / 1000;
    let renew = |session: &str, present: &str, expires_at: u64, jti: &str| {
        let present = Credential { expires_at, ..credential(present) };
        let next = Renewed { jti, expires_at: test_site.now_ms.get() / 1000 + 365 * STEP_S };
        test_site.with(|site| site.certificate_renewed(&name("porch"), session, &present, next)).0.unwrap()
    };
    let first = start_s + 365 * STEP_S;
    assert!(!renew("s1", "cert-1", first, "cert-2"), "the certificate is too new to renew");
    test_site.now_ms.set(START_MS + 183 * STEP_S * 1000);
    assert!(!renew("s0", "cert-1", first, "cert-2"), "not the current connection");
    assert!(!renew("s1", "cert-9", first, "cert-2"), "an unknown certificate");
    assert!(renew("s1", "cert-1", first, "cert-2"));
    assert_eq!(test_site.last_logged(), "device:porch renewal porch done");
    assert!(!renew("s1", "cert-1", first, "cert-3"), "just now");
    for (session, jti) in [("s2", "cert-2"), ("s3", "cert-1"), ("s4", "cert-2")] {
        test_site.connect("porch", session, jti).0.unwrap();
    }
    assert_eq!(test_site.connect("porch", "s5", "cert-3").0.unwrap_err().code, "invalid_token");

    // The old certificate becomes invalid at its expiry. The new certificate stays valid and is renewed later.
    test_site.now_ms.set(START_MS + 366 * STEP_S * 1000);
    assert_eq!(test_site.connect("porch", "s6", "cert-1").0.unwrap_err().code, "invalid_token");
    test_site.connect("porch", "s7", "cert-2").0.unwrap();
    test_site.now_ms.set(START_MS + 400 * STEP_S * 1000);
    assert!(renew("s7", "cert-2", start_s + (183 + 365) * STEP_S, "cert-3"));
    test_site.connect("porch", "s8", "cert-3").0.unwrap();
    assert_eq!(test_site.connect("porch", "s9", "cert-1").0.unwrap_err().code, "invalid_token");

    // After the device is enrolled again, no previous certificate is accepted.
    test_site.enrol("porch", "cert-4");
    for jti in ["cert-2", "cert-3"] {
        assert_eq!(test_site.connect("porch", jti, jti).0.unwrap_err().code, "invalid_token");
    }
    assert!(!renew("s8", "cert-3", start_s + (400 + 365) * STEP_S, "cert-5"));
}

#[test]
fn an_agent_that_yields_takes_no_link_from_another() {
    let test_site = TestSite::connected();
    let yielding = |session: &str| test_site.connect_by("porch", session, &credential("cert-1"), true);
    let (refused, effects) = yielding("s2");
    assert_eq!(refused.unwrap_err().code, "device_connected");
    assert!(effects.is_empty() && test_site.online("porch"), "{effects:?}");
    test_site.now_ms.set(START_MS + SILENCE_LIMIT_MS + 1);
    let (taken, effects) = yielding("s2");
    assert!(taken.is_ok() && !effects.is_empty(), "the other agent is silent: {effects:?}");
    test_site.close("porch", "s2");
    assert!(yielding("s3").0.is_ok(), "the other agent has disconnected");
    // An agent without `yields` replaces the connection of the other agent.
    assert!(test_site.connect("porch", "s4", "cert-1").0.is_ok());
}
