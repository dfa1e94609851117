//! Creates a private certificate authority for test deployments that use TLS.

use std::path::PathBuf;

use base64ct::{Base64, Encoding};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The certificate of a private authority, and one server certificate that the authority issued. Both certificates are
/// valid only from 2026 on, so a device whose clock says 1970 regards both certificates as not yet valid.
pub struct Certificates {
    folder: TempDir,
    authority: Vec<u8>,
    fingerprint: String,
}

impl Certificates {
    /// Issues a server certificate for host names or IP addresses.
    pub fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut authority = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.not_before = rcgen::date_time_ymd(2026, 1, 1);
        authority.not_after = rcgen::date_time_ymd(2096, 1, 1);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"))
            .expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut leaf = CertificateParams::new(names).expect("parameters");
        leaf.not_before = rcgen::date_time_ymd(2026, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2096, 1, 1);
        let leaf = leaf.signed_by(&key, &authority).expect("a certificate");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        write("ca.pem", authority.pem());
        write("cert.pem", leaf.pem());
        write("key.pem", key.serialize_pem());
        Self {
            folder,
            authority: authority.der().to_vec(),
            fingerprint: Base64::encode_string(&Sha256::digest(key.subject_public_key_info())),
        }
    }

    /// Returns the path of the authority's certificate in PEM format.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns the path of the server certificate in PEM format.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// Returns the path of the server certificate's private key in PEM format.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Returns the authority's certificate in DER format.
    pub fn authority(&self) -> &[u8] {
        &self.authority
    }

    /// Returns the SHA-256 hash of the server's public key in Base64. Chromium's flag for trusted keys uses this
    /// format.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}
