//! Writes the configuration of workerd in the text format of Cap'n Proto. The configuration contains the names of the
//! secrets, but not their values.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::deployment::Deployment;

/// The names of the TLS files in the folder of the configuration.
pub struct Tls<'a> {
    pub key: &'a str,
    /// The file with the certificate and the certificate chain.
    pub certificate: &'a str,
}

/// Returns the configuration for a folder. This folder contains the Worker in `worker/`, the panel in `panel/` and the
/// databases of the Durable Objects in `state/`.
pub fn config(
    deployment: &Deployment,
    modules: &[&str],
    folder: &Path,
    listen: &[String],
    tls: Option<&Tls>,
) -> Result<String> {
    let place = |name: &str| {
        let path = folder.join(name);
        path.to_str().map(quoted).with_context(|| format!("the path {} is not UTF-8", path.display()))
    };
    let socket = match tls {
        None => "http = ()".to_owned(),
        Some(Tls { key, certificate }) => format!(
            "https = (tlsOptions = (keypair = (privateKey = embed {}, certificateChain = embed {})))",
            quoted(key),
            quoted(certificate)
        ),
    };
    let modules: Vec<String> = modules
        .iter()
        .map(|file| {
            let kind = if file.ends_with(".wasm") { "wasm" } else { "esModule" };
            format!("(name = {}, {kind} = embed {})", quoted(file), quoted(&format!("worker/{file}")))
        })
        .collect();
    let classes: Vec<String> = deployment
        .objects
        .iter()
        // `uniqueKey` is part of the name of each database. Therefore, the value of `uniqueKey` must not change.
        .map(|(_, class)| {
            format!(
                "(className = {0}, uniqueKey = {1}, enableSql = true)",
                quoted(class),
                quoted(&format!("pinlatch-{class}"))
            )
        })
        .collect();
    let mut text = String::from(
        "# Written by `pinlatch self-host`. Run the command again after a change of wrangler.toml or a new build.\n\
         using Workerd = import \"/workerd/workerd.capnp\";\n\n\
         const config :Workerd.Config = (\n  services = [\n    (name = \"edge\", worker = .edge),\n",
    );
    writeln!(text, "    (name = \"panel\", disk = (path = {})),", place("panel")?)?;
    writeln!(text, "    (name = \"state\", disk = (path = {}, writable = true)),", place("state")?)?;
    // Private networks are allowed, because issuers and login providers can be in a private network. The Worker
    // connects only to configured URLs.
    text.push_str(
        "    (name = \"internet\", network = (allow = [\"public\", \"private\"], tlsOptions = (trustBrowserCas = true))),\n  ],\n",
    );
    text.push_str("  sockets = [\n");
    for (number, address) in listen.iter().enumerate() {
        let (name, address) = (quoted(&format!("http-{number}")), quoted(address));
        writeln!(text, "    (name = {name}, address = {address}, {socket}, service = \"edge\"),")?;
    }
    text.push_str("  ],\n);\n\n");
    writeln!(text, "const edge :Workerd.Worker = (\n  modules = [{}],", modules.join(", "))?;
    writeln!(text, "  compatibilityDate = {},\n  bindings = [", quoted(&deployment.compatibility_date))?;
    for (name, value) in &deployment.vars {
        let value = match value {
            Value::String(value) => format!("text = {}", quoted(value)),
            table => format!("json = {}", quoted(&table.to_string())),
        };
        writeln!(text, "    (name = {}, {value}),", quoted(name))?;
    }
    for name in deployment.secrets.keys() {
        writeln!(text, "    (name = {0}, fromEnvironment = {0}),", quoted(name))?;
    }
    for (name, class) in &deployment.objects {
        writeln!(text, "    (name = {}, durableObjectNamespace = {}),", quoted(name), quoted(class))?;
    }
    writeln!(text, "    (name = {}, service = \"panel\"),\n  ],", quoted(&deployment.assets))?;
    writeln!(text, "  durableObjectNamespaces = [\n    {}\n  ],", classes.join(",\n    "))?;
    text.push_str("  durableObjectStorage = (localDisk = \"state\"),\n);\n");
    Ok(text)
}

/// Quotes a text for Cap'n Proto. Bytes outside printable ASCII become octal escapes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            0x20..0x7f => out.push(char::from(byte)),
            // The octal escape always has three digits, so that a following digit is not read as part of the escape.
            byte => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_byte_by_byte() {
        assert_eq!(quoted(r#"a "b" \ c"#), r#""a \"b\" \\ c""#);
        assert_eq!(quoted("\n1é"), "\"\\0121\\303\\251\"");
    }
}
