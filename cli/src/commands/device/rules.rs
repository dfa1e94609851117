//! Implements `pinlatch device rules`, which prints the rules of a device in words.

use anyhow::Result;
use pinlatch_protocol::api::DeviceRules;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{DeviceView, LineView};
use pinlatch_protocol::problem::Code;
use pinlatch_protocol::rule::RuleInfo;
use pinlatch_protocol::rule::words::sentence;

use crate::commands::suggest::{self, suggested};
use crate::edge::session::api;
use crate::states::spaced;
use crate::terminal::columns::columns;
use crate::terminal::output::print;

pub fn run(name: &Name, json: bool) -> Result<()> {
    let api = api()?;
    let endpoint = Endpoint::ShowDeviceRules { device: name.clone() };
    let reply: DeviceRules =
        suggested(api.call(&endpoint), Code::UnknownDevice, || suggest::device(&api, name))?;
    // The kinds and the units of the lines make the sentences better. A caller that may not see the lines gets sentences
    // without them.
    let device = (!json && !reply.rules.is_empty())
        .then(|| api.call::<DeviceView>(&Endpoint::ShowDevice { device: name.clone() }).ok());
    let lines = device.flatten().map(|device| device.lines).unwrap_or_default();
    print(json, &reply, &list(name, &reply.rules, &lines))
}

fn list(name: &Name, rules: &[RuleInfo], lines: &[LineView]) -> String {
    if rules.is_empty() {
        return format!(
            "The device {name} has no rules. To add rules, edit agent.toml on the device, see docs/rules.md."
        );
    }
    let rows = rules.iter().map(|rule| [rule.name.to_string(), spaced(&sentence(rule, lines))]);
    columns(["NAME", "RULE"], rows)
}
