//! The target of an attack, which consists of a valid token of one role and the key that signs tokens of this role.

use serde_json::Value;

use super::parts::{Object, encode, read};
use super::signer::Signer;

/// The role of a token. The role decides how the token is sent, and which code verifies the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An access token of the edge, which is sent as a bearer token.
    Access,
    /// The token of a guest link, which is sent in the guest cookie.
    Guest,
    /// A token of an external issuer, which is sent as a bearer token.
    Issuer,
    /// The certificate of a device, which the edge has signed.
    Cert,
    /// A device's proof that it has its private key, which is sent together with a valid certificate.
    Proof,
    /// A command that the edge sends to a device.
    Command,
    /// A welcome token with the edge's current time, which the edge sends to a device.
    Welcome,
    /// A set of the edge's public keys, which the edge sends to a device.
    KeySet,
    /// The owner's statement that a key belongs to a device, which anyone can verify with the owner's root key.
    Identity,
    /// A device's statement of the level of a line, which anyone can verify with the device's identity.
    Reading,
    /// A device's statement of what it did with a command, which anyone can verify with the device's identity.
    Receipt,
    /// The owner's permission for the holder of a key, which a device verifies with the owner's root key.
    Grant,
    /// A holder's call, which a device verifies with the key in the holder's grant.
    Call,
    /// The owner's list of revocations, which a device verifies with the owner's root key.
    Revoked,
}

/// A valid token in parsed form, together with the key that signed the token.
#[derive(Clone)]
pub struct Subject {
    pub role: Role,
    pub signer: Signer,
    pub header: Object,
    pub claims: Object,
    /// The current time, in seconds since the Unix epoch.
    pub now: u64,
    /// The maximum token lifetime that the verifier accepts, in seconds.
    pub max_life: u64,
    /// Whether the verifier selects the key by `kid`. A verifier with a single configured key accepts any `kid`.
    pub by_kid: bool,
    /// Valid tokens of all roles, which some attacks use.
    pub others: Vec<String>,
}

/// A forged token that the verifier must refuse, together with the expected refusal code.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub token: String,
    /// The expected refusal code, which is a code of `pinlatch_token::Refusal`.
    pub code: &'static str,
}

/// Returns attempts that all have the same expected refusal code.
pub fn refused(code: &'static str, tokens: impl IntoIterator<Item = String>) -> Vec<Attempt> {
    tokens.into_iter().map(|token| Attempt { token, code }).collect()
}

impl Subject {
    /// Parses a valid token.
    pub fn of(role: Role, signer: &Signer, token: &str, now: u64) -> Self {
        let (header, claims) = read(token);
        let max_life = match role {
            Role::Access
            | Role::Guest
            | Role::KeySet
            | Role::Identity
            | Role::Reading
            | Role::Receipt
            | Role::Revoked => 10 * 366 * 86_400,
            Role::Issuer => 3_600,
            Role::Cert | Role::Grant => 366 * 86_400,
            Role::Proof | Role::Welcome | Role::Call => 60,
            Role::Command => 62,
        };
        let by_kid = role != Role::Issuer || header.contains_key("kid");
        Self { role, signer: signer.clone(), header, claims, now, max_life, by_kid, others: vec![] }
    }

    /// Adds valid tokens of all roles, because some attacks send a valid token of another role.
    #[must_use]
    pub fn beside(mut self, others: &[String]) -> Self {
        self.others = others.to_vec();
        self
    }

    /// Returns whether Pinlatch itself issues tokens of this role.
    pub fn is_own(&self) -> bool {
        self.role != Role::Issuer
    }

    /// Returns whether the verifier compares the token's times with a clock. For a command token, the device checks the
    /// deadline claim instead. For welcome tokens and key set tokens, the device checks other claims instead. A reading or receipt is
    /// about the past and contains the source of its time. A device compares the dates of a grant by its own rules, a call
    /// ends with its challenge, and a list of revocations does not end.
    pub fn has_clock(&self) -> bool {
        let of_commands = matches!(self.role, Role::Command | Role::Welcome | Role::KeySet);
        let of_devices = matches!(self.role, Role::Reading | Role::Receipt);
        let of_holders = matches!(self.role, Role::Grant | Role::Call | Role::Revoked);
        !of_commands && !of_devices && !of_holders
    }

    /// Returns how many seconds after `exp` the verifier still accepts the token.
    pub fn leeway(&self) -> u64 {
        if self.is_own() { 0 } else { 60 }
    }

    /// Returns the value of a claim that is a string.
    pub fn text(&self, claim: &str) -> &str {
        self.claims[claim].as_str().expect("a text")
    }

    /// Returns the valid token. The token is signed by the same code that signs the forged tokens of the attacks.
    pub fn honest(&self) -> String {
        self.with_header(&Object::new())
    }

    /// Returns the valid token with several header members added or replaced.
    pub fn with_header(&self, changes: &Object) -> String {
        self.signed(text(&changed(&self.header, changes)), text(&self.claims))
    }

    /// Returns the valid token with one header member added or replaced.
    pub fn header(&self, name: &str, value: impl Into<Value>) -> String {
        self.with_header(&Object::from_iter([(name.to_owned(), value.into())]))
    }

    /// Returns the valid token without one header member.
    pub fn without_header(&self, name: &str) -> String {
        let mut header = self.header.clone();
        header.remove(name);
        self.signed(text(&header), text(&self.claims))
    }

    /// Returns the valid token with several claims added or replaced.
    pub fn with_claims(&self, changes: &Object) -> String {
        self.signed(text(&self.header), text(&changed(&self.claims, changes)))
    }

    /// Returns the valid token with one claim added or replaced.
    pub fn claim(&self, name: &str, value: impl Into<Value>) -> String {
        self.with_claims(&Object::from_iter([(name.to_owned(), value.into())]))
    }

    /// Returns the valid token without one claim.
    pub fn without_claim(&self, name: &str) -> String {
        let mut claims = self.claims.clone();
        claims.remove(name);
        self.signed(text(&self.header), text(&claims))
    }

    /// Signs any header and claims with the correct key.
    pub fn signed(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.signed_by(&self.signer, header, claims)
    }

    /// Signs any header and claims with any key.
    pub fn signed_by(&self, signer: &Signer, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = signer.sign(&signed);
        with_signature(&signed, &signature)
    }

    /// Returns the signing input of the valid token, which is the encoded header and payload.
    pub fn signing_input(&self) -> String {
        format!("{}.{}", encode(text(&self.header)), encode(text(&self.claims)))
    }

    /// Returns the valid token with its signature replaced.
    pub fn under(&self, signature: &[u8]) -> String {
        with_signature(&self.signing_input(), signature)
    }
}

pub fn text(object: &Object) -> String {
    Value::Object(object.clone()).to_string()
}

/// Appends an encoded signature to a signing input.
pub fn with_signature(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", encode(signature))
}

fn changed(object: &Object, changes: &Object) -> Object {
    let mut object = object.clone();
    object.extend(changes.clone());
    object
}
