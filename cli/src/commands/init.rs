//! Implements `pinlatch init`, which creates the keys of a new deployment.

use std::path::{Path, PathBuf};

use anyhow::Result;
use pinlatch_protocol::name::Name;
use pinlatch_token::{CodePurpose, EdgeKeys, SigningKey, keyset};
use serde_json::json;
use url::Url;

use crate::deploy::vars::edge_secrets;
use crate::edge::address::deployment;
use crate::files::{require_absent, root_key_file, write_private};
use crate::terminal::output::print;
use crate::terminal::times::now;

#[derive(clap::Args)]
pub struct Init {
    /// The folder into which `.dev.vars`, the file with the edge's secrets, is written.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// The name of a site. The option can be given several times. The first site is the default site.
    #[arg(long = "site", value_name = "NAME", default_value = "home")]
    pub sites: Vec<Name>,
    /// The file to which the owner's root key is written. The root key never leaves this machine.
    /// [default: root.jwk in the configuration folder]
    #[arg(long, value_name = "FILE")]
    pub root_key: Option<PathBuf>,
    /// The URL under which browsers and devices reach the deployment. The option can be given several times. The edge
    /// accepts browser requests only from these URLs, and uses the first URL in links and enrolment strings. Without
    /// this option, the edge uses the URL of each request.
    #[arg(long = "url", value_name = "URL", value_parser = deployment)]
    pub urls: Vec<Url>,
    /// Replace existing files. Devices that trust the old root key must then enrol again.
    #[arg(long)]
    pub force: bool,
}

/// The lifetime of a setup code, in seconds.
const SETUP_CODE_LIFE: u64 = 7 * 86_400;

pub fn run(args: &Init, json: bool) -> Result<()> {
    let secrets = args.out.join(".dev.vars");
    let root_file = root_key_file(args.root_key.as_deref())?;
    if !args.force {
        require_absent(&secrets)?;
        require_absent(&root_file)?;
    }
    let now = now()?;
    let root = SigningKey::generate();
    let edge = EdgeKeys::generate_at(now)?;
    let keyset = keyset::sign(&root, 1, edge.public(), now)?;
    let setup = args
        .sites
        .iter()
        .map(|site| {
            let (_, code) = edge.issue_code(CodePurpose::Setup, site, now + SETUP_CODE_LIFE)?;
            Ok((site, code))
        })
        .collect::<Result<Vec<_>>>()?;

    write_private(&root_file, root.to_private_jwk().expose())?;
    write_private(&secrets, &(edge_secrets(&edge, &root, &keyset) + &origin_var(&args.urls)))?;

    let key_option =
        args.root_key.as_ref().map_or_else(String::new, |file| format!(" --root-key {}", file.display()));
    let mut text = explain(&secrets, &root_file, &key_option, &args.sites);
    let url = args.urls.first().map_or("https://YOUR-HOST", |url| url.as_str().trim_end_matches('/'));
    for (site, code) in &setup {
        text.push_str(&format!(
            "\nTo become the owner of the site {site}, run this command within one week:\n  \
             pinlatch setup --url {url} --username YOU\nThe command asks for this setup code:\n  {}\n",
            code.expose()
        ));
    }
    let setup: Vec<_> =
        setup.iter().map(|(site, code)| json!({ "site": site, "code": code.expose() })).collect();
    let wrote = [secrets, root_file].map(|path| path.display().to_string());
    print(json, &json!({ "root_thumbprint": root.kid(), "setup": setup, "wrote": wrote }), &text)
}

fn explain(secrets: &Path, root_file: &Path, key_option: &str, sites: &[Name]) -> String {
    let (secrets, root_file) = (secrets.display(), root_file.display());
    let sites = sites.iter().map(Name::as_str).collect::<Vec<_>>().join(",");
    let sites = if sites == "home" {
        String::new()
    } else {
        format!("\nSet the sites in wrangler.toml:\n  SITES = \"{sites}\"\n")
    };
    format!(
        "The owner's root key:  {root_file}  (never upload this file)\n\
         The edge's secrets:    {secrets}  (keep a copy on another machine; do not commit this file to version control)\n\
         \nMake a backup of the root key now. Without the root key, you cannot replace the edge's keys:\n  \
         pinlatch root backup{key_option} --out ~/pinlatch-root.age\n\
         {sites}\nUpload the secrets to Cloudflare, then deploy the Worker:\n  \
         npx wrangler secret bulk {secrets}\n  npx wrangler deploy\n"
    )
}

/// Returns the line with the variable `ORIGIN`, which the edge reads. The line is empty if no URL is given.
fn origin_var(urls: &[Url]) -> String {
    let origins: Vec<String> = urls.iter().map(|url| url.origin().ascii_serialization()).collect();
    if origins.is_empty() { String::new() } else { format!("ORIGIN='{}'\n", origins.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origins_are_one_variable() {
        let urls = ["https://home.example/", "https://home.example:8443/x"].map(|url| url.parse().unwrap());
        assert_eq!(origin_var(&urls), "ORIGIN='https://home.example,https://home.example:8443'\n");
        assert_eq!(origin_var(&[]), "");
    }
}
