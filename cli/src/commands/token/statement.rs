//! Verifies statements offline: the owner's device identities, grants and lists of revocations, the readings and receipts
//! of devices, and the calls of holders. Only the owner's root key, the device's key and the holder's key count, so a
//! statement that the edge made up is refused.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use pinlatch_token::call::CallClaims;
use pinlatch_token::grant::Grant;
use pinlatch_token::identity::DeviceIdentity;
use pinlatch_token::reading::Reading;
use pinlatch_token::receipt::Receipt;
use pinlatch_token::revocations::Revocations;
use pinlatch_token::{Kind, PublicKey, Refusal, unverified_device, unverified_kind, unverified_site};

use crate::identities;

/// The keys that verify a statement.
#[derive(clap::Args)]
pub struct Statement {
    /// The file with the owner's root key as a JWK, public or private. The token is then verified as a device identity,
    /// a reading, a receipt, a grant, a call or a list of revocations.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// The file with the identity of the device (`device+jwt`), for a reading or a receipt.
    #[arg(long, value_name = "FILE", requires = "root")]
    device: Option<PathBuf>,
    /// The file with the holder's grant (`grant+jwt`), for a call.
    #[arg(long, value_name = "FILE", requires = "root")]
    grant: Option<PathBuf>,
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
        match kind {
            Some(Kind::Device) => {
                return Ok(DeviceIdentity::verify_any_site(token, &root, Some(now)).map(drop));
            }
            Some(Kind::Grant) => return Ok(grant(token, root, now).map(drop)),
            Some(Kind::Revoked) => {
                let site = unverified_site(token).ok_or_else(other_audience);
                return Ok(site.and_then(|site| Revocations::verify(token, &root.into(), &site).map(drop)));
            }
            Some(Kind::Call) => {
                let file = self
                    .grant
                    .as_deref()
                    .context("a call needs the grant of its holder; use --grant FILE")?;
                let grant = grant(&identities::read(file)?, root, now)
                    .with_context(|| format!("the grant in {} is refused", file.display()))?;
                return Ok(call(token, &grant));
            }
            _ => {}
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

/// Verifies a grant of any site at the time `now`.
fn grant(token: &str, root: PublicKey, now: u64) -> Result<Grant, Refusal> {
    let site = unverified_site(token).ok_or_else(other_audience)?;
    let grant = Grant::verify(token, &root.into(), &site, None)?;
    grant.check_dates(now, now)?;
    Ok(grant)
}

/// Verifies a call with the grant of its holder. Only the device can check the challenge.
fn call(token: &str, grant: &Grant) -> Result<(), Refusal> {
    let (site, device) = unverified_device(token).ok_or_else(other_audience)?;
    if site != grant.site {
        return Err(Refusal::BadClaim("aud", format!("the grant is for the site {}", grant.site)));
    }
    let call = CallClaims::verify(token, &grant.holder, &site, &device)?;
    if grant.scope.allows_line(&device, &call.line, &call.action) {
        return Ok(());
    }
    let scope = format!("line:{device}/{}:{}", call.line, call.action);
    Err(Refusal::BadClaim("action", format!("the grant does not contain the scope {scope}")))
}

fn other_audience() -> Refusal {
    Refusal::BadClaim("aud", "the value must be the audience of a site, or of a device for a call".into())
}
