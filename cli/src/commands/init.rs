//! Implements `pinlatch init`, which creates the keys of a new deployment.

use std::path::{Path, PathBuf};

use anyhow::Result;
use pinlatch_protocol::name::Name;
use pinlatch_token::{CodePurpose, EdgeKeys, SigningKey, keyset};
use serde_json::json;
use url::Url;

use crate::files::{config_dir, require_absent, write_private};
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
    /// The deployment's URL, which is shown in the printed instructions.
    #[arg(long, value_name = "URL")]
    pub url: Option<Url>,
    /// Replace existing files. Devices that trust the old root key must then enrol again.
    #[arg(long)]
    pub force: bool,
}

/// The lifetime of a setup code, in seconds.
const SETUP_CODE_LIFE: u64 = 7 * 86_400;

pub fn run(args: &Init, json: bool) -> Result<()> {
    let secrets = args.out.join(".dev.vars");
    let root_file = match &args.root_key {
        Some(file) => file.clone(),
        None => config_dir()?.join("root.jwk"),
    };
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
    write_private(&secrets, &dev_vars(&edge, &root, &keyset))?;

    if json {
        let setup: Vec<_> =
            setup.iter().map(|(site, code)| json!({ "site": site, "code": code.expose() })).collect();
        let wrote = [secrets, root_file].map(|path| path.display().to_string());
        let document = json!({ "root_thumbprint": root.kid(), "setup": setup, "wrote": wrote });
        println!("{document}");
        return Ok(());
    }
    explain(&secrets, &root_file, &args.sites);
    let url = args.url.as_ref().map_or("https://YOUR-HOST", |url| url.as_str().trim_end_matches('/'));
    for (site, code) in setup {
        println!("\nTo become the owner of the site {site}, run this command within one week:");
        println!("  pinlatch setup --url {url} --code {} --username YOU", code.expose());
    }
    Ok(())
}

/// Returns the Worker's secrets in the format that wrangler reads, with one NAME='value' per line. Each value is JSON
/// or base64url, without single quotes and line breaks.
pub(crate) fn dev_vars(edge: &EdgeKeys, root: &SigningKey, keyset: &str) -> String {
    format!(
        "EDGE_KEYS='{}'\nKEYSET='{keyset}'\nROOT_KEY='{}'\n",
        edge.to_private_jwks().expose(),
        root.public_jwk(),
    )
}

fn explain(secrets: &Path, root_file: &Path, sites: &[Name]) {
    println!(
        "The owner's root key:  {}  (keep a backup on another machine; never upload this file)",
        root_file.display()
    );
    println!("The edge's secrets:    {}  (do not commit this file to version control)", secrets.display());
    let sites = sites.iter().map(Name::as_str).collect::<Vec<_>>().join(",");
    if sites != "home" {
        println!("\nSet the sites in wrangler.toml:\n  SITES = \"{sites}\"");
    }
    println!("\nUpload the secrets to Cloudflare, then deploy the Worker:");
    println!("  npx wrangler secret bulk {}", secrets.display());
    println!("  npx wrangler deploy");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_are_lines_that_wrangler_can_read() {
        let (edge, root) = (EdgeKeys::generate().unwrap(), SigningKey::generate());
        let keyset = keyset::sign(&root, 1, edge.public(), 0).unwrap();
        let text = dev_vars(&edge, &root, &keyset);
        let lines: Vec<(&str, &str)> = text.lines().map(|line| line.split_once('=').unwrap()).collect();
        assert_eq!(lines.iter().map(|line| line.0).collect::<Vec<_>>(), ["EDGE_KEYS", "KEYSET", "ROOT_KEY"]);
        for (name, value) in &lines {
            let value = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')).unwrap();
            assert!(!value.contains('\''), "{name}");
        }
        assert!(!lines[2].1.contains("\"d\""), "the root key's private half stays here");
    }
}
