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
use crate::terminal::output::{print, reported};
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
    let text = format!(
        "Run this command on the device within one hour, as the user that runs the agent:\n  pinlatch-agent enrol '{}'",
        reply.enrol.expose()
    );
    print(json, &reply, &text)
}

fn remove(name: &Name, json: bool) -> Result<()> {
    api()?.call::<IgnoredAny>(&Endpoint::RemoveDevice { device: name.clone() })?;
    let text = format!("The device {name} is removed. The edge refuses the device's credential from now on.");
    print(json, &json!({ "removed": name }), &text)
}

fn list(json: bool) -> Result<()> {
    let devices: Vec<DeviceView> = api()?.call(&Endpoint::ListDevices)?;
    print(json, &devices, &page(&devices))
}

fn page(devices: &[DeviceView]) -> String {
    if devices.is_empty() {
        return "The site has no devices. To enrol a device, run `pinlatch device enrol NAME`.".into();
    }
    let mut page = String::new();
    for device in devices {
        let presence = match device.last_seen_ms {
            _ if device.online => "online".into(),
            Some(at_ms) => format!("offline since {}", stamp_ms(at_ms)),
            None => "never seen".into(),
        };
        page.push_str(&format!("{}  {presence}\n", device.name));
        for line in &device.lines {
            page.push_str(&format!("  {:<16} {:<10} {}\n", line.name, line.kind, reported(line)));
        }
    }
    page
}
