//! Runs the attack catalogue against a real Worker. Bearer tokens are sent over HTTP, in a form, and on the panel
//! socket. Device certificates and proofs are sent on the agent socket.
//!
//! Each attack is one test. The test `the_honest_tokens_are_accepted` sends the valid tokens to the same endpoints, to
//! show that an altered token is refused only because of its alteration.

use std::collections::HashSet;
use std::sync::LazyLock;

use e2e::forge::attacks::{self, Attack};
use e2e::forge::{Attempt, Role, Signer, Subject};
use e2e::outsiders::{Outsider, now};
use e2e::{Deployment, HostLock, Http, Site, for_each_attack, http, socket, soon};
use pinlatch_protocol::name::Name;
use pinlatch_token::command::CommandClaims;
use pinlatch_token::{
    AccessClaims, AccessGrant, EdgeKeys, Kind, PublicKey, SigningKey, device, is_sealed, keyset, random_id,
    refresh::RefreshClaims, welcome,
};
use serde_json::{Value, json};

/// The size in bytes above which the HTTP parsers may refuse a request before the Worker receives the request.
const LARGE: usize = 8 * 1024;

/// A device whose private key the tests know, and everything else that is needed to make valid tokens.
struct TestDevice {
    deployment: &'static Deployment,
    http: Http,
    keys: EdgeKeys,
    edge: Signer,
    site: Name,
    device: SigningKey,
    cert: String,
    guest: String,
    /// The id (`jti`) of an API token that the site has issued.
    api: String,
    /// Valid tokens of the kinds that no client sends to the edge as a bearer token or a device token.
    others: Vec<String>,
}

/// The place to which a token is sent, for example an HTTP endpoint or a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Agent,
    Whoami,
    Guest,
    GuestsEvents,
    Events,
    Form,
}

static TEST_DEVICE: LazyLock<TestDevice> = LazyLock::new(TestDevice::enrolled);

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// Returns a signer that has the key of a private JWK.
fn signer(jwk: &str) -> Signer {
    Signer::of_private_jwk(&serde_json::from_str(jwk).expect("a JWK"))
}

/// Signs a token with the `jti` of an API token.
fn signed(keys: &EdgeKeys, site: &Name, kind: Kind, jti: &str) -> String {
    let scope = Some("line:*/*:*".parse().expect("a scope"));
    let claims = AccessClaims { scope, generation: 1, family: None, auth_time: None, not_before: None };
    let (sub, jti) = (format!("token:{jti}"), jti.to_owned());
    let grant = AccessGrant { kind, site, sub: &sub, jti, now: now(), life: 600, claims };
    grant.sign(keys).expect("a token")
}

impl TestDevice {
    /// Enrols a device in the same way as an agent enrols.
    fn enrolled() -> Self {
        let site = Site::outside();
        let enrolment = site.enrolment("forger");
        let (_, code) = enrolment.split_once('#').expect("a code");
        let (code, _) = code.rsplit_once('.').expect("a thumbprint");
        let device = SigningKey::generate();
        let request = json!({ "code": code, "jwk": device.public_jwk(), "nonce": random_id() });
        let reply = site.deployment.http().post("/api/v1/enrol", &request).ok();
        let again = site.deployment.http().post("/api/v1/enrol", &request);
        again.is_problem(403, "code_refused");
        let cert = reply["devcert"].as_str().expect("a credential").to_owned();
        let link = json!({ "kind": "guest", "name": "forged", "scope": "line:*/relay:set", "expires_at": now() + 3600 });
        let link = site.post("/api/v1/tokens", &link).ok();
        let (_, guest) = link["link"].as_str().and_then(|link| link.split_once("#guest=")).expect("a link");
        let api =
            json!({ "kind": "api", "name": "forged", "scope": "line:*/*:*", "expires_at": now() + 3600 });
        let api = site.post("/api/v1/tokens", &api).ok()["token"]["jti"].as_str().expect("an id").to_owned();
        Self::of(site.deployment, &site.name, device, cert, guest.to_owned(), api)
    }

    fn of(
        deployment: &'static Deployment,
        site: &str,
        device: SigningKey,
        cert: String,
        guest: String,
        api: String,
    ) -> Self {
        let keys = deployment.edge_keys();
        let (site, root, now) = (name(site), SigningKey::generate(), now());
        let jwks: Value = serde_json::from_str(keys.to_private_jwks().expose()).expect("JSON");
        let edge = signer(&jwks["keys"][0].to_string());
        let refresh = RefreshClaims {
            site: site.clone(),
            sub: "owner".into(),
            family: random_id(),
            jti: random_id(),
            exp: now + 600,
        };
        let command = CommandClaims {
            jti: random_id(),
            sub: "owner".into(),
            deadline_ms: (now + 60) * 1000,
            line: name("door"),
            action: "pulse".into(),
            args: serde_json::Map::new(),
            call: None,
        };
        let others = vec![
            refresh.seal(&keys, now).expect("a token"),
            command.sign(&keys, &site, &name("forger"), &random_id(), now * 1000).expect("a token"),
            welcome::sign(&keys, &site, &random_id(), now * 1000).expect("a token"),
            keyset::sign(&root, 1, keys.public(), now).expect("a token"),
        ];
        Self { deployment, http: deployment.http(), keys, edge, site, device, cert, guest, api, others }
    }

    fn access(&self) -> String {
        signed(&self.keys, &self.site, Kind::Access, &self.api)
    }

    /// Returns a valid device proof for a new challenge.
    fn proof(&self) -> String {
        let answer = self.http.get("/api/v1/agent");
        let challenge = answer.header("www-authenticate").split('"').nth(1).expect("a challenge");
        device::sign_proof(&self.device, &self.site, &name("forger"), challenge, &random_id())
            .expect("a proof")
    }

    /// Returns valid tokens of all roles that a client can send.
    fn subjects(&self) -> Vec<Subject> {
        let now = now();
        let mut subjects = vec![
            Subject::of(Role::Access, &self.edge, &self.access(), now),
            Subject::of(Role::Guest, &self.edge, &self.guest, now),
            Subject::of(Role::Cert, &self.edge, &self.cert, now),
            Subject::of(Role::Proof, &signer(self.device.to_private_jwk().expose()), &self.proof(), now),
        ];
        subjects.extend(Outsider::GOOD.map(Outsider::subject));
        let honest = subjects.iter().map(Subject::honest);
        let all: Vec<String> = honest.chain(self.others.iter().cloned()).collect();
        subjects.into_iter().map(|subject| subject.beside(&all)).collect()
    }

    /// Tries to open an agent socket, and returns the status of the HTTP response.
    fn agent(&self, cert: &str, proof: &str) -> u16 {
        self.upgrade(
            "/api/v1/agent",
            &[("authorization", &format!("Bearer {cert}")), ("pinlatch-proof", proof)],
        )
    }

    /// Tries a WebSocket upgrade, and returns the status of the HTTP response. The status is 101 if the upgrade
    /// succeeds.
    fn upgrade(&self, path: &str, headers: &[(&'static str, &str)]) -> u16 {
        let origin = self.deployment.origin();
        if headers.iter().all(|(_, value)| value.len() <= LARGE) {
            return socket::open(origin, path, headers)
                .map_or_else(|answer| answer.status().as_u16(), |_| 101);
        }
        let upgrade = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: pinlatch.v1\r\n";
        large(origin, path, upgrade, headers)
    }

    /// Returns the places to which a token is sent, depending on the token's role. If an HTTP header cannot contain the
    /// token, the token is sent in a form.
    fn places(subject: &Subject, token: &str) -> &'static [Place] {
        match (subject.role, fits_a_header(token)) {
            (Role::Cert | Role::Proof, true) => &[Place::Agent],
            // A semicolon would end the value of the cookie, so the Worker would receive a different token.
            (Role::Guest, true) if !token.contains(';') => &[Place::Guest, Place::GuestsEvents],
            (Role::Access | Role::Issuer, true) => &[Place::Whoami, Place::Events],
            // A form can contain any byte, because the form value is percent-encoded.
            (Role::Access | Role::Issuer, false) => &[Place::Form],
            _ => &[],
        }
    }

    /// Sends a token to a place, and returns the status of the response. The argument `proof` is a valid device proof,
    /// which is sent with device certificates.
    fn show(&self, subject: &Subject, token: &str, place: Place, proof: &str) -> u16 {
        let bearer = format!("Bearer {token}");
        match place {
            Place::Agent if subject.role == Role::Cert => self.agent(token, proof),
            Place::Agent => self.agent(&self.cert, token),
            Place::Whoami => self.whoami("authorization", &bearer),
            Place::Guest => self.whoami("cookie", &self.cookie(token)),
            Place::GuestsEvents => self.upgrade_as_guest(token),
            Place::Events => self.upgrade("/api/v1/events", &[("authorization", &bearer)]),
            Place::Form => self.form(token),
        }
    }

    /// Returns the value of the `Cookie` header for a guest token.
    fn cookie(&self, token: &str) -> String {
        format!("__Host-pinlatch_guest_{}={token}", self.site)
    }

    fn form(&self, token: &str) -> u16 {
        let form = format!("access_token={}&device=shed", percent(token));
        self.http.post_form("/api/v1/enrolments", &form).status
    }

    fn upgrade_as_guest(&self, token: &str) -> u16 {
        let headers = [("cookie", &*self.cookie(token)), ("origin", self.deployment.origin())];
        self.upgrade(&format!("/api/v1/events?as=guest&site={}", self.site), &headers)
    }

    fn whoami(&self, header: &'static str, value: &str) -> u16 {
        let as_guest = format!("/api/v1/whoami?as=guest&site={}", self.site);
        let path = if header == "cookie" { &as_guest } else { "/api/v1/whoami" };
        if value.len() > LARGE {
            return large(self.deployment.origin(), path, "", &[(header, value)]);
        }
        let answer = self.http.with(header, value).get(path);
        if answer.status == 401 {
            answer.is_problem(401, "invalid_token");
            assert!(answer.body.get("detail").is_none(), "the response has details: {answer:?}");
        }
        answer.status
    }

    /// Checks that the edge accepts the valid token in the places where the edge must refuse altered tokens.
    fn accepts(&self, subject: &Subject) {
        let (honest, role) = (subject.honest(), subject.role);
        match role {
            Role::Cert => assert_eq!(self.agent(&honest, &self.proof()), 101),
            // A device proof can be used only once. A new proof is sent, so that the proof of the subject remains
            // unused.
            Role::Proof => assert_eq!(self.agent(&self.cert, &self.proof()), 101),
            Role::Guest => {
                assert_eq!(self.whoami("cookie", &self.cookie(&honest)), 200);
                assert_eq!(self.upgrade_as_guest(&honest), 101);
            }
            _ => {
                let bearer = format!("Bearer {honest}");
                assert_eq!(self.whoami("authorization", &bearer), 200, "{role:?}");
                assert_eq!(self.upgrade("/api/v1/events", &[("authorization", &bearer)]), 101, "{role:?}");
                assert_eq!(self.form(&honest), 403, "a valid token must not enrol: {role:?}");
            }
        }
    }
}

/// Returns whether HTTP transmits a text unchanged as a header value.
fn fits_a_header(text: &str) -> bool {
    text.trim() == text && !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// Percent-encodes a form value.
fn percent(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

/// Sends a large request that the HTTP server may refuse. If the connection ends without a response, the function
/// returns status 431, which means that the request was refused.
fn large(origin: &str, path: &str, more: &str, headers: &[(&'static str, &str)]) -> u16 {
    let host = origin.trim_start_matches("http://");
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{more}");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    http::raw(origin, format!("{request}\r\n").as_bytes()).unwrap_or(431)
}

/// Sends the forged tokens of an attack, alternately over HTTP and on a socket. The first token of each subject is sent
/// to all places. For external issuers, the refusal code does not depend on the algorithm, so the test sends only one
/// token per refusal code. The tests of the crate `token` check all forged tokens.
fn is_refused_over_http_and_on_both_sockets(attack: Attack) {
    let _host_lock = HostLock::beside_others();
    let test_device = &*TEST_DEVICE;
    let mut shown = 0;
    for subject in test_device.subjects() {
        let mut attempts = attack(&subject);
        if subject.role == Role::Issuer {
            one_for_each_reason(&mut attempts);
        }
        // A refused request does not use up the device proof. Therefore the same proof is sent with all altered device
        // certificates.
        let proof = if attempts.is_empty() { String::new() } else { test_device.proof() };
        for (turn, attempt) in attempts.iter().enumerate() {
            let places = TestDevice::places(&subject, &attempt.token);
            let in_turn = |(index, _): &(usize, &Place)| turn == 0 || turn % places.len() == *index;
            for (_, &place) in places.iter().enumerate().filter(in_turn) {
                let status = test_device.show(&subject, &attempt.token, place, &proof);
                let large = attempt.token.len() > LARGE && (400..500).contains(&status);
                assert!(
                    status == 401 || large,
                    "{:?} {place:?}: {status}: {:.600}",
                    subject.role,
                    attempt.token
                );
                shown += 1;
            }
        }
    }
    assert!(shown > 0, "no token was sent");
}

fn one_for_each_reason(attempts: &mut Vec<Attempt>) {
    let mut seen = HashSet::new();
    attempts.retain(|attempt| seen.insert((attempt.code, fits_a_header(&attempt.token))));
}

/// The edge must accept each unaltered token in the places where the edge must refuse altered tokens.
#[test]
fn the_honest_tokens_are_accepted() {
    let _host_lock = HostLock::beside_others();
    let test_device = &*TEST_DEVICE;
    let subjects = test_device.subjects();
    assert!(subjects.len() > Outsider::GOOD.len() + 3);
    subjects.iter().for_each(|subject| test_device.accepts(subject));
}

macro_rules! tests {
    ([$($module:ident :: $attack:ident,)*] [$($own:ident :: $particular:ident,)*]) => {
        $(#[test]
        fn $attack() {
            is_refused_over_http_and_on_both_sockets(attacks::$module::$attack);
        })*

        const ALL: &[(&str, Attack)] = &[$((stringify!($attack), attacks::$module::$attack),)*];
    };
}

for_each_attack!(tests);

/// A device proof must be refused at its second use, even if the challenge in the proof has not expired.
#[test]
fn a_proof_shown_again() {
    let _host_lock = HostLock::beside_others();
    let test_device = &*TEST_DEVICE;
    let proof = test_device.proof();
    assert_eq!(test_device.agent(&test_device.cert, &proof), 101);
    assert_eq!(test_device.agent(&test_device.cert, &proof), 401);
    assert_eq!(test_device.agent(&test_device.cert, &test_device.proof()), 101);
}

/// A token must be valid for its own site only, even if the request contains the name of another site.
#[test]
fn a_token_for_another_site_of_the_deployment() {
    let site = Site::shared();
    let test_device = &*TEST_DEVICE;
    let path = format!("/api/v1/events?site={}", test_device.site);
    let bearer = format!("Bearer {}", site.token);
    assert_eq!(test_device.upgrade(&path, &[("authorization", &bearer)]), 409);
    // The first request sends a certificate of the device's site with a proof for the other site. The second request
    // sends a certificate of the other site with a proof for the device's site.
    let challenge = |http: &Http| {
        let answer = http.get("/api/v1/agent");
        answer.header("www-authenticate").split('"').nth(1).expect("a challenge").to_owned()
    };
    let elsewhere = name(&site.name);
    let proof = device::sign_proof(
        &test_device.device,
        &elsewhere,
        &name("forger"),
        &challenge(&test_device.http),
        &random_id(),
    );
    assert_eq!(test_device.agent(&test_device.cert, &proof.expect("a proof")), 401);
    let key = PublicKey::from_jwk(&test_device.device.public_jwk()).expect("a key");
    let cert = device::sign_cert(&test_device.keys, &elsewhere, &name("forger"), &key, &random_id(), now())
        .expect("a token");
    assert_eq!(test_device.agent(&cert, &test_device.proof()), 401);
}

/// An enrolment code must be valid once, for one device. A setup code must not enrol a device.
#[test]
fn an_enrolment_code_used_again_or_for_something_else() {
    let site = Site::shared();
    let enrolment = site.enrolment("porch");
    let (_, code) = enrolment.split_once('#').expect("a code");
    let (code, _) = code.rsplit_once('.').expect("a thumbprint");
    let enrol = |code: &str| {
        let request =
            json!({ "code": code, "jwk": SigningKey::generate().public_jwk(), "nonce": random_id() });
        site.deployment.http().post("/api/v1/enrol", &request)
    };
    let middle = code.len() / 2;
    let flipped = if code.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let altered = format!("{}{flipped}{}", &code[..middle], &code[middle + 1..]);
    let (_, setup) = site.deployment.site(0);
    for wrong in [altered.as_str(), "", "home", &format!("{code}="), &format!(" {code}"), setup, &site.token]
    {
        enrol(wrong).is_problem(403, "code_refused");
    }
    enrol(code).ok();
    enrol(code).is_problem(403, "code_refused");
}

/// No forged token may reach a Durable Object. The Durable Object of an unused site must start only when the first
/// valid token arrives. The Worker must log the same refusal codes as the crate `token` in a native build.
#[test]
fn the_whole_catalogue_never_reaches_the_object() {
    let _host_lock = HostLock::beside_others();
    // The deployment is a static variable, so that `test_device` can borrow it for the rest of the test run.
    static OWN: LazyLock<Deployment> = LazyLock::new(|| Deployment::start(0, None));
    let device = SigningKey::generate();
    let keys = OWN.edge_keys();
    let site = name("outside");
    let cert = device::sign_cert(&keys, &site, &name("forger"), &device.public(), "d1", now());
    let guest = signed(&keys, &site, Kind::Guest, "nobody");
    let test_device = TestDevice::of(&OWN, "outside", device, cert.expect("a token"), guest, "nobody".into());
    let log = |word: &str| OWN.log().matches(word).count();
    let mut wanted = Vec::new();
    for (_, attack) in ALL {
        let proof = test_device.proof();
        for subject in test_device.subjects() {
            let mut attempts = attack(&subject);
            attempts.retain(|attempt| attempt.token.len() <= LARGE / 2);
            // For this test, one token per refusal code is sufficient, because each attack also has a separate test
            // that sends more tokens.
            one_for_each_reason(&mut attempts);
            for attempt in attempts {
                // For this test, it is sufficient to send each token to a single place.
                let Some(&place) = TestDevice::places(&subject, &attempt.token).first() else { continue };
                let status = test_device.show(&subject, &attempt.token, place, &proof);
                assert_eq!(status, 401, "{:?}", subject.role);
                // The places that accept access tokens decrypt a token with five parts (JWE) before they verify the
                // token.
                let opens = !matches!(subject.role, Role::Cert | Role::Proof) && is_sealed(&attempt.token);
                let open = || keys.read_sealed(&attempt.token).and_then(|sealed| sealed.open(None));
                let sealed = opens.then(|| open().expect_err("no token for us").code());
                wanted.push(sealed.unwrap_or(attempt.code));
            }
        }
    }
    soon("the last refusal is in the log", || (log("token refused: ") >= wanted.len()).then_some(()));
    let log_text = OWN.log();
    let refusals = log_text.lines().filter_map(|line| line.split_once("token refused: "));
    let codes: Vec<&str> = refusals.map(|(_, code)| code.trim()).collect();
    assert_eq!(codes, wanted);
    assert_eq!(log("site object starts"), 0, "a Durable Object was reached");
    // Only the Durable Object can report that it did not issue this token. The response therefore shows that the
    // Durable Object has started.
    let answer = test_device.http.bearer(&test_device.access()).get("/api/v1/whoami");
    assert_eq!(
        (answer.status, answer.body["detail"].as_str()),
        (401, Some("this site did not issue the token"))
    );
    soon("the object starts for an honest token", || (log("site object starts") > 0).then_some(()));
}
