//! This module implements the cryptography of sealed tokens: A256GCM, A256KW and the Concat KDF.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use aes_kw::KwAes256;
use p256::ecdh::diffie_hellman;
use p256::{PublicKey, SecretKey};

use super::keys::KeyAlgorithm;

/// The only content encryption algorithm that Pinlatch supports.
pub(super) const ENCRYPTION: &str = "A256GCM";

/// The length of the nonce for A256GCM, in bytes.
pub(super) const NONCE: usize = 12;

/// The length of the authentication tag of A256GCM, in bytes.
pub(super) const TAG: usize = 16;

/// A 256-bit key that encrypts either the content of a token or another key.
pub(super) type Key = [u8; 32];

/// The length of a content key that A256KW has encrypted, in bytes.
pub(super) const WRAPPED: usize = size_of::<Key>() + 8;

/// Encrypts the content with A256GCM. The last bytes of the result are the authentication tag.
pub(super) fn encrypt(key: &Key, nonce: &[u8; NONCE], header: &str, content: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: content, aad: header.as_bytes() };
    Aes256Gcm::new(key.into()).encrypt(&Nonce::from(*nonce), payload).ok()
}

pub(super) fn decrypt(key: &Key, nonce: &[u8; NONCE], header: &str, content: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: content, aad: header.as_bytes() };
    Aes256Gcm::new(key.into()).decrypt(&Nonce::from(*nonce), payload).ok()
}

/// Encrypts a content key with another key (A256KW, RFC 3394).
pub(super) fn wrap(wrapping: &Key, key: &Key) -> Option<Vec<u8>> {
    let mut wrapped = [0; WRAPPED];
    KwAes256::new(wrapping.into()).wrap_key(key, &mut wrapped).ok().map(<[u8]>::to_vec)
}

pub(super) fn unwrap(wrapping: &Key, wrapped: &[u8]) -> Option<Key> {
    let mut key = Key::default();
    let unwrapped = KwAes256::new(wrapping.into()).unwrap_key(wrapped, &mut key).ok()?;
    unwrapped.try_into().ok()
}

/// Derives the key that encrypts the content key. The function uses a key agreement (RFC 7518 §4.6).
pub(super) fn agree(own: &SecretKey, other: &PublicKey, apu: &[u8], apv: &[u8]) -> Key {
    let shared = diffie_hellman(own.to_nonzero_scalar(), other.as_affine());
    let algorithm = KeyAlgorithm::EcdhEsA256Kw.name();
    concat_kdf(shared.raw_secret_bytes(), algorithm, apu, apv, 256)
}

/// Derives a key with the Concat KDF (RFC 7518 §4.6.2). A key of up to 256 bits needs only one round of SHA-256. The
/// derived key is the first `bits` bits of the hash.
fn concat_kdf(shared: &[u8], algorithm: &str, apu: &[u8], apv: &[u8], bits: u32) -> Key {
    let mut hash = hmac_sha256::Hash::new();
    hash.update(1_u32.to_be_bytes());
    hash.update(shared);
    for party in [algorithm.as_bytes(), apu, apv] {
        hash.update(u32::try_from(party.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(party);
    }
    hash.update(bits.to_be_bytes());
    hash.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::b64;

    /// Tests the example of RFC 7518, appendix C. In the example, Alice's ephemeral key and Bob's static key agree on a
    /// key for A128GCM.
    #[test]
    fn the_rfcs_example_comes_out() {
        let secret = |d: &str| SecretKey::from_slice(&b64::decode(d).unwrap()).unwrap();
        let alice = secret("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
        let bob = secret("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
        let shared = diffie_hellman(bob.to_nonzero_scalar(), alice.public_key().as_affine());
        let z = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163,
            218, 128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        assert_eq!(shared.raw_secret_bytes()[..], z);
        let key = concat_kdf(&z, "A128GCM", b"Alice", b"Bob", 128);
        assert_eq!(b64::encode(&key[..16]), "VqqN6vgjbSBcIijNcacQGg");
    }

    /// Tests the example of RFC 3394 §4.6, in which a 256-bit key is wrapped with another 256-bit key.
    #[test]
    fn a_wrapped_key_is_as_in_the_rfc() {
        let bytes = |hex: &str| -> Vec<u8> {
            let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(pair).collect()
        };
        let wrapping = bytes("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
        let key = bytes("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
        let wrapped = "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21";
        let (wrapping, key): (Key, Key) = (wrapping.try_into().unwrap(), key.try_into().unwrap());
        assert_eq!(wrap(&wrapping, &key).unwrap(), bytes(wrapped));
        assert_eq!(unwrap(&wrapping, &bytes(wrapped)), Some(key));
        for wrong in [&bytes(wrapped)[..32], &[0; 40], &[0; 48], &[0; 39], &[0; 8], &[]] {
            assert_eq!(unwrap(&wrapping, wrong), None);
        }
    }
}
