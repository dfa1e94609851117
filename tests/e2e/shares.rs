//! Tests that the holder of one guest link cannot keep the owner from using the site.

use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use e2e::outsiders::now;
use e2e::socket::{Stream, open};
use e2e::{Deployment, HostLock, Site};
use serde_json::json;
use tungstenite::Message;

use crate::throttles::{command_times, p99};

/// The length of the load.
const LOAD: Duration = Duration::from_secs(30);

/// The number of frames that the guest offers in each [`FRAME_PERIOD`], which is 1000 per second.
const FRAMES: u32 = 10;

const FRAME_PERIOD: Duration = Duration::from_millis(10);

/// The time between two WebSocket upgrades of the guest, which is 200 upgrades per second.
const UPGRADE_PERIOD: Duration = Duration::from_millis(5);

/// The number of the guest's commands to a device that does not answer.
const COMMANDS: usize = 64;

/// Waits until `count` periods have passed since `began`.
fn pace(began: Instant, period: Duration, count: u32) {
    std::thread::sleep((period * count).saturating_sub(began.elapsed()));
}

#[test]
fn a_flood_of_one_guest_link_leaves_the_owner_alone() {
    let _host_lock = HostLock::alone();
    let deployment = Deployment::start(1, None);
    let site = Site::of(&deployment, 0);
    let (_porch, mute) = (site.device("porch"), site.device("mute"));
    let link =
        json!({ "kind": "guest", "name": "flood", "scope": "line:*/*:*", "expires_at": now() + 3_600 });
    let link = site.post("/api/v1/tokens", &link).ok();
    let (_, guest) = link["link"].as_str().and_then(|link| link.split_once("#guest=")).expect("a link");
    let cookie = site.cookie("guest", guest);
    let quiet = command_times(&site);
    mute.pause();

    let (over, sent, upgraded, refused) =
        (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let sockets = Mutex::new(Vec::new());
    let path = format!("/api/v1/events?as=guest&site={}", site.name);
    let connect =
        || open(deployment.origin(), &path, &[("cookie", &cookie), ("origin", deployment.origin())]);
    let mut busy = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (began, mut periods, mut socket) = (Instant::now(), 0, None);
            while !over.load(Ordering::Relaxed) {
                periods += 1;
                pace(began, FRAME_PERIOD, periods);
                if socket.is_none() {
                    let Ok((opened, _)) = connect() else { continue };
                    if let Stream::Plain(tcp) = opened.get_ref() {
                        let mut answers = tcp.try_clone().expect("a socket");
                        scope.spawn(
                            move || while answers.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {},
                        );
                    }
                    socket = Some(opened);
                }
                for _ in 0..FRAMES {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    let command = json!({ "type": "command", "id": format!("f{number}"), "device": "porch",
                                          "line": "lamp", "action": "toggle", "args": {} });
                    if socket
                        .as_mut()
                        .is_some_and(|own| own.send(Message::text(command.to_string())).is_err())
                    {
                        socket = None;
                    }
                }
            }
            if let Some(Stream::Plain(tcp)) = socket.as_ref().map(|socket| socket.get_ref()) {
                let _ = tcp.shutdown(std::net::Shutdown::Both);
            }
        });
        scope.spawn(|| {
            let (began, mut upgrades) = (Instant::now(), 0);
            while !over.load(Ordering::Relaxed) {
                upgrades += 1;
                pace(began, UPGRADE_PERIOD, upgrades);
                scope.spawn(|| match connect() {
                    Ok((socket, _)) => {
                        upgraded.fetch_add(1, Ordering::Relaxed);
                        sockets.lock().expect("the sockets").push(socket);
                    }
                    Err(answer) => {
                        assert_eq!(answer.status(), 429, "{answer:?}");
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        for _ in 0..COMMANDS {
            let http = site.page().with("cookie", &cookie);
            let path = "/api/v1/devices/mute/lines/lamp/toggle?as=guest&deadline_ms=60000";
            scope.spawn(move || http.post(path, &json!({})));
        }
        let began = Instant::now();
        while began.elapsed() < LOAD {
            busy.extend(command_times(&site));
            // The owner's command is accepted, and the device does not answer.
            let mute = site.post("/api/v1/devices/mute/lines/lamp/toggle?deadline_ms=100", &json!({}));
            assert!([503, 504].contains(&mute.status), "{mute:?}");
        }
        over.store(true, Ordering::Relaxed);
        mute.resume();
    });
    let (quiet, busy) = (p99(quiet), p99(busy));
    let counts = [&sent, &upgraded, &refused].map(|count| count.load(Ordering::Relaxed));
    println!("{counts:?} frames, upgrades, refused upgrades; commands p99 {quiet:?}, then {busy:?}");
    assert!(counts[1] <= 16 * 4, "{} WebSockets were open", counts[1]);
    assert!(busy < 2 * quiet + Duration::from_millis(50), "p99 of a command: {quiet:?}, then {busy:?}");
}

/// The number of requests of a token, which are more than the token can send at once.
const REQUESTS: usize = 400;

#[test]
fn requests_without_a_new_command_are_limited_for_each_token() {
    let site = Site::outside();
    let http = site.deployment.http();
    let token =
        json!({ "kind": "api", "name": "busy", "scope": "line:*/*:read", "expires_at": now() + 3_600 });
    let [busy, quiet] = [(); 2].map(|()| {
        let issued = site.post("/api/v1/tokens", &token).ok();
        http.bearer(issued["access_token"].as_str().expect("a token"))
    });
    let refused = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..REQUESTS / 8 {
                    let answer = busy.get("/api/v1/whoami");
                    if answer.status != 200 {
                        refused.lock().expect("the answers").push(answer);
                    }
                }
            });
        }
    });
    let refused = refused.into_inner().expect("the answers");
    assert!(!refused.is_empty(), "no request was refused");
    for answer in refused {
        answer.is_problem(429, "throttled");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(quiet.get("/api/v1/whoami").status, 200, "another token has its own limit");
    let logout = busy.send("DELETE", "/api/v1/session", None).expect("an answer");
    assert_eq!(logout.status, 204, "a logout is never refused");
}
