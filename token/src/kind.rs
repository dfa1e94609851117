//! The kinds of tokens, distinguished by `typ` (RFC 8725 §3.11).

/// The purpose of a token. A token of one kind is never accepted as another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A person or a script sends it to the edge (RFC 9068).
    Access,
    /// A browser that opened a guest link sends it to the edge.
    Guest,
    /// A certificate that a device sends to the edge.
    DeviceCert,
    /// A device's answer to a challenge of the edge.
    DeviceProof,
    /// A signed reading that a third party can check.
    Reading,
    /// A device sends it to another device or to the edge.
    DeviceCall,
    /// Allows commands on the LAN while the edge cannot be reached.
    Grant,
    /// One command for one device.
    Command,
    /// A numbered set of edge keys, signed by the owner's root key.
    KeySet,
    /// The edge time and a device's nonce, signed by the edge.
    Welcome,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Access,
        Self::Guest,
        Self::DeviceCert,
        Self::DeviceProof,
        Self::Reading,
        Self::DeviceCall,
        Self::Grant,
        Self::Command,
        Self::KeySet,
        Self::Welcome,
    ];

    /// The value of `typ`.
    pub fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Guest => "guest+jwt",
            Self::DeviceCert => "devcert+jwt",
            Self::DeviceProof => "devproof+jwt",
            Self::Reading => "reading+jwt",
            Self::DeviceCall => "devcall+jwt",
            Self::Grant => "grant+jwt",
            Self::Command => "cmd+jwt",
            Self::KeySet => "keyset+jwt",
            Self::Welcome => "welcome+jwt",
        }
    }

    /// Whether the `typ` of a header is this kind.
    pub fn is_named_by(self, typ: &str) -> bool {
        is_type(typ, self.typ())
    }
}

/// Whether a header's `typ` is the media type `name`. Case is ignored, and the prefix `application/` is optional
/// (RFC 7515 §4.1.9).
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
