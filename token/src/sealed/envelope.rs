//! This module parses a sealed token, and checks the form and the header of the token. Parsing a sealed token needs no
//! cryptography.

use p256::PublicKey;
use serde_json::Value;

use super::cipher::{ENCRYPTION, NONCE, TAG};
use super::keys::{KeyAlgorithm, point};
use crate::jwt::b64;
use crate::jwt::kind::is_type;
use crate::jwt::refusal::{Refusal, excerpt};
use crate::jwt::strict::{MAX_TOKEN, Object, object};
use crate::keys::key_error::RSA_BITS;

/// The members that an ephemeral key (`epk`) can have. The sender creates the ephemeral key for one token and sends
/// only the public half (RFC 7518 §4.6.1.1). The members `key_ops` and `ext` are allowed because WebCrypto adds these
/// members when it exports a key.
const EPK_MEMBERS: [&str; 8] = ["kty", "crv", "x", "y", "use", "alg", "key_ops", "ext"];

/// The maximum length of the encoded header. A header with an ephemeral key has about 300 bytes.
const MAX_HEADER: usize = 2 * 1024;

/// The maximum length of an encrypted content key in bytes, which is the length of the longest RSA modulus.
const MAX_WRAPPED_KEY: usize = *RSA_BITS.end() / 8;

// Texts without placeholders contain these numbers.
const _: () = assert!(MAX_HEADER == 2 * 1024 && MAX_WRAPPED_KEY == 512);

/// A sealed token whose form is valid. Anyone can write the header of a sealed token, so the header proves nothing
/// about the sender.
pub(super) struct Envelope<'t> {
    pub algorithm: KeyAlgorithm,
    pub kid: Option<String>,
    /// The inputs of the key agreement. `None` if the algorithm uses no key agreement.
    pub agreement: Option<Agreement>,
    /// The header as encoded in the token. The tag authenticates the header and the content.
    pub header: &'t str,
    pub wrapped_key: Vec<u8>,
    pub nonce: [u8; NONCE],
    /// The encrypted content followed by the authentication tag.
    pub content: Vec<u8>,
}

/// The inputs of a key agreement (RFC 7518 §4.6.1).
pub(super) struct Agreement {
    pub epk: PublicKey,
    pub apu: Vec<u8>,
    pub apv: Vec<u8>,
}

impl<'t> Envelope<'t> {
    pub fn parse(token: &'t str) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN {
            return Err(Refusal::Malformed("the token is longer than 8 KiB"));
        }
        let parts: Vec<&str> = token.split('.').take(6).collect();
        let [header, wrapped_key, nonce, content, tag] = parts[..] else {
            return Err(Refusal::Malformed("the token does not have five parts"));
        };
        if header.len() > MAX_HEADER {
            return Err(Refusal::Malformed("the token's header is longer than 2 KiB"));
        }
        let members = object(header, "the header")?;
        check_header(&members)?;
        let algorithm = algorithm(&members)?;
        let kid = text(&members, "kid")?.map(str::to_owned);
        let agreement = algorithm.agrees().then(|| agreement(&members)).transpose()?;

        if wrapped_key.len() > encoded_length(MAX_WRAPPED_KEY) {
            return Err(Refusal::Malformed("the token's encrypted key is longer than 512 bytes"));
        }
        if nonce.len() != encoded_length(NONCE) {
            return Err(Refusal::Malformed("the token's initialization vector does not have 96 bits"));
        }
        if tag.len() != encoded_length(TAG) {
            return Err(Refusal::Malformed("the token's authentication tag does not have 128 bits"));
        }
        let decode = |part| b64::decode(part).ok_or(Refusal::Malformed("a token part is not base64url"));
        let (wrapped_key, nonce, tag) = (decode(wrapped_key)?, decode(nonce)?, decode(tag)?);
        let mut content = decode(content)?;
        let nonce = nonce
            .try_into()
            .map_err(|_| Refusal::Malformed("the token's initialization vector does not have 96 bits"))?;
        content.extend(tag);
        Ok(Self { algorithm, kid, agreement, header, wrapped_key, nonce, content })
    }
}

/// Returns the length of bytes in base64url without padding.
const fn encoded_length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

fn check_header(header: &Object) -> Result<(), Refusal> {
    for name in ["alg", "enc", "kid", "typ", "cty"] {
        text(header, name)?;
    }
    // The members `p2s`, `p2c` and `zip` would allow a sender to overload the edge. With PBES2 (`p2s`, `p2c`), the
    // sender chooses the number of hash rounds. With `zip`, a small token can expand to a very large text.
    for extension in ["crit", "b64", "zip", "p2s", "p2c"] {
        if header.contains_key(extension) {
            return Err(Refusal::Extension(extension));
        }
    }
    for name in ["jwk", "jku", "x5u", "x5c"] {
        if header.contains_key(name) {
            return Err(Refusal::EmbeddedKey(name));
        }
    }
    Ok(())
}

/// Checks the header members `alg`, `enc` and `cty`. Returns the algorithm in `alg`.
fn algorithm(header: &Object) -> Result<KeyAlgorithm, Refusal> {
    let unknown = |member, found, expected: String| Refusal::WrongEncryption { member, found, expected };
    let alg = text(header, "alg")?.unwrap_or_default();
    let names = || KeyAlgorithm::ALL.map(KeyAlgorithm::name).join(" or ");
    let algorithm = KeyAlgorithm::by_name(alg).ok_or_else(|| unknown("alg", excerpt(alg), names()))?;
    let enc = text(header, "enc")?.unwrap_or_default();
    if enc != ENCRYPTION {
        return Err(unknown("enc", excerpt(enc), ENCRYPTION.into()));
    }
    let cty = text(header, "cty")?.unwrap_or_default();
    if !is_type(cty, "JWT") {
        return Err(Refusal::WrongContentType(excerpt(cty)));
    }
    if !algorithm.agrees() && header.contains_key("epk") {
        return Err(Refusal::EmbeddedKey("epk"));
    }
    Ok(algorithm)
}

fn agreement(header: &Object) -> Result<Agreement, Refusal> {
    let epk = match header.get("epk") {
        Some(Value::Object(epk)) => epk,
        Some(_) => return Err(Refusal::BadEphemeralKey("`epk` is not a JSON object")),
        None => return Err(Refusal::BadEphemeralKey("`epk` is missing")),
    };
    if epk.keys().any(|name| !EPK_MEMBERS.contains(&name.as_str())) {
        return Err(Refusal::BadEphemeralKey("`epk` has members that a public key must not have"));
    }
    let party = |name: &'static str| match text(header, name)? {
        None => Ok(Vec::new()),
        Some(text) => {
            b64::decode(text).ok_or(Refusal::Malformed("the header member `apu` or `apv` is not base64url"))
        }
    };
    Ok(Agreement {
        epk: point(epk).map_err(Refusal::BadEphemeralKey)?,
        apu: party("apu")?,
        apv: party("apv")?,
    })
}

fn text<'h>(header: &'h Object, name: &'static str) -> Result<Option<&'h str>, Refusal> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::Json("the header", format!("the member `{name}` is not a string"))),
    }
}
