//! Arbitrary grants, calls and lists of revocations: each is accepted or refused, and nothing panics.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pinlatch_protocol::name::Name;
use pinlatch_token::call::CallClaims;
use pinlatch_token::grant::Grant;
use pinlatch_token::revocations::Revocations;
use pinlatch_token::{ChallengeSecret, HolderKey, KeySet, SigningKey};

struct Device {
    root: KeySet,
    holders: [HolderKey; 2],
    site: Name,
    device: Name,
    challenges: ChallengeSecret,
}

static DEVICE: LazyLock<Device> = LazyLock::new(|| {
    let name = |text: &str| Name::new(text).expect("a name");
    Device {
        root: KeySet::from(SigningKey::generate().public()),
        holders: [HolderKey::generate().expect("a key"), HolderKey::generate_p256().expect("a key")],
        site: name("home"),
        device: name("porch"),
        challenges: ChallengeSecret::generate(),
    }
});

fuzz_target!(|text: &str| {
    let Device { root, holders, site, device, challenges } = &*DEVICE;
    let _ = Grant::verify(text, root, site, None);
    let _ = Revocations::verify(text, root, site);
    if let Some((challenge, _)) = CallClaims::unverified_challenge(text) {
        let _ = challenges.age_ms(&challenge, 1_000);
    }
    let _ = challenges.age_ms(text, 1_000);
    for holder in holders {
        let _ = CallClaims::verify(text, holder.public(), site, device);
    }
});
