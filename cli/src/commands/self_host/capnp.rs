//! Writes the configuration of workerd in the text format of Cap'n Proto. The configuration contains the names of the
//! secrets, but not their values.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use pinlatch_protocol::loopback::is_loopback;
use serde_json::Value;

use super::deployment::Deployment;
use super::network::Network;

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
    networks: &[Network],
) -> Result<String> {
    let place = |name: &str| {
        let path = folder.join(name);
        path.to_str().map(quoted).with_context(|| format!("the path {} is not UTF-8", path.display()))
    };
    let socket = |address: &str| match tls {
        // Only a proxy on this machine can reach a loopback address, and the proxy reports the scheme that the client
        // used. From any other address, a client could claim to use TLS.
        None if is_local(address) => "http = (forwardedProtoHeader = \"X-Forwarded-Proto\")".to_owned(),
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
    // The document of a login provider names further URLs, so only the owner can allow a private network.
    let allowed = networks.iter().map(|network| quoted(&network.to_string()));
    let allowed: Vec<String> = std::iter::once(quoted("public")).chain(allowed).collect();
    let options = "tlsOptions = (trustBrowserCas = true)";
    let allowed = allowed.join(", ");
    writeln!(text, "    (name = \"internet\", network = (allow = [{allowed}], {options})),\n  ],")?;
    text.push_str("  sockets = [\n");
    for (number, address) in listen.iter().enumerate() {
        let (name, socket) = (quoted(&format!("http-{number}")), socket(address));
        writeln!(text, "    (name = {name}, address = {}, {socket}, service = \"edge\"),", quoted(address))?;
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

/// Returns whether workerd can be reached at an address only from this machine: a loopback address or a Unix socket.
fn is_local(address: &str) -> bool {
    if address.starts_with("unix:") {
        return true;
    }
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    is_loopback(host.trim_start_matches('[').trim_end_matches(']'))
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
    fn only_loopback_and_unix_sockets_are_local() {
        for address in ["127.0.0.1:8787", "[::1]:8787", "localhost:80", "unix:/run/edge.sock"] {
            assert!(is_local(address), "{address}");
        }
        for address in ["*:8787", "0.0.0.0:8787", "192.0.2.1:80", "edge.example:80"] {
            assert!(!is_local(address), "{address}");
        }
    }

    #[test]
    fn texts_are_quoted_byte_by_byte() {
        assert_eq!(quoted(r#"a "b" \ c"#), r#""a \"b\" \\ c""#);
        assert_eq!(quoted("\n1é"), "\"\\0121\\303\\251\"");
    }
}
