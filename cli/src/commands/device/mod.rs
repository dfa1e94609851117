//! Implements `pinlatch device`, which enrols, confirms, removes and lists devices, and prints their rules.

mod confirm;
mod rules;
pub mod thumbprint;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::Subcommand;
use pinlatch_protocol::admin::Enrolment;
use pinlatch_protocol::api::{EnrolmentReply, EnrolmentRequest};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::DeviceView;
use pinlatch_protocol::problem::Code;
use pinlatch_protocol::wording::{self, REPLACES, enrol_command};
use serde::de::IgnoredAny;
use serde_json::json;

use crate::commands::suggest::{self, suggested};
use crate::edge::api::Api;
use crate::edge::session::api;
use crate::identities;
use crate::states::{Confirmation, presence, state};
use crate::terminal::colour::{Tone, paint};
use crate::terminal::columns::columns;
use crate::terminal::output::{note, print, print_token};
use crate::terminal::text::plain;
use crate::terminal::times::{now_ms, stamp};

#[derive(Subcommand)]
pub enum DeviceCommand {
    /// Print an enrolment string for a device. The enrolment string can be used once, within one hour.
    #[command(visible_alias = "enroll")]
    Enrol {
        /// The device's name.
        name: Name,
    },
    /// List the open enrolment strings, which were not used and have not expired. The list does not contain the strings
    /// themselves.
    #[command(alias = "enrollments")]
    Enrolments,
    /// Withdraw an open enrolment string. The enrolment string then becomes invalid.
    #[command(alias = "withdraw-enrollment")]
    WithdrawEnrolment {
        /// The id of the enrolment string, as shown by `pinlatch device enrolments`.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Confirm the key of a device: compare the key that the edge names with the key on the device itself, and sign the
    /// identity of the device with the owner's root key. Everyone can then verify the readings and receipts of the
    /// device without the edge.
    Confirm(confirm::Confirm),
    /// Print the identity of a confirmed device from the configuration folder. The identity is public. With it and the
    /// public root key, everyone can verify the readings and receipts of the device.
    Identity {
        /// The device's name.
        name: Name,
    },
    /// Print the rules of a device in words. The device runs its rules itself, also without a connection. The rules are in
    /// the file agent.toml on the device.
    Rules {
        /// The device's name.
        name: Name,
    },
    /// List the devices of the site and the GPIO lines of each device.
    #[command(visible_alias = "ls")]
    List,
    /// Remove a device from the site. The edge then refuses the device's credential at once.
    #[command(visible_alias = "rm")]
    Remove {
        /// The device's name.
        name: Name,
    },
}

pub fn run(command: &DeviceCommand, json: bool) -> Result<()> {
    match command {
        DeviceCommand::Enrol { name } => enrol(name, json),
        DeviceCommand::Enrolments => enrolments(json),
        DeviceCommand::WithdrawEnrolment { id } => withdraw_enrolment(id, json),
        DeviceCommand::Confirm(args) => confirm::run(args, json),
        DeviceCommand::Identity { name } => show_identity(name, json),
        DeviceCommand::Rules { name } => rules::run(name, json),
        DeviceCommand::List => list(json),
        DeviceCommand::Remove { name } => remove(name, json),
    }
}

fn enrol(name: &Name, json: bool) -> Result<()> {
    let edge = api()?;
    // Only a caller with all scopes of a device can replace the device, so the list contains it.
    let devices: Vec<DeviceView> = edge.call(&Endpoint::ListDevices)?;
    if devices.iter().any(|device| device.name == *name) {
        note(&format!("The device {name} exists, and the new enrolment string replaces it. {REPLACES}"));
    }
    let request = EnrolmentRequest { device: name.clone() };
    let reply: EnrolmentReply = edge.send(&Endpoint::CreateEnrolment, &request)?;
    let text = format!(
        "Run this command on the device. It works once, until {}:\n  {}",
        stamp(reply.expires_at),
        plain(&enrol_command(reply.enrol.expose()))
    );
    print(json, &reply, &text)
}

fn enrolments(json: bool) -> Result<()> {
    let enrolments: Vec<Enrolment> = api()?.call(&Endpoint::ListEnrolments)?;
    let text = if enrolments.is_empty() {
        "The site has no open enrolment strings.".into()
    } else {
        enrolment_table(&enrolments)
    };
    print(json, &enrolments, &text)
}

fn enrolment_table(enrolments: &[Enrolment]) -> String {
    let rows = enrolments.iter().map(|enrolment| {
        let what = if enrolment.replaces { "replaces a device" } else { "adds a device" };
        [
            enrolment.id.clone(),
            enrolment.device.to_string(),
            what.to_owned(),
            stamp(enrolment.expires_at),
            enrolment.creator.clone(),
        ]
    });
    columns(["ID", "DEVICE", "USE", "UNTIL", "BY"], rows)
}

fn withdraw_enrolment(id: &str, json: bool) -> Result<()> {
    let (api, endpoint) = (api()?, Endpoint::WithdrawEnrolment { id: id.to_owned() });
    suggested(api.call::<IgnoredAny>(&endpoint), Code::UnknownCode, || suggest::enrolment(&api, id))?;
    print(json, &json!({ "withdrawn": id }), &format!("The enrolment string {} is withdrawn.", plain(id)))
}

fn remove(name: &Name, json: bool) -> Result<()> {
    let (api, endpoint) = (api()?, Endpoint::RemoveDevice { device: name.clone() });
    suggested(api.call::<IgnoredAny>(&endpoint), Code::UnknownDevice, || suggest::device(&api, name))?;
    let text = format!("The device {name} is removed. The edge refuses the device's credential from now on.");
    print(json, &json!({ "removed": name }), &text)
}

fn show_identity(name: &Name, json: bool) -> Result<()> {
    let site = identities::site(&api()?)?;
    let file = identities::file(&site, name)?;
    if !file.exists() {
        bail!(
            "there is no identity of {name} at {}; to make one, run `pinlatch device confirm {name}`",
            file.display()
        );
    }
    let identity = identities::read(&file)?;
    let document = json!({ "site": site, "device": name, "file": file, "identity": identity });
    print_token(json, &document, &identity)
}

fn list(json: bool) -> Result<()> {
    let api = api()?;
    let devices: Vec<DeviceView> = api.call(&Endpoint::ListDevices)?;
    let confirmed = if json { BTreeMap::new() } else { confirmed_keys(&api, &devices) };
    print(json, &devices, &page(&devices, &confirmed, now_ms()?))
}

/// Returns the keys that the owner confirmed. Without a folder of identities, no request to the edge is necessary. An
/// error is ignored, because the list of devices is useful without the keys.
fn confirmed_keys(api: &Api, devices: &[DeviceView]) -> BTreeMap<Name, String> {
    if !identities::all_sites().is_ok_and(|folder| folder.exists()) {
        return BTreeMap::new();
    }
    let names: Vec<&Name> = devices.iter().map(|device| &device.name).collect();
    identities::site(api).map(|site| identities::confirmed_keys(&site, &names)).unwrap_or_default()
}

/// `confirmed` contains the thumbprints of the keys that the owner confirmed.
fn page(devices: &[DeviceView], confirmed: &BTreeMap<Name, String>, now_ms: u64) -> String {
    if devices.is_empty() {
        return "The site has no devices. To enrol a device, run `pinlatch device enrol NAME`.".into();
    }
    let lines = || devices.iter().flat_map(|device| &device.lines);
    let names = lines().map(|line| line.name.as_str().len()).max().unwrap_or_default();
    let kinds = lines().map(|line| line.kind.as_str().len()).max().unwrap_or_default();
    let mut page = String::new();
    for device in devices {
        let confirmation = Confirmation::of(device, confirmed.get(&device.name).map(String::as_str));
        let words = confirmation.words().map(|words| format!("  {words}")).unwrap_or_default();
        page.push_str(&format!("{}  {}{words}\n", device.name, presence(device, now_ms)));
        if let Some(warning) = confirmation.warning(&device.name) {
            page.push_str(&format!("  {}\n", paint(Tone::Warning, &warning)));
        }
        for code in &device.warnings {
            let text = wording::warning(code).map_or_else(|| plain(code), str::to_owned);
            page.push_str(&format!("  {}\n", paint(Tone::Warning, &text)));
        }
        for line in &device.lines {
            // The level of an offline device can have changed after the device's last report.
            let note = if device.online || line.reported.is_none() { "" } else { " (last known)" };
            let state = state(line);
            page.push_str(&format!("  {:<names$}  {:<kinds$}  {state}{note}\n", line.name, line.kind));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::colour::for_stdout;

    #[test]
    fn the_list_says_what_a_line_is_like_and_since_when_a_device_is_gone() {
        let devices: Vec<DeviceView> = serde_json::from_value(json!([
            { "name": "porch", "online": true, "last_seen_ms": 0, "version": null, "lines": [
                { "name": "heat", "kind": "sensor", "actions": [], "reported": 23.9, "unit": "°C", "changed_ms": null },
                { "name": "door", "kind": "momentary", "actions": [], "reported": false, "changed_ms": null },
            ] },
            { "name": "barn", "online": true, "last_seen_ms": 0, "version": null, "warnings": ["config_unusable"],
                "lines": [] },
            { "name": "shed", "online": false, "last_seen_ms": 1_782_907_200_000_u64, "version": null, "lines": [
                { "name": "desk", "kind": "dimmer", "actions": [], "reported": 0.25, "changed_ms": null },
            ] },
        ]))
        .unwrap();
        assert_eq!(
            for_stdout(&page(&devices, &BTreeMap::new(), 1_782_907_500_000)),
            "porch  online\n  heat  sensor     23.9 °C\n  door  momentary  off\n\
             barn  online\n  The configuration file is invalid, so the agent runs with its last good configuration. \
             Run `pinlatch-agent check-config` on the device.\n\
             shed  offline since 2026-07-01T12:00:00Z (5m ago)\n  desk  dimmer     25 % (last known)\n"
        );
    }

    #[test]
    fn the_list_says_who_confirmed_the_key_of_a_device() {
        let device = |name: &str, key: &str, confirmed: bool| {
            json!({ "name": name, "online": true, "last_seen_ms": 0, "version": null, "key": key, "lines": [],
                "confirmed": confirmed })
        };
        let devices: Vec<DeviceView> = serde_json::from_value(json!([
            device("a-own", "k1", false),
            device("b-edge", "k1", true),
            device("c-other", "k2", true),
            device("d-none", "k1", false),
        ]))
        .unwrap();
        let own = ["a-own", "c-other"].map(|name| (Name::new(name).unwrap(), "k1".to_owned()));
        assert_eq!(
            for_stdout(&page(&devices, &BTreeMap::from(own), 0)),
            "a-own  online  confirmed\n\
             b-edge  online  confirmed, according to the edge\n\
             c-other  online\n  The edge names another key for this device than you confirmed. \
             To compare the key with the device, run `pinlatch device confirm c-other`.\n\
             d-none  online\n"
        );
    }

    #[test]
    fn the_table_says_whether_an_enrolment_replaces_a_device() {
        let adds = Enrolment {
            id: "e".into(),
            device: Name::new("porch").unwrap(),
            replaces: false,
            creator: "ann".into(),
            expires_at: 1_782_907_200,
        };
        let replaces = Enrolment { replaces: true, ..adds.clone() };
        let shown = enrolment_table(&[adds, replaces]);
        let lines: Vec<&str> = shown.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "e   porch   adds a device      2026-07-01T12:00:00Z  ann",
                "e   porch   replaces a device  2026-07-01T12:00:00Z  ann",
            ]
        );
    }
}
