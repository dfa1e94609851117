//! TLS to the edge, for a device that may believe it is 1970.
//!
//! A certificate is "not valid yet" to a clock that is behind, and a Pi has no clock of its own. So a
//! chain that would be refused for that reason alone is checked as of the leaf's `notBefore`, and
//! whoever uses the connection must then learn edge time from a signed welcome and close unless it
//! lies within the leaf's [`Validity`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
};
use x509_cert::der::Decode;

use crate::clock::WallClock;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The `ca_file` is not readable PEM.
    #[error("{}: {reason}", .file.display())]
    CaFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The library would not have it.
    #[error(transparent)]
    Setup(#[from] rustls::Error),
    /// There is no root that could be trusted.
    #[error(transparent)]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// From when until when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before: Duration,
    not_after: Duration,
}

impl Validity {
    /// Reads it from a certificate; `None` where that cannot be parsed, which then gets no leniency.
    pub fn of(leaf: &CertificateDer<'_>) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(leaf).ok()?;
        let validity = certificate.tbs_certificate.validity;
        Some(Self {
            not_before: validity.not_before.to_unix_duration(),
            not_after: validity.not_after.to_unix_duration(),
        })
    }

    /// Whether a moment, in milliseconds of Unix time, lies within.
    pub fn admits(&self, unix_ms: u64) -> bool {
        // The fields are whole seconds, and the last second counts.
        let seconds = unix_ms / 1_000;
        (self.not_before.as_secs()..=self.not_after.as_secs()).contains(&seconds)
    }
}

/// What every connection to the edge is made with.
pub fn connector(ca_file: Option<&Path>, clock: WallClock) -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = ca_file {
        add_roots(&mut roots, file).map_err(|reason| TlsError::CaFile { file: file.into(), reason })?;
    }
    let provider = Arc::new(ring::default_provider());
    let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let config = client_config(provider, clock)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ClocklessVerifier { strict }))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn client_config(
    provider: Arc<CryptoProvider>,
    clock: WallClock,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_details(provider, Arc::new(clock)).with_safe_default_protocol_versions()
}

fn add_roots(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let text = std::fs::read(file).map_err(|error: io::Error| error.to_string())?;
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| format!("not a PEM certificate: {error}"))?;
        roots.add(certificate).map_err(|error| format!("not usable as a trust root: {error}"))?;
        found = true;
    }
    if found { Ok(()) } else { Err("it holds no certificate".into()) }
}

/// The usual verifier, except for what the module's head says. All but the date is checked as ever.
#[derive(Debug)]
struct ClocklessVerifier {
    strict: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for ClocklessVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let now = match Validity::of(leaf) {
            Some(validity) if now.as_secs() < validity.not_before.as_secs() => {
                UnixTime::since_unix_epoch(validity.not_before)
            }
            _ => now,
        };
        self.strict.verify_server_cert(leaf, intermediates, server, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.strict.root_hint_subjects()
    }
}
