//! Attacks on the signature. The attacks use values that no signer produces, other encodings, and other lengths.

use rsa::Pkcs1v15Sign;
use rsa::sha2::{Digest, Sha256, Sha512};

use crate::forge::subject::{refused, with_signature};
use crate::forge::{Attempt, Signer, Subject, encode};

/// The order n of the elliptic curve P-256.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order L of the base point of Ed25519, in little-endian byte order.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Returns the signature of the valid token.
fn right(s: &Subject) -> Vec<u8> {
    s.signer.sign(&s.signing_input())
}

fn under(s: &Subject, signatures: impl IntoIterator<Item = Vec<u8>>) -> Vec<Attempt> {
    refused("bad_signature", signatures.into_iter().map(|signature| s.under(&signature)))
}

/// Makes tokens whose ECDSA values r and s do not verify. Most of these values are outside the permitted range from 1
/// to n − 1.
fn ecdsa(s: &Subject, make: impl Fn([u8; 32], [u8; 32]) -> Vec<[[u8; 32]; 2]>) -> Vec<Attempt> {
    if !matches!(s.signer, Signer::Es256(_)) {
        return vec![];
    }
    let signature = right(s);
    let half = |at: usize| signature[at..at + 32].try_into().expect("32 bytes");
    under(s, make(half(0), half(32)).into_iter().map(|halves| halves.concat()))
}

/// Makes tokens whose ECDSA value r or s is zero (CVE-2022-21449, "psychic signatures").
pub fn es256_with_r_and_s_of_zero(s: &Subject) -> Vec<Attempt> {
    ecdsa(s, |r, s| vec![[[0; 32], [0; 32]], [r, [0; 32]], [[0; 32], s]])
}

/// Makes tokens whose ECDSA value r is n or larger.
pub fn es256_with_r_of_n_or_more(s: &Subject) -> Vec<Attempt> {
    ecdsa(s, |_, s| vec![[P256_ORDER, s], [[0xff; 32], s], [[0xff; 32], [0; 32]]])
}

/// Makes tokens whose ECDSA value s is n or larger.
pub fn es256_with_s_of_n_or_more(s: &Subject) -> Vec<Attempt> {
    ecdsa(s, |r, _| {
        vec![[r, P256_ORDER], [r, [0xff; 32]], [P256_ORDER, P256_ORDER], [[0xff; 32], [0xff; 32]]]
    })
}

/// Makes tokens whose ECDSA values r and s are exchanged, are both one, or are both r.
pub fn es256_with_r_and_s_exchanged(s: &Subject) -> Vec<Attempt> {
    let mut one = [0; 32];
    one[31] = 1;
    ecdsa(s, |r, s| vec![[s, r], [one, one], [r, r]])
}

/// Makes a token with an ECDSA signature in DER encoding, as in X.509 certificates. RFC 7518 §3.4 requires r and s
/// without ASN.1.
pub fn es256_in_der(s: &Subject) -> Vec<Attempt> {
    if !matches!(s.signer, Signer::Es256(_)) {
        return vec![];
    }
    let signature = p256::ecdsa::Signature::from_slice(&right(s)).expect("a signature");
    under(s, [signature.to_der().as_bytes().to_vec()])
}

/// Makes a token whose Ed25519 signature contains S + L instead of S, and a token in which the highest bits of S are
/// set. A verifier that reduces S modulo L would accept S + L, but RFC 8032 §5.1.7 requires S < L.
pub fn eddsa_with_s_beyond_the_order(s: &Subject) -> Vec<Attempt> {
    if !matches!(s.signer, Signer::EdDsa(_)) {
        return vec![];
    }
    let mut signature = right(s);
    let mut carry = 0;
    for (byte, more) in signature[32..].iter_mut().zip(ED25519_ORDER) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    let mut high = right(s);
    high[63] |= 0xe0;
    under(s, [signature, high])
}

/// Makes tokens whose Ed25519 signature has S = 0 and an R that has a small order or is not canonical.
pub fn eddsa_with_points_of_small_order(s: &Subject) -> Vec<Attempt> {
    if !matches!(s.signer, Signer::EdDsa(_)) {
        return vec![];
    }
    let mut identity = [0; 32];
    identity[0] = 1;
    under(s, [[0; 32], identity, [0xff; 32]].map(|r| [r, [0; 32]].concat()))
}

/// Makes tokens that the correct RSA key signed with another padding: PKCS #1 without DigestInfo, PKCS #1 with SHA-512,
/// or PSS.
pub fn rs256_with_another_padding(s: &Subject) -> Vec<Attempt> {
    let Signer::Rs256(key) = &s.signer else { return vec![] };
    let input = s.signing_input();
    let (short, long) = (Sha256::digest(&input), Sha512::digest(&input));
    let pss = rsa::Pss::new::<Sha256>();
    let signatures = [
        key.sign(Pkcs1v15Sign::new_unprefixed(), &short),
        key.sign(Pkcs1v15Sign::new::<Sha512>(), &long),
        key.sign_with_rng(&mut rsa::rand_core::OsRng, pss, &short),
    ];
    under(s, signatures.map(|signature| signature.expect("a signature")))
}

/// Makes tokens whose RSA signature is zero or one, which the RSA operation does not change. Two further tokens have an
/// RSA signature that is too large or too long.
pub fn rs256_of_zero_one_and_too_long(s: &Subject) -> Vec<Attempt> {
    if !matches!(s.signer, Signer::Rs256(_)) {
        return vec![];
    }
    let mut one = vec![0; 256];
    one[255] = 1;
    let long = [vec![0], right(s)].concat();
    under(s, [vec![0; 256], one, vec![0xff; 256], long])
}

/// Makes tokens whose signature consists of constant bytes.
pub fn a_signature_of_zeros(s: &Subject) -> Vec<Attempt> {
    under(s, [vec![0; right(s).len()], vec![0], vec![0xff; right(s).len()]])
}

/// Makes tokens with the valid signature shortened at one end.
pub fn a_shortened_signature(s: &Subject) -> Vec<Attempt> {
    let whole = right(s);
    under(
        s,
        [
            whole[..whole.len() - 1].to_vec(),
            whole[1..].to_vec(),
            whole[..whole.len() / 2].to_vec(),
            whole[..1].to_vec(),
        ],
    )
}

/// Makes tokens whose signature contains the valid signature and additional bytes.
pub fn an_oversized_signature(s: &Subject) -> Vec<Attempt> {
    let whole = right(s);
    let longer = |more: usize| [whole.clone(), vec![0; more]].concat();
    under(
        s,
        [
            longer(1),
            longer(32),
            longer(1024),
            [whole.clone(), whole.clone()].concat(),
            [vec![0], whole.clone()].concat(),
        ],
    )
}

/// Makes a token with the signature of another token that the same key signed.
pub fn the_signature_of_another_token(s: &Subject) -> Vec<Attempt> {
    let other = s.claim("jti", "another");
    let (_, signature) = other.rsplit_once('.').expect("a signature");
    refused("bad_signature", [format!("{}.{signature}", s.signing_input())])
}

/// Makes a token whose header was not part of the signed data.
pub fn a_payload_under_another_header(s: &Subject) -> Vec<Attempt> {
    let other = s.header("cty", "JWT");
    let (signed, _) = other.rsplit_once('.').expect("a signature");
    refused("bad_signature", [with_signature(signed, &right(s))])
}

/// Makes tokens whose signature covers the decoded header and payload, or the encoding of both together, instead of the
/// two encoded parts.
pub fn a_signature_over_the_decoded_parts(s: &Subject) -> Vec<Attempt> {
    let decoded =
        format!("{}.{}", crate::forge::subject::text(&s.header), crate::forge::subject::text(&s.claims));
    under(s, [s.signer.sign(&decoded), s.signer.sign(&encode(&decoded))])
}
