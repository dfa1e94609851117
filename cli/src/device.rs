//! Implements `pinlatch device`, which enrols, removes and lists devices.

use anyhow::Result;
use pinlatch_protocol::api::{EnrolmentReply, EnrolmentRequest};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::DeviceView;
use serde_json::json;

use crate::output::{say, say_json};
use crate::session::api;
use crate::times::stamp_ms;

pub fn enrol(name: &Name, json: bool) -> Result<()> {
    let request = EnrolmentRequest { device: name.clone() };
    let reply: EnrolmentReply = api()?.post("/api/v1/enrolments", &request, &[])?;
    if json {
        return say_json(&reply);
    }
    say(&format!(
        "Run this command on the device within one hour, as the user that runs the agent:\n  pinlatch-agent enrol '{}'",
        reply.enrol.expose()
    ))
}

pub fn remove(name: &Name, json: bool) -> Result<()> {
    api()?.delete(&format!("/api/v1/devices/{name}"))?;
    if json {
        say_json(&json!({ "removed": name }))
    } else {
        say(&format!("The device {name} is removed. The edge refuses the device's credential from now on."))
    }
}

pub fn list(json: bool) -> Result<()> {
    let devices: Vec<DeviceView> = api()?.get("/api/v1/devices")?;
    if json {
        return say_json(&devices);
    }
    if devices.is_empty() {
        return say("The site has no devices. To enrol a device, run `pinlatch device enrol NAME`.");
    }
    let mut page = String::new();
    for device in devices {
        let presence = match device.last_seen_ms {
            _ if device.online => "online".into(),
            Some(at_ms) => format!("offline since {}", stamp_ms(at_ms)),
            None => "never seen".into(),
        };
        page.push_str(&format!("{}  {presence}\n", device.name));
        for line in device.lines {
            let level = line.reported.map_or("unknown".into(), |level| level.to_string());
            page.push_str(&format!("  {:<16} {:<10} {level}\n", line.name, line.kind));
        }
    }
    say(&page)
}
