//! The target of an attack: a valid token of one role, and the key that signs such tokens.

use serde_json::Value;

use super::{Object, Signer, encode, read};

/// The way a token is presented, which decides which code verifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The edge's access token, as a bearer.
    Access,
    /// A guest link's token, in the guest cookie.
    Guest,
    /// An external issuer's token, as a bearer.
    Issuer,
    /// A device's credential.
    Cert,
    /// A device's proof, next to a valid credential.
    Proof,
    /// A command, to its device.
    Command,
    /// The edge's time, to a device.
    Welcome,
    /// The edge's keys, to a device.
    KeySet,
}

/// A valid token, parsed, and its key.
#[derive(Clone)]
pub struct Subject {
    pub role: Role,
    pub signer: Signer,
    pub header: Object,
    pub claims: Object,
    /// The current time, in seconds since the Unix epoch.
    pub now: u64,
    /// The longest accepted lifetime, in seconds.
    pub max_life: u64,
    /// Whether `kid` selects the key. A single configured key accepts any `kid`.
    pub by_kid: bool,
    /// Valid tokens of all roles.
    pub others: Vec<String>,
}

/// A token that must be refused, and the expected refusal code.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub token: String,
    /// The code of `pinlatch_token::Refusal`.
    pub code: &'static str,
}

/// Attempts with the same refusal code.
pub fn refused(code: &'static str, tokens: impl IntoIterator<Item = String>) -> Vec<Attempt> {
    tokens.into_iter().map(|token| Attempt { token, code }).collect()
}

impl Subject {
    /// Parses a valid token.
    pub fn of(role: Role, signer: &Signer, token: &str, now: u64) -> Self {
        let (header, claims) = read(token);
        let max_life = match role {
            Role::Access | Role::Guest | Role::KeySet => 10 * 366 * 86_400,
            Role::Issuer => 3_600,
            Role::Cert => 366 * 86_400,
            Role::Proof | Role::Welcome => 60,
            Role::Command => 62,
        };
        let by_kid = role != Role::Issuer || header.contains_key("kid");
        Self { role, signer: signer.clone(), header, claims, now, max_life, by_kid, others: vec![] }
    }

    /// Adds valid tokens of all roles, for attacks that exchange tokens.
    #[must_use]
    pub fn beside(mut self, others: &[String]) -> Self {
        self.others = others.to_vec();
        self
    }

    /// Whether Pinlatch issues this kind of token.
    pub fn is_own(&self) -> bool {
        self.role != Role::Issuer
    }

    /// Whether the token's times are compared with a clock. A device checks a command's deadline, and the content of
    /// welcomes and key sets, instead.
    pub fn has_clock(&self) -> bool {
        !matches!(self.role, Role::Command | Role::Welcome | Role::KeySet)
    }

    /// Accepted clock skew after `exp`, in seconds.
    pub fn leeway(&self) -> u64 {
        if self.is_own() { 0 } else { 60 }
    }

    /// A claim that contains text.
    pub fn text(&self, claim: &str) -> &str {
        self.claims[claim].as_str().expect("a text")
    }

    /// The valid token, signed by the same code as the attacks.
    pub fn honest(&self) -> String {
        self.with_header(&Object::new())
    }

    /// The valid token with header members added or replaced.
    pub fn with_header(&self, changes: &Object) -> String {
        self.signed(text(&changed(&self.header, changes)), text(&self.claims))
    }

    /// The valid token with one header member added or replaced.
    pub fn header(&self, name: &str, value: impl Into<Value>) -> String {
        self.with_header(&Object::from_iter([(name.to_owned(), value.into())]))
    }

    /// The valid token without one header member.
    pub fn without_header(&self, name: &str) -> String {
        let mut header = self.header.clone();
        header.remove(name);
        self.signed(text(&header), text(&self.claims))
    }

    /// The valid token with claims added or replaced.
    pub fn with_claims(&self, changes: &Object) -> String {
        self.signed(text(&self.header), text(&changed(&self.claims, changes)))
    }

    /// The valid token with one claim added or replaced.
    pub fn claim(&self, name: &str, value: impl Into<Value>) -> String {
        self.with_claims(&Object::from_iter([(name.to_owned(), value.into())]))
    }

    /// The valid token without one claim.
    pub fn without_claim(&self, name: &str) -> String {
        let mut claims = self.claims.clone();
        claims.remove(name);
        self.signed(text(&self.header), text(&claims))
    }

    /// Any header and claims, signed with the correct key.
    pub fn signed(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.signed_by(&self.signer, header, claims)
    }

    /// Any header and claims, signed with any key.
    pub fn signed_by(&self, signer: &Signer, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = signer.sign(&signed);
        with_signature(&signed, &signature)
    }

    /// The signing input of the valid token.
    pub fn signing_input(&self) -> String {
        format!("{}.{}", encode(text(&self.header)), encode(text(&self.claims)))
    }

    /// The valid token with another signature.
    pub fn under(&self, signature: &[u8]) -> String {
        with_signature(&self.signing_input(), signature)
    }
}

pub fn text(object: &Object) -> String {
    Value::Object(object.clone()).to_string()
}

/// Appends a signature to a signing input.
pub fn with_signature(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", encode(signature))
}

fn changed(object: &Object, changes: &Object) -> Object {
    let mut object = object.clone();
    object.extend(changes.clone());
    object
}
