//! Creates certificates for a simulated edge in the same process.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A root certificate, and a server certificate that is signed by this root certificate.
pub struct Pki {
    pub root_pem: String,
    pub root: CertificateDer<'static>,
    pub leaf: CertificateDer<'static>,
    key: KeyPair,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    /// Creates a root certificate and a server certificate for 127.0.0.1 that are valid from 2020 until 2090.
    pub fn new() -> Self {
        Self::until(2090, 2090, "127.0.0.1")
    }

    /// Creates a root certificate and a server certificate for the host `name`. The certificates are valid from 2020
    /// until the start of `root_year` and `leaf_year`.
    pub fn until(root_year: i32, leaf_year: i32, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(root_year, 1, 1));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = Self::sign(&issuer, &key, leaf_year, name);
        Self { root_pem: issuer.pem(), root: issuer.der().clone(), leaf, key, issuer }
    }

    /// Replaces the server certificate with a new server certificate from the same root.
    pub fn renewed(self, leaf_year: i32, name: &str) -> Self {
        let leaf = Self::sign(&self.issuer, &self.key, leaf_year, name);
        Self { leaf, ..self }
    }

    fn sign(
        issuer: &CertifiedIssuer<'static, KeyPair>,
        key: &KeyPair,
        year: i32,
        name: &str,
    ) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(year, 1, 1));
        params.signed_by(key, issuer).unwrap().der().clone()
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf.clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
