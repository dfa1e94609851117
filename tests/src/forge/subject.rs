//! What is attacked: an honest token of one role, and the key that signs such tokens.

use serde_json::Value;

use super::{Object, Signer, encode, read};

/// What a token is shown as, which decides who checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An access token of ours, as a bearer.
    Access,
    /// A guest link's token, in the cookie of guests.
    Guest,
    /// An issuer's token, as a bearer.
    Issuer,
    /// A device's credential.
    Cert,
    /// A device's proof, beside an honest credential.
    Proof,
    /// A command, to its device.
    Command,
    /// Edge time, to a device.
    Welcome,
    /// Edge keys, to a device.
    KeySet,
}

/// An honest token, taken apart, and its key.
#[derive(Clone)]
pub struct Subject {
    /// What it is shown as.
    pub role: Role,
    /// Its key.
    pub signer: Signer,
    /// Its header.
    pub header: Object,
    /// Its claims.
    pub claims: Object,
    /// Now, in seconds of Unix time.
    pub now: u64,
    /// The longest life accepted, in seconds.
    pub max_life: u64,
    /// Whether the key is chosen by `kid`; a key given by itself answers whatever `kid` there is.
    pub by_kid: bool,
    /// Honest tokens of all roles, each good in its own place.
    pub others: Vec<String>,
}

/// A token that must be refused, and the code of the refusal.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The token.
    pub token: String,
    /// The code of `pinlatch_token::Refusal`.
    pub code: &'static str,
}

/// Tokens that are all refused for the same reason.
pub fn refused(code: &'static str, tokens: impl IntoIterator<Item = String>) -> Vec<Attempt> {
    tokens.into_iter().map(|token| Attempt { token, code }).collect()
}

impl Subject {
    /// Takes an honest token apart.
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

    /// The same subject, beside honest tokens of all roles.
    #[must_use]
    pub fn beside(mut self, others: &[String]) -> Self {
        self.others = others.to_vec();
        self
    }

    /// Whether it is one of our own kinds.
    pub fn is_own(&self) -> bool {
        self.role != Role::Issuer
    }

    /// Whether its times are compared with a clock. A device judges commands by their deadline, and welcomes
    /// and key sets by what is in them.
    pub fn has_clock(&self) -> bool {
        !matches!(self.role, Role::Command | Role::Welcome | Role::KeySet)
    }

    /// For how long after `exp` it is still accepted, in seconds.
    pub fn leeway(&self) -> u64 {
        if self.is_own() { 0 } else { 60 }
    }

    /// A claim that is a text.
    pub fn text(&self, claim: &str) -> &str {
        self.claims[claim].as_str().expect("a text")
    }

    /// The honest token, signed as every attack is.
    pub fn honest(&self) -> String {
        self.with_header(&Object::new())
    }

    /// The honest token with members of the header added or replaced.
    pub fn with_header(&self, changes: &Object) -> String {
        self.signed(text(&changed(&self.header, changes)), text(&self.claims))
    }

    /// The honest token with one member of the header added or replaced.
    pub fn header(&self, name: &str, value: impl Into<Value>) -> String {
        self.with_header(&Object::from_iter([(name.to_owned(), value.into())]))
    }

    /// The honest token without one member of the header.
    pub fn without_header(&self, name: &str) -> String {
        let mut header = self.header.clone();
        header.remove(name);
        self.signed(text(&header), text(&self.claims))
    }

    /// The honest token with claims added or replaced.
    pub fn with_claims(&self, changes: &Object) -> String {
        self.signed(text(&self.header), text(&changed(&self.claims, changes)))
    }

    /// The honest token with one claim added or replaced.
    pub fn claim(&self, name: &str, value: impl Into<Value>) -> String {
        self.with_claims(&Object::from_iter([(name.to_owned(), value.into())]))
    }

    /// The honest token without one claim.
    pub fn without_claim(&self, name: &str) -> String {
        let mut claims = self.claims.clone();
        claims.remove(name);
        self.signed(text(&self.header), text(&claims))
    }

    /// Whatever is given, signed with the right key.
    pub fn signed(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.signed_by(&self.signer, header, claims)
    }

    /// Whatever is given, signed with any key.
    pub fn signed_by(&self, signer: &Signer, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = signer.sign(&signed);
        with_signature(&signed, &signature)
    }

    /// What the honest token's signature is over.
    pub fn signing_input(&self) -> String {
        format!("{}.{}", encode(text(&self.header)), encode(text(&self.claims)))
    }

    /// The honest token under another signature.
    pub fn under(&self, signature: &[u8]) -> String {
        with_signature(&self.signing_input(), signature)
    }
}

/// A JSON object as text.
pub fn text(object: &Object) -> String {
    Value::Object(object.clone()).to_string()
}

/// What is signed, and a signature.
pub fn with_signature(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", encode(signature))
}

fn changed(object: &Object, changes: &Object) -> Object {
    let mut object = object.clone();
    object.extend(changes.clone());
    object
}
