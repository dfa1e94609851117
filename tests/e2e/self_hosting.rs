//! Executes `docs/self-hosting.md` as written, on a simulated computer with a real systemd. An edge runs on this
//! computer, and a device executes commands through this edge. The device must still execute commands after the backup
//! procedure of the page.

use std::path::{Path, PathBuf};

use e2e::systemd::{self, Computer};
use e2e::{Agent, Certificates, HostLock, Http, program, soon};
use serde_json::json;

const UNIT: &str = "pinlatch-edge.service";
const OWNER: &str = "ann";
const PASSWORD: &str = "correct horse battery";

#[test]
fn an_edge_runs_under_systemd_without_an_account() {
    if systemd::missing().is_some() {
        return;
    }
    let _host_lock = HostLock::beside_others();
    let folder = tempfile::tempdir().expect("a folder");
    clone_into(folder.path());
    let certificates = Certificates::new(&["localhost"]);
    std::fs::copy(certificates.ca(), folder.path().join("authorities.pem")).expect("a copy");
    let computer = Computer::boot(folder.path());
    // The test does not install the package `ca-certificates`, which the page requires, because this test connects to
    // no external server. The certificate file of that package is created with a test authority instead.
    let authorities = "/etc/ssl/certs/ca-certificates.crt";
    computer.run(&format!("mkdir -p /etc/ssl/certs && cp /packages/authorities.pem {authorities}"));
    // The simulated computer shares the host's network, so the port must be free on the host.
    let port = xtask::edge::free_port().expect("a port");
    let said = follow(&computer, "server", port);
    let origin = format!("http://127.0.0.1:{port}");
    let http = Http::new(&origin);
    soon(&format!("the edge answers, {}", computer.run(&format!("journalctl -o cat -u {UNIT}"))), || {
        http.send("GET", "/healthz", None).ok().filter(|answer| answer.status == 200)
    });
    assert_eq!(computer.property(UNIT, "User"), "pinlatch-edge");
    let of_root = "cd /var/lib/pinlatch-edge && stat -c '%n %a %U' . edge.env edge.capnp worker panel worker/index.js state";
    assert_eq!(
        computer.run(of_root),
        ". 755 root\nedge.env 600 root\nedge.capnp 644 root\nworker 755 root\npanel 755 root\nworker/index.js 644 root\n\
         state 700 pinlatch-edge"
    );
    // Everything outside of `state/` belongs to root, and the service can write only there.
    let in_folder = "find /var/lib/pinlatch-edge -path '*/state' -prune -o";
    let writable = computer.run(&format!("{in_folder} ! -type l \\( ! -user root -o -perm /022 \\) -print"));
    assert_eq!(writable, "", "the service can change code or configuration");
    assert_ne!(
        computer.run("find /var/lib/pinlatch-edge/state -name '*.sqlite' -user pinlatch-edge | head -1"),
        ""
    );

    let (_, rest) = said.split_once("this setup code:").expect("a setup code");
    let code = rest.split_whitespace().next().expect("a setup code");
    http.post("/api/v1/setup", &json!({ "code": code, "username": OWNER, "password": PASSWORD })).ok();
    let owner = http.bearer(&log_in(&http));
    let enrolment = owner.post("/api/v1/enrolments", &json!({ "device": "porch" })).ok();
    let enrolment = enrolment["enrol"].as_str().expect("an enrolment string");
    let mut agent = Agent::enrol(enrolment, e2e::agent::LINES, &[]);
    agent.start();
    obeys(&owner);

    follow(&computer, "backup", port);
    soon("the edge answers again", || {
        http.send("GET", "/healthz", None).ok().filter(|answer| answer.status == 200)
    });
    let archive = computer.run("tar -tzf /clone/pinlatch-edge.tar.gz");
    assert!(
        archive.contains("pinlatch-edge/state/") && archive.contains("pinlatch-edge/edge.env"),
        "{archive}"
    );
    // After the restore, people, sessions and devices must still exist.
    log_in(&http);
    obeys(&owner);

    // A compromised service plants links where root writes. The update must not follow them.
    computer.run(
        "cd /var/lib/pinlatch-edge && systemctl stop pinlatch-edge && echo mine > /root/victim && mkdir /root/folder \
         && chown pinlatch-edge: . && rm -r worker panel edge.env && ln -s /root/victim edge.env && ln -s /root/folder panel \
         && mkdir worker && ln -s /root/victim worker/index.js && chown -R pinlatch-edge: worker && chown -h pinlatch-edge: edge.env panel",
    );
    follow(&computer, "update", port);
    assert_eq!(
        computer.run("cat /root/victim; ls /root/folder; stat -c '%a %U' /root/victim"),
        "mine\n644 root"
    );
    assert_eq!(computer.run(&format!("{in_folder} ! -type l \\( ! -user root -o -perm /022 \\) -print")), "");
    soon("the updated edge answers", || {
        http.send("GET", "/healthz", None).ok().filter(|answer| answer.status == 200)
    });
    log_in(&http);
    // A folder with state that is a link is refused.
    computer.run("cd /var/lib/pinlatch-edge && systemctl stop pinlatch-edge && mv state elsewhere && ln -s /root/folder state");
    let refused =
        "cd /clone && bin/pinlatch self-host --out /var/lib/pinlatch-edge --service-user pinlatch-edge";
    let (code, said) = computer.try_run(refused);
    assert!(code == Some(1) && said.contains("is a symbolic link"), "{said}");
    assert_eq!(computer.run("stat -c %U /root/folder"), "root");
}

/// Creates the files that a clone of the repository contains after a build.
fn clone_into(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let place = |path: &str| {
        let place = folder.join(path);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        place
    };
    let copy = |from: PathBuf, to: &str| {
        std::fs::copy(&from, place(to)).expect("a copy");
    };
    copy(program("PINLATCH_BIN"), "bin/pinlatch");
    for file in ["wrangler.toml", "packaging/edge/pinlatch-edge.service"] {
        copy(root.join(file), file);
    }
    let workerd = "node_modules/@cloudflare/workerd-linux-64/bin/workerd";
    copy(root.join(workerd), workerd);
    for (from, to) in
        [("PINLATCH_EDGE_DIST", "edge-worker/build"), ("PINLATCH_PANEL_DIST", "target/panel-dist")]
    {
        copy_folder(&program(from), &place(to));
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// Runs the code blocks of the page with this purpose in a clone of the repository, as root and on a free port. Returns
/// the output of the code blocks.
fn follow(computer: &Computer, purpose: &str, port: u16) -> String {
    let page = include_str!("../../docs/self-hosting.md");
    let fence = format!("```sh {purpose}\n");
    let blocks: Vec<&str> = page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty(), "there is nothing to {purpose}");
    // The name in the page does not exist, so the edge is reached at its loopback address.
    let script = blocks
        .concat()
        .replace("127.0.0.1:8787", &format!("127.0.0.1:{port}"))
        .replace("https://pinlatch.example.org", &format!("http://127.0.0.1:{port}"));
    // The code blocks run in a writable copy of the clone. The code blocks run as root, so `sudo` is replaced by a
    // function that only runs its arguments.
    computer.run(&format!(
        "set -eu; test -d /clone || cp -r /packages /clone; cd /clone; export PATH=/clone/bin:$PATH HOME=/root\n\
         sudo() {{ \"$@\"; }}\n{script}"
    ))
}

fn log_in(http: &Http) -> String {
    let form = format!("grant_type=password&username={OWNER}&password={}", PASSWORD.replace(' ', "+"));
    let answer = soon("the owner logs in", || {
        let answer = http.post_form("/api/v1/token", &form);
        (answer.status != 429).then_some(answer)
    });
    answer.ok()["access_token"].as_str().expect("a token").to_owned()
}

fn obeys(owner: &Http) {
    soon("the lamp obeys", || {
        let answer = owner.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": true }));
        (answer.status == 200 && answer.body["status"] == "executed").then_some(())
    });
}
