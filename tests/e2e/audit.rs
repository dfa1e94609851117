//! Tests the audit log over HTTP: its pages, filters, export, hash chain and retention time.

use e2e::Site;
use serde_json::{Value, json};

#[test]
fn the_log_is_paged_filtered_exported_and_chained() {
    let site = Site::shared();
    let _agent = site.device("porch");
    for _ in 0..3 {
        site.post("/api/v1/devices/porch/lines/lamp/toggle", &json!({})).ok();
    }
    let first = site.get("/api/v1/audit?limit=2").ok();
    let entries = first["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 2);
    assert_eq!((&first["head"]["seq"], &first["head"]["hash"]), (&entries[0]["seq"], &entries[0]["hash"]));
    let next = first["next"].as_u64().expect("a further page");
    let second = site.get(&format!("/api/v1/audit?limit=2&before={next}")).ok();
    assert_eq!(second["entries"][0]["seq"], json!(next - 1));
    let commands = site.get("/api/v1/audit?act=command&target=porch/lamp").ok();
    let commands = commands["entries"].as_array().expect("entries");
    assert_eq!(commands.len(), 3);
    assert!(commands.iter().all(|entry| entry["outcome"] == "executed" && entry["actor"] == "owner"));
    let set = site.post("/api/v1/devices/porch/lines/rose/set", &json!({ "value": "#ff2010" }));
    set.ok();
    let about = site.get("/api/v1/audit?about=PORCH/RO&outcome=done,executed").ok();
    let about = about["entries"].as_array().expect("entries");
    assert_eq!(about.len(), 1);
    assert_eq!(
        (&about[0]["line_kind"], &about[0]["args"]),
        (&json!("rgb"), &json!("{\"value\":\"#ff2010\"}"))
    );
    assert_eq!(site.get("/api/v1/audit?target=porch/ros").ok()["entries"], json!([]), "another name");
    assert_eq!(site.get("/api/v1/audit?actor=nobody").ok()["entries"], json!([]));
    site.get("/api/v1/audit?limit=many").is_problem(400, "invalid_request");

    let lines = site.with("accept", "application/jsonl").text("/api/v1/audit");
    let mut entries: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    entries.reverse();
    let mut before = String::new();
    for entry in &entries {
        let link = json!([
            "pinlatch audit entry 4",
            before,
            entry["seq"],
            entry["at_ms"],
            entry["actor"],
            entry.get("jti"),
            entry["act"],
            entry["target"],
            entry["outcome"],
            entry.get("actor_name"),
            entry.get("actor_kind"),
            entry.get("line_kind"),
            entry.get("args"),
            entry.get("target_name"),
            entry.get("target_kind"),
            entry.get("max_uses"),
            entry.get("receipt"),
            entry.get("happened_ms"),
            entry.get("boot"),
            entry.get("n"),
        ]);
        assert_eq!(entry["version"], 4);
        let hash = hex(&link.to_string());
        assert_eq!(entry["hash"], hash, "{entry}");
        before = hash;
    }
    assert!(entries.len() >= 6, "{lines}");
}

fn hex(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn only_an_owner_says_how_long_it_is_kept() {
    let site = Site::shared();
    let keep = |days: u32| site.send_json("PUT", "/api/v1/audit/retention", &json!({ "days": days }));
    keep(0).is_problem(400, "invalid_request");
    keep(30).ok();
    assert_eq!(site.get("/api/v1/audit").ok()["keep_days"], 30);
}
