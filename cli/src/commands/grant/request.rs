//! Makes and parses the text with which a holder asks the owner for a grant.
//!
//! The text is one line, `pinlatch-holder:KEYTYPE:DATA`. KEYTYPE is `ed25519` or `p256`. DATA is a JSON object in
//! base64url without padding: `{"jwk":{"crv":…,"kty":…,"x":…},"name":…}`, with the members in alphabetical order and
//! without spaces. A P-256 key also has `y`, and `name` can be absent. There is exactly one text for a key and a name, so
//! every other spelling is refused.

use anyhow::Result;
use base64ct::{Base64UrlUnpadded, Encoding};
use clap::Args;
use pinlatch_protocol::text::is_unseen;
use pinlatch_token::HolderPublicKey;
use pinlatch_token::grant::MAX_GRANT_NAME;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::commands::holder::store::{key_file, read_key};
use crate::explained::refused;
use crate::terminal::output::{note, print_token};

const PREFIX: &str = "pinlatch-holder";

/// The maximum length of a request, in bytes.
pub const MAX_REQUEST: usize = 1_024;

/// The type of a holder's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    Ed25519,
    P256,
}

impl KeyType {
    pub fn of(key: &HolderPublicKey) -> Self {
        let is_p256 = key.to_jwk().get("crv").and_then(Value::as_str) == Some("P-256");
        if is_p256 { Self::P256 } else { Self::Ed25519 }
    }

    /// Returns the word in a request and in JSON documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::P256 => "p256",
        }
    }

    /// Returns the name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::P256 => "P-256",
        }
    }
}

/// A holder's request for a grant.
#[derive(Debug, PartialEq, Eq)]
pub struct HolderRequest {
    pub key: HolderPublicKey,
    pub name: Option<String>,
}

/// The JSON object in a request. The fields are in alphabetical order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    jwk: Jwk,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Jwk {
    crv: String,
    kty: String,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

impl HolderRequest {
    pub fn new(key: HolderPublicKey, name: Option<String>) -> Result<Self> {
        if let Some(name) = &name {
            require_name(name)?;
        }
        Ok(Self { key, name })
    }

    pub fn to_text(&self) -> Result<String> {
        let data = Data { jwk: Jwk::deserialize(self.key.to_jwk())?, name: self.name.clone() };
        let data = Base64UrlUnpadded::encode_string(&serde_json::to_vec(&data)?);
        Ok(format!("{PREFIX}:{}:{data}", KeyType::of(&self.key).as_str()))
    }

    /// Parses a request. Spaces and line ends around the request are ignored. No error contains a part of the text,
    /// because the text can be a secret that was pasted by mistake.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.len() > MAX_REQUEST {
            return Err(invalid("the text is too long"));
        }
        let Some(rest) = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(':')) else {
            return Err(invalid("the text does not start with `pinlatch-holder:`"));
        };
        let data = rest.split_once(':').map(|(_, data)| data).unwrap_or_default();
        let bytes = Base64UrlUnpadded::decode_vec(data)
            .map_err(|_| invalid("a part of the line is missing or was changed"))?;
        let data: Data = serde_json::from_slice(&bytes).map_err(|_| {
            invalid("a part of the line is missing, or the line contains more than a public key and a name")
        })?;
        let key = HolderPublicKey::from_jwk(&json!(data.jwk))
            .map_err(|_| invalid("the public key in the line is invalid"))?;
        let request = Self::new(key, data.name)?;
        if request.to_text()? != text {
            return Err(invalid("the line is not in the form that `pinlatch grant request` prints"));
        }
        Ok(request)
    }
}

/// Returns an error if a grant cannot have this name.
pub fn require_name(name: &str) -> Result<()> {
    if (1..=MAX_GRANT_NAME).contains(&name.chars().count()) && !name.chars().any(is_unseen) {
        return Ok(());
    }
    Err(refused("bad_name", "the name of a holder must have 1 to 64 visible characters"))
}

fn invalid(reason: &str) -> anyhow::Error {
    refused(
        "bad_request",
        format!(
            "the request is invalid: {reason}. Copy the whole line that `pinlatch grant request` printed"
        ),
    )
}

#[derive(Args)]
pub struct Request {
    /// A name by which the owner recognises this holder, such as "Ann's laptop". The owner can choose another name.
    #[arg(long)]
    name: Option<String>,
}

/// Prints a request with the key of this machine. Stdout contains only the request, which contains no secret.
pub fn run(args: &Request, is_json: bool) -> Result<()> {
    let key = read_key(&key_file()?)?;
    let request = HolderRequest::new(key.public().clone(), args.name.clone())?;
    let (text, thumbprint) = (request.to_text()?, request.key.thumbprint());
    if !is_json {
        note(&format!(
            "Send the following line to the owner. Also give the owner this thumbprint in another way, for example on the \
             phone or face to face, so that a changed line is noticed:\n  {thumbprint}"
        ));
    }
    let document = json!({
        "request": text,
        "thumbprint": thumbprint,
        "key_type": KeyType::of(&request.key).as_str(),
        "name": request.name,
    });
    print_token(is_json, &document, &text)
}

#[cfg(test)]
mod tests {
    use pinlatch_token::HolderKey;

    use super::*;

    fn keys() -> [HolderKey; 2] {
        [HolderKey::generate().unwrap(), HolderKey::generate_p256().unwrap()]
    }

    fn encoded(kind: &str, data: &str) -> String {
        format!("{PREFIX}:{kind}:{}", Base64UrlUnpadded::encode_string(data.as_bytes()))
    }

    #[test]
    fn a_request_survives_its_text() {
        for key in keys() {
            for name in [None, Some("Ann's phone: \"blue\" \\ 鍵"), Some(&*"ü".repeat(64))] {
                let request = HolderRequest::new(key.public().clone(), name.map(Into::into)).unwrap();
                let text = request.to_text().unwrap();
                assert!(text.len() < MAX_REQUEST && !text.contains(char::is_whitespace), "{text}");
                assert_eq!(HolderRequest::parse(&format!(" {text}\r\n")).unwrap(), request);
            }
        }
        for name in ["", "a\nb", "a\u{202e}b", &"x".repeat(65)] {
            assert!(HolderRequest::new(keys()[0].public().clone(), Some(name.into())).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_request_has_one_spelling() {
        let [ed, p256] = keys();
        let text =
            |key: &HolderKey| HolderRequest::new(key.public().clone(), None).unwrap().to_text().unwrap();
        let x = |key: &HolderKey| key.public().to_jwk()["x"].as_str().unwrap().to_owned();
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, x(&ed));
        assert_eq!(encoded("ed25519", &format!(r#"{{"jwk":{jwk}}}"#)), text(&ed));
        let (good, private) = (text(&ed), ed.to_private_jwk());
        for wrong in [
            String::new(),
            "hunter2".into(),
            private.expose().to_owned(),
            good[..good.len() - 1].into(),
            format!("{good}="),
            format!("{good}A"),
            format!("{good}:x"),
            good.replace(":ed25519:", ":p256:"),
            good.replace(":ed25519:", ":ED25519:"),
            good.replace(":ed25519:", ":"),
            good.replacen("pinlatch", "Pinlatch", 1),
            format!("{} {}", &good[..60], &good[60..]),
            encoded("ed25519", &format!(r#"{{"jwk": {jwk}}}"#)),
            encoded("ed25519", &format!(r#"{{"jwk":{jwk},"name":null}}"#)),
            encoded("ed25519", &format!(r#"{{"jwk":{jwk},"name":""}}"#)),
            encoded("ed25519", &format!(r#"{{"jwk":{jwk},"jwk":{jwk}}}"#)),
            encoded("ed25519", &format!(r#"{{"jwk":{jwk},"scope":"line:*/*:*"}}"#)),
            encoded("ed25519", &format!(r#"{{"name":"a","jwk":{jwk}}}"#)),
            encoded("ed25519", &format!(r#"{{"jwk":{}}}"#, private.expose())),
            encoded("p256", &format!(r#"{{"jwk":{{"crv":"P-256","kty":"EC","x":"{}"}}}}"#, x(&p256))),
            encoded(
                "ed25519",
                &format!(r#"{{"jwk":{{"crv":"Ed25519","kty":"OKP","x":"{}","y":"AA"}}}}"#, x(&ed)),
            ),
            "x".repeat(MAX_REQUEST + 1),
        ] {
            let error = HolderRequest::parse(&wrong).unwrap_err().to_string();
            assert!(error.contains("bad_request") || error.contains("bad_name"), "{wrong}: {error}");
            assert!(wrong.is_empty() || !error.contains(&wrong), "the text is repeated: {error}");
        }
    }
}
