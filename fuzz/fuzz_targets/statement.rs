//! Arbitrary identities, readings and receipts: each is accepted or refused, and nothing panics.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pinlatch_protocol::name::Name;
use pinlatch_token::{SigningKey, unverified_site};
use pinlatch_token::identity::{self, DeviceIdentity};
use pinlatch_token::reading::Reading;
use pinlatch_token::receipt::Receipt;

static DEVICE: LazyLock<(SigningKey, DeviceIdentity)> = LazyLock::new(|| {
    let (root, key) = (SigningKey::generate(), SigningKey::generate());
    let name = |text: &str| Name::new(text).expect("a name");
    let token = identity::sign(&root, &name("home"), &name("porch"), &key.public(), 1_790_000_000);
    let identity = DeviceIdentity::verify(&token.expect("a token"), &root.public(), &name("home"), None);
    (root, identity.expect("an identity"))
});

fuzz_target!(|text: &str| {
    let (root, identity) = &*DEVICE;
    let _ = DeviceIdentity::verify(text, &root.public(), &identity.site, Some(1_790_000_000));
    let _ = unverified_site(text);
    let _ = Reading::verify(text, identity, None);
    let _ = Receipt::verify(text, identity);
});
