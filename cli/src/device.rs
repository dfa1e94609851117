//! `pinlatch device`.

use anyhow::Result;
use pinlatch_protocol::api::{EnrolmentReply, EnrolmentRequest};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::DeviceView;

use crate::session::api;

/// `pinlatch device enrol`.
pub fn enrol(name: &Name, json: bool) -> Result<()> {
    let request = EnrolmentRequest { device: name.clone() };
    let reply: EnrolmentReply = api()?.post("/api/v1/enrolments", &request, &[])?;
    if json {
        println!("{}", serde_json::to_string(&reply)?);
    } else {
        println!(
            "On the device, within an hour, as the user that the agent runs as:\n  pinlatch-agent enrol '{}'",
            reply.enrol.expose()
        );
    }
    Ok(())
}

/// `pinlatch device list`.
pub fn list(json: bool) -> Result<()> {
    let devices: Vec<DeviceView> = api()?.get("/api/v1/devices")?;
    if json {
        println!("{}", serde_json::to_string(&devices)?);
        return Ok(());
    }
    if devices.is_empty() {
        println!("No devices yet. `pinlatch device enrol NAME` begins.");
    }
    for device in devices {
        println!("{}  {}", device.name, if device.online { "online" } else { "offline" });
        for line in device.lines {
            let level = line.reported.map_or("unknown".into(), |level| level.to_string());
            println!("  {:<16} {:<10} {level}", line.name, line.kind);
        }
    }
    Ok(())
}
