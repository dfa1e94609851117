//! Verifies statements offline: device identities, readings and receipts. Only the owner's root key and the device's
//! key count, so a statement that the edge made up is refused.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use pinlatch_token::identity::DeviceIdentity;
use pinlatch_token::reading::Reading;
use pinlatch_token::receipt::Receipt;
use pinlatch_token::{Kind, Refusal, unverified_kind};

use crate::identities;

/// The keys that verify a statement.
#[derive(clap::Args)]
pub struct Statement {
    /// The file with the owner's root key as a JWK, public or private. The token is then verified as a device identity,
    /// a reading or a receipt.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// The file with the identity of the device (`device+jwt`), for a reading or a receipt.
    #[arg(long, value_name = "FILE", requires = "root")]
    device: Option<PathBuf>,
    /// The nonce with which the reading was asked for. Without this option, an older reading is accepted too.
    #[arg(long, value_name = "NONCE", requires = "device")]
    nonce: Option<String>,
}

impl Statement {
    pub fn is_asked_for(&self) -> bool {
        self.root.is_some()
    }

    /// Verifies a statement at the time `now`, in seconds of Unix time. The outer error means that the statement was not
    /// checked.
    pub fn verify(&self, token: &str, now: u64) -> Result<Result<(), Refusal>> {
        let file = self.root.as_deref().context("no root key is given; use --root")?;
        let root = identities::root_key(file)?;
        let kind = unverified_kind(token);
        if kind == Some(Kind::Device) {
            return Ok(DeviceIdentity::verify_any_site(token, &root, Some(now)).map(drop));
        }
        let Some(file) = &self.device else {
            bail!("a reading or receipt needs the identity of its device; use --device FILE");
        };
        let device = DeviceIdentity::verify_any_site(&identities::read(file)?, &root, Some(now))
            .with_context(|| format!("the device identity in {} is refused", file.display()))?;
        Ok(match kind {
            Some(Kind::Receipt) => Receipt::verify(token, &device).map(drop),
            // A token of any other kind is refused here as no reading.
            _ => Reading::verify(token, &device, self.nonce.as_deref()).map(drop),
        })
    }
}
