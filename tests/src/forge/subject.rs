//! The target of an attack: a valid token of one role, and the key that signs such tokens.

use serde_json::Value;

use super::{Object, Signer, encode, read};

/// The role of a token. It decides how the token is presented, and which code verifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An access token of the edge, sent as a bearer token.
    Access,
    /// The token of a guest link, sent in the guest cookie.
    Guest,
    /// A token of an external issuer, sent as a bearer token.
    Issuer,
    /// A device's credential.
    Cert,
    /// A device's proof, sent together with a valid credential.
    Proof,
    /// A command, sent to its device.
    Command,
    /// The edge's time, sent to a device.
    Welcome,
    /// The edge's keys, sent to a device.
    KeySet,
}

/// A valid token in parsed form, and the key that signed it.
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

    /// Adds valid tokens of all roles. Some attacks use a token of another role.
    #[must_use]
    pub fn beside(mut self, others: &[String]) -> Self {
        self.others = others.to_vec();
        self
    }

    /// Whether Pinlatch issues this kind of token.
    pub fn is_own(&self) -> bool {
        self.role != Role::Issuer
    }

    /// Whether the verifier compares the token's times with a clock. For commands, a device checks the deadline
    /// instead. For welcomes and key sets, it checks the content instead.
    pub fn has_clock(&self) -> bool {
        !matches!(self.role, Role::Command | Role::Welcome | Role::KeySet)
    }

    /// The accepted clock difference after `exp`, in seconds.
    pub fn leeway(&self) -> u64 {
        if self.is_own() { 0 } else { 60 }
    }

    /// The text of a claim.
    pub fn text(&self, claim: &str) -> &str {
        self.claims[claim].as_str().expect("a text")
    }

    /// The valid token, signed by the code that also signs the attacks' tokens.
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
