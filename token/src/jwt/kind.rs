//! This module defines the kinds of tokens. The header member `typ` contains the kind of a token (RFC 8725 §3.11).

/// The purpose of a token. A verifier never accepts a token of one kind as a token of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An access token (RFC 9068), which a person or a script sends to the edge.
    Access,
    /// The token of a guest link, which a browser sends to the edge.
    Guest,
    /// A device certificate, which a device sends to the edge.
    DeviceCert,
    /// A device's signed response to a challenge of the edge.
    DeviceProof,
    /// The owner's statement that a key belongs to a device, which the owner's root key signed.
    Device,
    /// A device's statement of the level of a line.
    Reading,
    /// A device's statement of what it did with a command.
    Receipt,
    /// A holder's call of one action on one line of a device.
    Call,
    /// The owner's permission for a holder to operate lines, which the owner's root key signed.
    Grant,
    /// The owner's list of revoked grants and keys, which the owner's root key signed.
    Revoked,
    /// One command for one device.
    Command,
    /// A numbered set of the edge's public keys, which the owner's root key signed.
    KeySet,
    /// The edge time and a nonce from a device, which the edge signed.
    Welcome,
}

impl Kind {
    /// All kinds of tokens.
    pub const ALL: [Self; 13] = [
        Self::Access,
        Self::Guest,
        Self::DeviceCert,
        Self::DeviceProof,
        Self::Device,
        Self::Reading,
        Self::Receipt,
        Self::Call,
        Self::Grant,
        Self::Revoked,
        Self::Command,
        Self::KeySet,
        Self::Welcome,
    ];

    /// Returns the value of the header member `typ` for this kind.
    pub fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Guest => "guest+jwt",
            Self::DeviceCert => "devcert+jwt",
            Self::DeviceProof => "devproof+jwt",
            Self::Device => "device+jwt",
            Self::Reading => "reading+jwt",
            Self::Receipt => "receipt+jwt",
            Self::Call => "call+jwt",
            Self::Grant => "grant+jwt",
            Self::Revoked => "revoked+jwt",
            Self::Command => "cmd+jwt",
            Self::KeySet => "keyset+jwt",
            Self::Welcome => "welcome+jwt",
        }
    }

    /// Returns whether the `typ` in a token's header is the `typ` of this kind.
    pub fn is_named_by(self, typ: &str) -> bool {
        is_type(typ, self.typ())
    }
}

/// Returns whether the `typ` in a token's header is the media type `name`. The comparison ignores case and an optional
/// prefix `application/` (RFC 7515 §4.1.9).
pub(crate) fn is_type(typ: &str, name: &str) -> bool {
    let long = typ.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("application/"));
    let short = if long { typ.get(12..).unwrap_or_default() } else { typ };
    short.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typ_names_one_kind() {
        for kind in Kind::ALL {
            assert!(kind.is_named_by(kind.typ()));
            assert!(kind.is_named_by(&format!("Application/{}", kind.typ().to_uppercase())));
            assert_eq!(Kind::ALL.iter().filter(|other| other.is_named_by(kind.typ())).count(), 1);
        }
        assert!(!Kind::Access.is_named_by("jwt"));
        assert!(!Kind::Access.is_named_by(""));
        assert!(!Kind::Access.is_named_by("application/application/at+jwt"));
        assert!(!Kind::Access.is_named_by("applicatioñ/at+jwt"));
    }
}
