//! Tests of enrolling and removing devices. All events must have consecutive numbers.

use pinlatch_protocol::SILENCE_LIMIT_MS;

use super::*;

fn enrol(code: &str, cert: &str) -> Call {
    Call::Enrol {
        code_id: code.into(),
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
    let bench = TestSite::new();
    let soon = START_MS / 1000 + 60;
    assert_eq!(bench.refusal(enrol("a", "c1")), "code_refused", "never made");
    assert_eq!(bench.call(create("a", soon)).0, Ok(Answer::Now(Reply::Enrolment)));
    assert_eq!(bench.refusal(create("a", soon)), "invalid_request");
    let (answer, effects) = bench.call(enrol("a", "c1"));
    assert_eq!(answer, Ok(Answer::Now(Reply::Enrolled { device: name("shed") })));
    assert!(
        matches!(&changes(&effects)[..], [Change::Device { device }] if !device.online && device.lines.is_empty())
    );
    assert_eq!(bench.last_logged(), "device:shed enrol shed done");
    assert_eq!(bench.refusal(enrol("a", "c2")), "code_refused", "used");
    bench.call(create("b", soon)).0.unwrap();
    bench.pass(60_000);
    assert_eq!(bench.refusal(enrol("b", "c2")), "code_refused", "expired");
    assert_eq!(bench.refusal(enrol("setup", "c2")), "code_refused", "a setup code cannot enrol a device");
}

#[test]
fn enrolling_anew_replaces_the_device() {
    let bench = TestSite::connected();
    let (_, order) = bench.order(lamp("one", true));
    bench.report(&order.jti, CommandStatus::Executed, None, Some(Level::On(true)));
    let code = Call::CreateEnrolment {
        principal: owner(),
        device: name("porch"),
        code_id: "anew".into(),
        expires_at: START_MS / 1000 + 60,
    };
    bench.call(code).0.unwrap();
    let (_, effects) = bench.call(enrol("anew", "cert-2"));
    assert_eq!(closed(&effects), vec![("s1".into(), 4403, "enrolled_anew")]);
    assert!(!bench.online("porch"));
    assert!(
        bench.hello("porch", "s1", &porch_lines(), &[]).is_empty(),
        "messages of the old agent are ignored"
    );
    assert_eq!(bench.connect("porch", "s2", "cert-1").0.unwrap_err().code, "invalid_token");
    bench.connect("porch", "s3", "cert-2").0.unwrap();
    let effects = bench.hello("porch", "s3", &porch_lines(), &[]);
    assert_eq!(orders(&effects).len(), 1, "desired levels survive a change of hardware");
}

#[test]
fn a_removed_device_is_gone() {
    let bench = TestSite::connected();
    let (ticket, _) = bench.order(pulse("one"));
    let remove = || Call::RemoveDevice { principal: owner(), device: name("porch") };
    let (answer, effects) = bench.call(remove());
    assert_eq!(answer, Ok(Answer::Now(Reply::Done)));
    assert_eq!(closed(&effects), vec![("s1".into(), 4403, "removed")]);
    assert!(matches!(&changes(&effects)[..], [Change::Removed { .. }]));
    assert_eq!(bench.last_logged(), "ann device_removal porch done");
    assert!(bench.close("porch", "s1").is_empty());
    assert_eq!(bench.refusal(remove()), "unknown_device");
    assert_eq!(bench.connect("porch", "s2", "cert-1").0.unwrap_err().code, "invalid_token");
    bench.pass(6_000);
    assert_eq!(
        answers(&bench.tick()),
        vec![(ticket, Err("outcome_unknown".into()))],
        "the caller gets an answer"
    );
    // [`TestSite::with`] checks that the numbers continue, although the rows with the last numbers were deleted.
    bench.enrol("shed", "cert-9");
    let seqs: Vec<u64> = bench.published.borrow().iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

#[test]
fn the_last_number_survives_the_line_that_held_it() {
    let bench = TestSite::connected();
    bench.hear(
        "porch",
        "s1",
        FromAgent::Event { line: name("bell"), level: Some(Level::On(true)), at_ms: 0 },
    );
    let effects = bench.hello("porch", "s1", &porch_lines()[..2], &[]);
    assert_eq!(changes(&effects).len(), 1);
    let (snapshot, _) = bench.with(|site| site.panel_connected(&owner()));
    let last = bench.published.borrow().last().unwrap().seq;
    assert!(matches!(snapshot, Ok(ToPanel::Snapshot { seq, .. }) if seq == last));
}

#[test]
fn the_audit_log_is_read_in_pages() {
    let bench = TestSite::connected();
    for n in 0..5 {
        let (_, order) = bench.order(pulse(&format!("n{n}")));
        bench.report(&order.jti, CommandStatus::Executed, None, None);
    }
    let page = |before, limit| match bench
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

/// A stolen edge key that was retired can sign certificates, but the site accepts only the enrolled key of a device.
#[test]
fn another_key_under_the_same_credential_is_no_device() {
    let bench = TestSite::new();
    let connect = |thumbprint: &str| {
        bench.connect_by("porch", "s1", &Credential { thumbprint, ..credential("cert-1") }, false).0
    };
    assert_eq!(connect("stolen").unwrap_err().code, "invalid_token");
    assert!(connect("thumb").is_ok());
}

#[test]
fn a_certificate_is_renewed_in_time_and_both_are_good() {
    /// A year here has 365 steps of 5 hours, so that the owner's token outlives the test.
    const STEP_S: u64 = 5 * 3_600;
    let bench = TestSite::connected();
    let start_s = START_MS / 1000;
    let renew = |session: &str, present: &str, expires_at: u64, jti: &str| {
        let present = Credential { expires_at, ..credential(present) };
        let next = Renewed { jti, expires_at: bench.now_ms.get() / 1000 + 365 * STEP_S };
        bench.with(|site| site.certificate_renewed(&name("porch"), session, &present, next)).0.unwrap()
    };
    let first = start_s + 365 * STEP_S;
    assert!(!renew("s1", "cert-1", first, "cert-2"), "the certificate is too new to renew");
    bench.now_ms.set(START_MS + 183 * STEP_S * 1000);
    assert!(!renew("s0", "cert-1", first, "cert-2"), "not the current connection");
    assert!(!renew("s1", "cert-9", first, "cert-2"), "an unknown certificate");
    assert!(renew("s1", "cert-1", first, "cert-2"));
    assert_eq!(bench.last_logged(), "device:porch renewal porch done");
    assert!(!renew("s1", "cert-1", first, "cert-3"), "just now");
    for (session, jti) in [("s2", "cert-2"), ("s3", "cert-1"), ("s4", "cert-2")] {
        bench.connect("porch", session, jti).0.unwrap();
    }
    assert_eq!(bench.connect("porch", "s5", "cert-3").0.unwrap_err().code, "invalid_token");

    // The old certificate becomes invalid at its expiry. The new certificate stays valid and is renewed later.
    bench.now_ms.set(START_MS + 366 * STEP_S * 1000);
    assert_eq!(bench.connect("porch", "s6", "cert-1").0.unwrap_err().code, "invalid_token");
    bench.connect("porch", "s7", "cert-2").0.unwrap();
    bench.now_ms.set(START_MS + 400 * STEP_S * 1000);
    assert!(renew("s7", "cert-2", start_s + (183 + 365) * STEP_S, "cert-3"));
    bench.connect("porch", "s8", "cert-3").0.unwrap();
    assert_eq!(bench.connect("porch", "s9", "cert-1").0.unwrap_err().code, "invalid_token");

    // No previous certificate is accepted after the device is enrolled again.
    bench.enrol("porch", "cert-4");
    for jti in ["cert-2", "cert-3"] {
        assert_eq!(bench.connect("porch", jti, jti).0.unwrap_err().code, "invalid_token");
    }
    assert!(!renew("s8", "cert-3", start_s + (400 + 365) * STEP_S, "cert-5"));
}

#[test]
fn an_agent_that_yields_takes_no_link_from_another() {
    let bench = TestSite::connected();
    let yielding = |session: &str| bench.connect_by("porch", session, &credential("cert-1"), true);
    let (refused, effects) = yielding("s2");
    assert_eq!(refused.unwrap_err().code, "device_connected");
    assert!(effects.is_empty() && bench.online("porch"), "{effects:?}");
    bench.now_ms.set(START_MS + SILENCE_LIMIT_MS + 1);
    let (taken, effects) = yielding("s2");
    assert!(taken.is_ok() && !effects.is_empty(), "the other agent is silent: {effects:?}");
    bench.close("porch", "s2");
    assert!(yielding("s3").0.is_ok(), "the other agent has disconnected");
    // An agent without `yields` replaces the other connection.
    assert!(bench.connect("porch", "s4", "cert-1").0.is_ok());
}
