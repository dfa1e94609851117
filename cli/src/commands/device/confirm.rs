//! Implements `pinlatch device confirm`. The owner compares the key that the edge names with the key on the device
//! itself. Then the owner's root key signs the identity of the device, which the edge cannot make.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};
use pinlatch_protocol::api::{ConfirmRequest, DeviceKey};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::Code;
use pinlatch_token::identity::{self, DeviceIdentity};
use pinlatch_token::{PublicKey, Refusal, SigningKey};
use serde::de::IgnoredAny;
use serde_json::json;

use super::thumbprint;
use crate::commands::root::read_key;
use crate::commands::signing_time::common_time;
use crate::commands::suggest::{self, suggested};
use crate::edge::api::Api;
use crate::edge::session::api;
use crate::explained::{explained, problem, refused};
use crate::files::{root_key_file, write_private};
use crate::identities;
use crate::terminal::output::{note, print};
use crate::terminal::text::plain;
use crate::terminal::times::stamp;

/// The maximum size of a text with a thumbprint, in bytes.
const MOST: u64 = 4_096;

#[derive(clap::Args)]
pub struct Confirm {
    /// The device's name.
    name: Name,
    /// Read the device's thumbprint from this file, or from stdin if FILE is `-`, instead of asking for it.
    #[arg(long, value_name = "FILE", conflicts_with = "thumbprint_stdin")]
    thumbprint_file: Option<PathBuf>,
    /// Read the device's thumbprint from stdin instead of asking for it, for example from
    /// `ssh porch sudo pinlatch-agent status --key`.
    #[arg(long)]
    thumbprint_stdin: bool,
    /// The file with the owner's root key. [default: root.jwk in the configuration folder]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
}

pub fn run(args: &Confirm, json: bool) -> Result<()> {
    let name = &args.name;
    let edge = api()?;
    let key = named_key(&edge, name)?;
    let root_file = root_key_file(args.root_key.as_deref())?;
    let root = read_key(&root_file)?;
    let site = identities::site(&edge)?;
    let file = identities::file(&site, name)?;
    let now = common_time(&edge)?.at;
    let previous = Previous::read(&file, &root.public(), &key)?;
    if let Some(warning) = previous.warning(name, key.thumbprint()) {
        note(&warning);
    }
    let given = args.thumbprint(name, &site, &key)?;
    thumbprint::compare(&given, &key, name, previous.thumbprint())?;

    let identity = identity::sign(&root, &site, name, &key, now)?;
    require_valid(&identity, &root, &site, name, &key, now)?;
    let kept = previous.keep(&file, now)?;
    write_private(&file, &format!("{identity}\n"))?;
    let request = ConfirmRequest { identity };
    edge.send::<IgnoredAny>(&Endpoint::ConfirmDevice { device: name.clone() }, &request)
        .map_err(|error| not_stored(error, name, &root, &root_file, &file))?;

    let document = json!({
        "site": site,
        "device": name,
        "thumbprint": key.thumbprint(),
        "root_thumbprint": root.kid(),
        "file": file,
        "kept": kept,
    });
    let mut text = format!(
        "The device {name} is confirmed. Its key is {}.\n\
         The identity of the device is in {}, and the edge has a copy.",
        key.thumbprint(),
        file.display()
    );
    if let Some(kept) = &kept {
        text.push_str(&format!(
            "\nThe replaced identity is in {}. Older readings and receipts of the device need it.",
            kept.display()
        ));
    }
    print(json, &document, &text)
}

/// Returns the key that the edge names for a device.
fn named_key(edge: &Api, name: &Name) -> Result<PublicKey> {
    let endpoint = Endpoint::ShowDeviceKey { device: name.clone() };
    let DeviceKey { thumbprint, jwk, .. } =
        suggested(edge.call(&endpoint), Code::UnknownDevice, || suggest::device(edge, name))?;
    let Some(jwk) = jwk else {
        return Err(refused(
            "key_unknown",
            format!(
                "the edge does not know the public key of {name}, because the device enrolled at an earlier release. \
                 Wait until the device has connected to this edge once, then run `pinlatch device confirm {name}` again"
            ),
        ));
    };
    let contradiction = |named: &str| {
        refused(
            "edge_contradiction",
            format!(
                "the edge contradicts itself: it names the key {} for {name}, but sends {named}. Nothing was signed",
                plain(&thumbprint)
            ),
        )
    };
    let key =
        PublicKey::from_jwk(&jwk).map_err(|error| contradiction(&format!("an invalid key ({error})")))?;
    if key.thumbprint() != thumbprint {
        return Err(contradiction(&format!("the key {}", key.thumbprint())));
    }
    Ok(key)
}

/// The identity that the owner's folder already contains.
#[derive(Debug)]
enum Previous {
    Absent,
    /// The identity has the same key, so the command only renews it.
    Same,
    /// The identity has another key. `confirmed` contains the key's thumbprint and the time of the confirmation, or
    /// `None` if the root key did not sign the identity.
    Other {
        text: String,
        confirmed: Option<(String, u64)>,
    },
}

impl Previous {
    fn read(file: &Path, root: &PublicKey, key: &PublicKey) -> Result<Self> {
        if !file.exists() {
            return Ok(Self::Absent);
        }
        let text = identities::read(file)?;
        let identity = DeviceIdentity::verify_any_site(&text, root, None).ok();
        Ok(match identity {
            Some(identity) if identity.key.thumbprint() == key.thumbprint() => Self::Same,
            identity => Self::Other {
                text,
                confirmed: identity.map(|own| (own.key.thumbprint().to_owned(), own.iat)),
            },
        })
    }

    fn thumbprint(&self) -> Option<&str> {
        match self {
            Self::Other { confirmed: Some((thumbprint, _)), .. } => Some(thumbprint),
            _ => None,
        }
    }

    fn warning(&self, name: &Name, named: &str) -> Option<String> {
        match self {
            Self::Other { confirmed: Some((thumbprint, at)), .. } => Some(format!(
                "At {}, you confirmed {name} with another key:\n  {thumbprint}\nThe edge now names the key\n  {named}\n\
                 The device was enrolled again since then, or the edge names a key that is not the device's.\n",
                stamp(*at)
            )),
            Self::Other { confirmed: None, .. } => Some(format!(
                "The root key did not sign the present identity of {name}, so it is replaced.\n"
            )),
            Self::Absent | Self::Same => None,
        }
    }

    /// Keeps a copy of an identity with another key. Returns the file of the copy.
    fn keep(&self, file: &Path, now: u64) -> Result<Option<PathBuf>> {
        let Self::Other { text, confirmed } = self else { return Ok(None) };
        let end = match confirmed {
            Some((thumbprint, _)) => format!("{thumbprint}.{}", identities::EXTENSION),
            None => format!("unverified-{now}.{}", identities::EXTENSION),
        };
        let kept = file.with_extension(end);
        write_private(&kept, &format!("{text}\n"))?;
        Ok(Some(kept))
    }
}

impl Confirm {
    /// Returns the text that the owner gives as the thumbprint on the device.
    fn thumbprint(&self, name: &Name, site: &Name, key: &PublicKey) -> Result<String> {
        if let Some(file) = self.thumbprint_file.as_deref().filter(|file| file.as_os_str() != "-") {
            let cannot = || format!("cannot read {}", file.display());
            return limited(fs::File::open(file).with_context(cannot)?).with_context(cannot);
        }
        let stdin = io::stdin().lock();
        if self.thumbprint_stdin || self.thumbprint_file.is_some() {
            return limited(stdin).context("cannot read the thumbprint from stdin");
        }
        if !stdin.is_terminal() {
            bail!(
                "there is no terminal to ask for the thumbprint; use --thumbprint-stdin or --thumbprint-file"
            );
        }
        note(&format!(
            "The edge names this key for {name} of the site {site}:\n  {}\n\n\
             Compare it with the device itself: run `sudo pinlatch-agent status` on the device, over ssh\n\
             or on a screen at the device, never through the panel. The line `key` is the thumbprint.\n\n\
             Thumbprint on the device (empty to cancel):",
            key.thumbprint()
        ));
        let mut line = String::new();
        stdin.take(MOST).read_line(&mut line).context("cannot read the thumbprint from the terminal")?;
        Ok(line)
    }
}

fn limited(input: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    input.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Verifies the new identity, as everyone will do who uses it.
fn require_valid(
    identity: &str,
    root: &SigningKey,
    site: &Name,
    name: &Name,
    key: &PublicKey,
    now: u64,
) -> Result<()> {
    let verified = DeviceIdentity::verify(identity, &root.public(), site, Some(now));
    if verified.is_ok_and(|own| own.device == *name && own.key.thumbprint() == key.thumbprint()) {
        return Ok(());
    }
    bail!(
        "the new identity cannot be verified, so it is not stored; this is a bug of pinlatch, please report it"
    )
}

/// Explains that the edge did not store the identity. The file stays, so the owner's own tools already use it.
fn not_stored(error: Error, name: &Name, root: &SigningKey, root_file: &Path, file: &Path) -> Error {
    let wrong_root = Refusal::UnknownKey(root.kid().into()).to_string();
    let of_edge = problem(&error).filter(|problem| problem.is(Code::IdentityRefused)).cloned();
    match of_edge {
        Some(problem) if problem.detail.as_deref().is_some_and(|detail| detail.contains(&wrong_root)) => {
            let text = format!(
                "the key {} in {} is not the root key of this deployment, so the edge refused the identity. \
                 Give the right file with --root-key, and run this command again. It replaces the wrong identity in {}",
                root.kid(),
                root_file.display(),
                file.display()
            );
            explained(problem, text)
        }
        _ => error.context(format!(
            "the identity is signed and stored in {}, but the edge did not store it; \
             run `pinlatch device confirm {name}` again",
            file.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn an_identity_with_another_key_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("home/porch.jwt");
        let (root, old, new) = (SigningKey::generate(), SigningKey::generate(), SigningKey::generate());
        let read = |key: &SigningKey| Previous::read(&file, &root.public(), &key.public()).unwrap();
        assert!(matches!(read(&new), Previous::Absent));
        let signed = identity::sign(&root, &name("home"), &name("porch"), &old.public(), 1_000).unwrap();
        write_private(&file, &format!("{signed}\n")).unwrap();
        assert!(matches!(read(&old), Previous::Same));
        assert_eq!(read(&old).keep(&file, 2_000).unwrap(), None);
        let previous = read(&new);
        assert_eq!(previous.thumbprint(), Some(old.kid()));
        let warning = previous.warning(&name("porch"), new.kid()).unwrap();
        assert!(warning.contains(old.kid()) && warning.contains(new.kid()), "{warning}");
        let kept = previous.keep(&file, 2_000).unwrap().unwrap();
        assert_eq!(kept, file.with_file_name(format!("porch.{}.jwt", old.kid())));
        assert_eq!(identities::read(&kept).unwrap(), signed);
        fs::write(&file, "damaged").unwrap();
        let kept = read(&new).keep(&file, 2_000).unwrap().unwrap();
        assert_eq!(kept, file.with_file_name("porch.unverified-2000.jwt"));
    }

    #[test]
    fn a_wrong_root_key_is_named() {
        let root = SigningKey::generate();
        let refusal = Refusal::UnknownKey(root.kid().into());
        let refused = pinlatch_protocol::problem::Problem::new(Code::IdentityRefused)
            .detail(format!("`identity`: {refusal}"));
        let shown = |error: Error| {
            let error =
                not_stored(error, &name("porch"), &root, Path::new("root.jwk"), Path::new("porch.jwt"));
            format!("{error:#}")
        };
        let text = shown(refused.into());
        assert!(
            text.contains("not the root key of this deployment") && text.contains("--root-key"),
            "{text}"
        );
        let text = shown(anyhow::anyhow!("no network"));
        assert!(text.contains("confirm porch` again") && text.contains("porch.jwt"), "{text}");
    }
}
