//! Tests lines that only holders can operate, through a real edge: the edge passes challenges, calls and grants on.

use e2e::outsiders::now;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Agent, Browser, Site, soon};
use pinlatch_protocol::name::Name;
use pinlatch_token::call::CallClaims;
use pinlatch_token::grant::Grant;
use pinlatch_token::{HolderKey, random_id};
use serde_json::{Value, json};
use xtask::simulated_lines;

use crate::command_line::shell::Shell;
use crate::panel::in_browser;
use crate::panel_kinds::until_text;
use crate::panel_screens::look;

const LINES: &str = simulated_lines! {
    "door": "momentary", "authority = \"holder\"";
    "lamp": "switch";
};

const DOOR: &str = "/api/v1/devices/porch/lines/door/pulse";

struct Fixture {
    site: Site<'static>,
    agent: Agent,
    holder: HolderKey,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

impl Fixture {
    fn start(holder: HolderKey) -> Self {
        let site = Site::shared();
        let root = site.deployment.root_key();
        let owner =
            format!("[owner]\nroot = \"{}\"\nsite = \"{}\"\ndevice = \"porch\"\n", root.kid(), site.name);
        let mut agent = Agent::enrol(&site.enrolment("porch"), &format!("{LINES}{owner}"), &[]);
        agent.start();
        site.until_online("porch");
        Self { site, agent, holder }
    }

    fn grant(&self) -> String {
        let scope = "line:porch/door:pulse".parse().expect("a scope");
        let holder = self.holder.public().clone();
        let grant = Grant::new(&name(&self.site.name), "Ann", holder, scope, now() - 60);
        grant.sign(&self.site.deployment.root_key()).expect("a grant")
    }

    fn challenge(&self) -> Value {
        self.site.send_json("POST", "/api/v1/devices/porch/challenge", &json!({})).ok()
    }

    fn call(&self, holder: &HolderKey, ms: u32) -> String {
        let challenge = self.challenge();
        let text = |member: &str| challenge[member].as_str().expect("a text").to_owned();
        let call = CallClaims {
            jti: random_id(),
            line: name("door"),
            action: "pulse".into(),
            args: json!({ "ms": ms }).as_object().expect("arguments").clone(),
            challenge: text("challenge"),
            boot: text("boot"),
            max_age_ms: 5_000,
        };
        call.sign(holder, &name(&self.site.name), &name("porch"), now()).expect("a call")
    }

    fn send(&self, call: &str, grant: &str, ms: u32) -> e2e::Answer {
        let http = self.site.with("pinlatch-call", call).with("pinlatch-grant", grant);
        http.post(DOOR, &json!({ "ms": ms }))
    }
}

#[test]
fn a_holder_opens_a_door_that_the_edge_alone_cannot_open() {
    for holder in [HolderKey::generate(), HolderKey::generate_p256()] {
        let fixture = Fixture::start(holder.expect("a key"));
        let site = &fixture.site;
        assert_eq!(site.line("porch", "door")["authority"], "holder");
        assert_eq!(site.line("porch", "lamp").get("authority"), None);
        // An owner of the site has every right at the edge, and the edge signs the command.
        site.post(DOOR, &json!({ "ms": 20 })).is_problem(409, "refused_authority");
        assert_eq!(fixture.agent.times_on("door"), 0);
        let grant = fixture.grant();
        let call = fixture.call(&fixture.holder, 20);
        let done = fixture.send(&call, &grant, 20).ok();
        assert_eq!(done["status"], "executed", "{done}");
        soon("the door is closed again", || {
            (fixture.agent.levels("door").last() == Some(&json!(false))).then_some(())
        });
        // A repetition runs nothing and gets the first outcome.
        assert_eq!(fixture.send(&call, &grant, 20).ok()["status"], "executed");
        fixture.send(&call, &grant, 30).is_problem(409, "refused_authority");
        assert_eq!(fixture.agent.times_on("door"), 1);
        let log = site.get("/api/v1/audit?act=command&target=porch/door").ok();
        let outcomes: Vec<&Value> =
            log["entries"].as_array().expect("entries").iter().map(|entry| &entry["outcome"]).collect();
        assert_eq!(outcomes, ["refused_authority", "executed", "executed", "refused_authority"]);
        assert!(!log.to_string().contains(&call) && !log.to_string().contains(&grant));
    }
}

#[test]
fn the_edge_refuses_half_a_call_and_passes_a_wrong_one_on() {
    let fixture = Fixture::start(HolderKey::generate().expect("a key"));
    let site = &fixture.site;
    let (call, grant) = (fixture.call(&fixture.holder, 20), fixture.grant());
    site.with("pinlatch-call", &call).post(DOOR, &json!({ "ms": 20 })).is_problem(422, "invalid_arguments");
    fixture.send("no token", &grant, 20).is_problem(422, "invalid_arguments");
    fixture.send(&call, "a.b.c", 20).is_problem(409, "refused_grant");
    let forged = fixture.call(&HolderKey::generate().expect("a key"), 20);
    fixture.send(&forged, &grant, 20).is_problem(409, "refused_call");
    assert_eq!(fixture.agent.times_on("door"), 0);
    // The holder's own call still counts.
    assert_eq!(fixture.send(&call, &grant, 20).ok()["status"], "executed");
}

#[test]
fn a_challenge_needs_a_device_with_such_lines() {
    let site = Site::shared();
    let ask =
        |device: &str| site.send_json("POST", &format!("/api/v1/devices/{device}/challenge"), &json!({}));
    ask("porch").is_problem(404, "unknown_device");
    let _agent = site.device("porch");
    ask("porch").is_problem(409, "no_holder_lines");
}

/// The panel shows the level live, and says why its button does nothing.
#[test]
fn the_panel_shows_a_line_that_it_cannot_operate() {
    let fixture = Fixture::start(HolderKey::generate().expect("a key"));
    in_browser(async {
        let site = &fixture.site;
        let browser = Browser::start(390, 844).await;
        browser.log_in(site.deployment.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("line-porch-door", "data-level", "off").await;
        let line = "[data-testid=\"line-porch-door\"]";
        until_text(&browser, line, "Only the holder of a key can operate this line").await;
        look(&browser, "panel-holder").await;
        let call = fixture.call(&fixture.holder, 2_000);
        assert_eq!(fixture.send(&call, &fixture.grant(), 2_000).ok()["status"], "executed");
        browser.until("line-porch-door", "data-level", "on").await;
        browser.until("line-porch-door", "data-level", "off").await;
    });
}

/// The guide of a holder: the key, the request, the grant of the owner, and a door that the edge alone cannot open.
#[test]
fn the_command_line_signs_calls() {
    let fixture = Fixture::start(HolderKey::generate().expect("a key"));
    let site = &fixture.site;
    for kind in [&[][..], &["--p256"]] {
        let (owner, ann) = (Shell::new(), Shell::new());
        owner.log_in(site, OWNER);
        ann.log_in(site, OWNER);
        assert_eq!(ann.fails(&["open", "porch/door", "20ms"]), "refused_authority");
        ann.says(&[&["holder", "init"], kind].concat(), "");
        let request = ann.shows(&["grant", "request", "--name", "Ann"]);
        let root = site.deployment.folder().join("root.jwk");
        let create =
            ["grant", "create", "--request", "-", "--line", "porch/door:pulse", "--yes", "--root-key"];
        let grant = owner.says(&[&create[..], &[root.to_str().expect("a path")]].concat(), request.trim());
        let grant = grant["grant"].as_str().expect("a grant").to_owned();
        let grant_file = ann.folder.path().join("received.jwt");
        std::fs::write(&grant_file, &grant).expect("a file");
        ann.says(&["holder", "add", grant_file.to_str().expect("a path")], "");
        let before = fixture.agent.times_on("door");
        assert_eq!(ann.says(&["open", "porch/door", "20ms"], "")["status"], "executed");
        soon("the door opens", || (fixture.agent.times_on("door") == before + 1).then_some(()));
        soon("the door is closed again", || {
            (fixture.agent.levels("door").last() == Some(&json!(false))).then_some(())
        });
        // Lines of the edge need no call, and an action outside of the grant is refused with a reason.
        assert_eq!(ann.says(&["send", "porch/lamp", "on"], "")["status"], "executed");
        ann.says(&["send", "porch/lamp", "off"], "");
        std::fs::remove_file(ann.folder.path().join("holder.jwk")).expect("the key");
        assert_eq!(ann.fails(&["open", "porch/door", "20ms"]), "refused_authority");
    }
}
