//! Implements `pinlatch device`, which enrols, removes and lists devices.

use anyhow::Result;
use clap::Subcommand;
use pinlatch_protocol::api::{EnrolmentReply, EnrolmentRequest};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::DeviceView;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::edge::session::api;
use crate::terminal::output::{say, say_json};
use crate::terminal::times::stamp_ms;

#[derive(Subcommand)]
pub enum DeviceCommand {
    /// Print an enrolment string for a device. The enrolment string can be used once, within one hour.
    Enrol {
        /// The device's name.
        name: Name,
    },
    /// List the devices of the site and the GPIO lines of each device.
    List,
    /// Remove a device from the site. The edge then refuses the device's credential at once.
    Remove {
        /// The device's name.
        name: Name,
    },
}

pub fn run(command: &DeviceCommand, json: bool) -> Result<()> {
    match command {
        DeviceCommand::Enrol { name } => enrol(name, json),
        DeviceCommand::List => list(json),
        DeviceCommand::Remove { name } => remove(name, json),
    }
}

fn enrol(name: &Name, json: bool) -> Result<()> {
    let request = EnrolmentRequest { device: name.clone() };
    let reply: EnrolmentReply = api()?.send(&Endpoint::CreateEnrolment, &request)?;
    if json {
        return say_json(&reply);
    }
    say(&format!(
        "Run this command on the device within one hour, as the user that runs the agent:\n  pinlatch-agent enrol '{}'",
        reply.enrol.expose()
    ))
}

fn remove(name: &Name, json: bool) -> Result<()> {
    api()?.call::<IgnoredAny>(&Endpoint::RemoveDevice { device: name.clone() })?;
    if json {
        say_json(&json!({ "removed": name }))
    } else {
        say(&format!("The device {name} is removed. The edge refuses the device's credential from now on."))
    }
}

fn list(json: bool) -> Result<()> {
    let devices: Vec<DeviceView> = api()?.call(&Endpoint::ListDevices)?;
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
