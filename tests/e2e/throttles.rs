//! Tests the limits of failed logins. Strangers can neither guess passwords nor lock people out.
//!
//! workerd accepts the header `X-Forwarded-For` from this machine, as from a reverse proxy. The tests use this header
//! to send requests from many addresses.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use e2e::http::local;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Answer, Deployment, HostLock, Http, Site, eventually, program};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

/// The number of addresses from which the attack comes.
const ADDRESSES: usize = 100;

/// The time between two requests of the attack.
const ATTACK_PERIOD: Duration = Duration::from_millis(20);

/// The length of the attack.
const ATTACK: Duration = Duration::from_secs(60);

/// The number of commands whose time is measured, in quiet and during the attack.
const COMMANDS: usize = 100;

fn login(site: &Site, password: &str) -> Value {
    json!({ "grant_type": "password", "site": site.name, "username": OWNER, "password": password })
}

fn from(deployment: &Deployment, address: &str) -> Http {
    deployment.http().with("x-forwarded-for", address)
}

/// Logs in and obeys the header `Retry-After`. Returns the successful answer, and the time until it arrived.
fn log_in(http: &Http, body: &Value) -> (Value, Duration) {
    let began = Instant::now();
    let answer = eventually(Duration::from_secs(90), "a login", || {
        let answer = http.post("/api/v1/token", body);
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").parse().expect("seconds");
            std::thread::sleep(Duration::from_secs(wait));
            return None;
        }
        Some(answer.ok())
    });
    (answer, began.elapsed())
}

/// Attempts at the same time must not be counted as one. Otherwise, an attacker could try many passwords before the
/// first waiting time.
#[test]
fn parallel_wrong_passwords_are_all_counted() {
    let _host_lock = HostLock::beside_others();
    let deployment = Deployment::start(1, None);
    let site = Site::of(&deployment, 0);
    let wrong = login(&site, "wrong");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let attempts: Vec<_> =
            (0..54).map(|_| scope.spawn(|| deployment.http().post("/api/v1/token", &wrong))).collect();
        attempts.into_iter().map(|attempt| attempt.join().expect("an answer")).collect()
    });
    let hashed = answers.iter().filter(|answer| answer.code() == "login_failed").count();
    let limited = answers.iter().filter(|answer| answer.code() == "throttled").count();
    assert_eq!(hashed + limited, 54, "{answers:?}");
    assert!((1..=6).contains(&hashed), "{hashed} passwords were checked before the first wait");
}

/// A client that has logged in before is not affected by the failed logins of others, even from the same address.
#[test]
fn a_known_client_is_not_locked_out() {
    let _host_lock = HostLock::beside_others();
    let deployment = Deployment::start(1, None);
    let site = Site::of(&deployment, 0);
    let http = from(&deployment, "192.0.2.1");
    let (first, _) = log_in(&http, &login(&site, PASSWORD));
    let mut known = login(&site, PASSWORD);
    known["client_token"] = first["client_token"].clone();

    let locked = || {
        let answer = http.post("/api/v1/token", &login(&site, "wrong"));
        (answer.status == 429).then_some(())
    };
    eventually(Duration::from_secs(60), "a waiting time", locked);
    http.post("/api/v1/token", &login(&site, PASSWORD)).is_problem(429, "throttled");
    let again = http.post("/api/v1/token", &known).ok();
    assert_ne!(again["client_token"], Value::Null);

    // The token is for one person, and its own failed logins are limited.
    let mut other = known.clone();
    other["username"] = json!("ann");
    http.post("/api/v1/token", &other).is_problem(401, "login_failed");
    known["password"] = json!("wrong");
    let limited = (0..10).any(|_| http.post("/api/v1/token", &known).status == 429);
    assert!(limited, "the passwords of a known client are not limited");
}

/// A browser keeps its client token in a cookie of the site.
#[test]
fn a_browser_is_known_by_its_cookie() {
    let _host_lock = HostLock::beside_others();
    let deployment = Deployment::start(1, None);
    let site = Site::of(&deployment, 0);
    let page = from(&deployment, "192.0.2.1").with("origin", deployment.origin());
    let right = json!({ "site": site.name, "username": OWNER, "password": PASSWORD });
    let wrong = json!({ "site": site.name, "username": OWNER, "password": "wrong" });
    let first = eventually(Duration::from_secs(60), "a place in the queue", || {
        Some(page.post("/api/v1/session", &right)).filter(|answer| answer.status == 200)
    });
    let name = format!("__Host-pinlatch_client_{}=", site.name);
    let mut set = first.headers.iter().filter(|(own, value)| own == "set-cookie" && value.starts_with(&name));
    let (_, cookie) = set.next().expect("the client token");
    assert!(cookie.contains("HttpOnly") && cookie.contains("Secure"), "{}", first.status);
    let pair = cookie.split(';').next().unwrap_or_default();
    eventually(Duration::from_secs(60), "a waiting time", || {
        (page.post("/api/v1/session", &wrong).status == 429).then_some(())
    });
    assert_eq!(page.post("/api/v1/session", &right).status, 429);
    assert_eq!(page.with("cookie", pair).post("/api/v1/session", &right).status, 200);
}

/// Without a proxy, the other end of the connection is the client, whatever its headers contain.
#[test]
fn the_other_end_of_the_connection_is_the_client() {
    let _host_lock = HostLock::beside_others();
    let deployment = Deployment::start_with(1, |options| options.var("CLIENT_ADDRESS", "peer"));
    let site = Site::of(&deployment, 0);
    let mut number = 0;
    eventually(Duration::from_secs(60), "a waiting time", || {
        number += 1;
        let http = from(&deployment, &format!("198.51.100.{number}"));
        (http.post("/api/v1/token", &login(&site, "wrong")).status == 429).then_some(())
    });
    let right = login(&site, PASSWORD);
    deployment.http().post("/api/v1/token", &right).is_problem(429, "throttled");
    let host = deployment.origin().strip_prefix("http://").expect("plain http");
    let body = right.to_string();
    let request = format!(
        "POST /api/v1/token HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
        Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = send_from(Ipv4Addr::new(127, 0, 0, 2), &local(host), &request);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Sends a request from another address of this machine, and returns the answer.
fn send_from(source: Ipv4Addr, target: &str, request: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((source, 0).into()).expect("an address of this machine");
        let mut stream = socket.connect(target.parse().expect("an address")).await.expect("workerd");
        stream.write_all(request.as_bytes()).await.expect("the request");
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(30), read).await.expect("in time").expect("an answer");
        answer
    })
}

/// The audit log contains the numbers of failed logins, and no text of a stranger.
#[test]
fn failed_logins_are_in_the_audit_log_as_numbers() {
    let _host_lock = HostLock::beside_others();
    let deployment = Deployment::start_with(1, |mut options| {
        options.parts.edge_dist = program("PINLATCH_EDGE_WITH_HOOKS_DIST");
        options
    });
    let site = Site::of(&deployment, 0);
    let mut stranger = login(&site, "wrong");
    for (username, attempts) in [(OWNER, 3), ("mallory", 2), ("trudy", 1)] {
        stranger["username"] = json!(username);
        for _ in 0..attempts {
            deployment.http().post("/api/v1/token", &stranger).is_problem(401, "login_failed");
        }
    }
    // Each gate reports on its own, so the numbers can be in several entries.
    eventually(Duration::from_secs(30), "the numbers", || {
        let log = site.get("/api/v1/audit?act=login_failed").ok();
        assert!(!log.to_string().contains("mallory") && !log.to_string().contains("trudy"), "{log}");
        let entries = log["entries"].as_array().expect("entries");
        let sum = |target: &str| {
            let of_target = entries.iter().filter(|entry| entry["target"] == target);
            of_target.filter_map(|entry| entry["outcome"].as_str()?.parse::<u64>().ok()).sum::<u64>()
        };
        (sum(OWNER) == 3 && sum("unknown names") == 3).then_some(())
    });
}

/// During an attack from many addresses, the owner can log in, and commands stay fast.
#[test]
fn an_attack_from_many_addresses_locks_nobody_out() {
    let _host_lock = HostLock::alone();
    let deployment = Deployment::start(1, None);
    let site = Site::of(&deployment, 0);
    let _agent = site.device("porch");
    let (first, _) = log_in(&from(&deployment, "192.0.2.1"), &login(&site, PASSWORD));
    let mut known = login(&site, PASSWORD);
    known["client_token"] = first["client_token"].clone();
    let quiet = command_times(&site);

    let sent = AtomicU32::new(0);
    let (known_took, new_took, busy) = std::thread::scope(|scope| {
        // The attacker does not wait for the answers.
        scope.spawn(|| {
            let began = Instant::now();
            for address in (0..ADDRESSES).cycle().take_while(|_| began.elapsed() < ATTACK) {
                let http = from(&deployment, &format!("198.51.100.{address}"));
                let attempt = login(&site, "wrong");
                scope.spawn(move || http.post("/api/v1/token", &attempt));
                let due = ATTACK_PERIOD * sent.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
        });
        let began = Instant::now();
        let (mut known_took, mut new_took, mut busy) = (Duration::ZERO, Duration::ZERO, Vec::new());
        for address in (2..=254).cycle().take_while(|_| began.elapsed() < ATTACK) {
            known_took = log_in(&from(&deployment, "192.0.2.1"), &known).1.max(known_took);
            let new = from(&deployment, &format!("192.0.2.{address}"));
            new_took = log_in(&new, &login(&site, PASSWORD)).1.max(new_took);
            busy.extend(command_times(&site));
        }
        (known_took, new_took, busy)
    });
    let (quiet, busy) = (p99(quiet), p99(busy));
    let sent = sent.load(Ordering::Relaxed);
    println!(
        "{sent} attempts; logins at most {known_took:?} (known), {new_took:?} (new); commands p99 {quiet:?}, then {busy:?}"
    );
    assert!(known_took < Duration::from_secs(3), "a known client waited {known_took:?}");
    assert!(new_took < Duration::from_secs(30), "a new client waited {new_took:?}");
    assert!(busy < 2 * quiet + Duration::from_millis(50), "p99 of a command: {quiet:?}, then {busy:?}");
}

pub fn command_times(site: &Site) -> Vec<Duration> {
    let one = |_| {
        let began = Instant::now();
        site.post("/api/v1/devices/porch/lines/lamp/toggle", &json!({})).ok();
        began.elapsed()
    };
    (0..COMMANDS).map(one).collect()
}

pub fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}
