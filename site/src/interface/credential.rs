//! Defines the certificates of devices, as far as the site knows them.

/// The certificate of a device. The Worker has verified the signature of the certificate.
#[derive(Debug, Clone, Copy)]
pub struct Credential<'a> {
    /// The id (`jti`) of the certificate.
    pub jti: &'a str,
    /// When the certificate expires, in seconds of Unix time.
    pub expires_at: u64,
    /// The thumbprint of the public key in the certificate.
    pub thumbprint: &'a str,
    /// The public key in the certificate as a JWK, in JSON. A device that enrolled at an earlier release has no stored
    /// key, so the site stores this key.
    pub jwk: Option<&'a str>,
}

/// The new certificate that a device receives in a renewal.
#[derive(Debug, Clone, Copy)]
pub struct Renewed<'a> {
    /// The id (`jti`) of the new certificate.
    pub jti: &'a str,
    /// When the new certificate expires, in seconds of Unix time.
    pub expires_at: u64,
}
