//! Tests how the token inspector verifies the statements of devices with the owner's root key.

use e2e::Site;
use pinlatch_token::SigningKey;
use serde_json::json;

use super::{Pages, in_browser};
use crate::panel_kinds::hall;
use crate::panel_screens::look;

const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn a_reading_is_verified_with_the_owners_root_key() {
    let site = Site::shared();
    let agent = hall(&site);
    agent.drive_to("heat", &json!(21.5));
    let root = site.deployment.root_key();
    let other = SigningKey::generate().public_jwk().to_string();
    in_browser(async {
        let pages = Pages::of(&site, "device/hall").await;
        pages.browser.until("line-heat", "data-level", "21.5").await;
        let path = format!("/api/v1/devices/hall/lines/heat/reading?nonce={NONCE}");
        let reading = site.get(&path).ok()["reading"].as_str().expect("a reading").to_owned();
        let identity = site.identity("hall");

        pages.go("inspector").await;
        pages.paste("inspect-token", &reading).await;
        pages.browser.until("verdict", "data-verdict", "open").await;
        pages.says("verdict", "public root key").await;
        pages.paste("inspect-root", &root.public_jwk().to_string()).await;
        pages.says("verdict", "identity of the device").await;
        pages.paste("inspect-identity", &identity).await;
        pages.browser.until("verdict", "data-verdict", "verified").await;
        pages.says("verdict", "The statement is valid").await;
        for part in ["21.5\u{a0}°C", "heat", "uncertain by", NONCE] {
            pages.says("inspect-statement", part).await;
        }
        look(&pages.browser, "manage-statement").await;
        pages.paste("inspect-nonce", "BBBBBBBBBBBBBBBBBBBBBB").await;
        pages.browser.until("verdict", "data-verdict", "refused").await;
        pages.says("inspect-checks", "wrong_nonce").await;
        pages.paste("inspect-nonce", NONCE).await;
        pages.browser.until("verdict", "data-verdict", "verified").await;

        // Another root key has not confirmed the device.
        pages.paste("inspect-root", &other).await;
        pages.browser.until("verdict", "data-verdict", "refused").await;
        pages.says("inspect-identity-wrong", "unknown_key").await;
        pages.says("inspect-checks", "the device identity is refused").await;
        assert_eq!(pages.count("[data-testid=inspect-statement]").await, 0);

        // The identity itself needs only the root key.
        pages.paste("inspect-token", &identity).await;
        pages.browser.until("verdict", "data-verdict", "refused").await;
        assert_eq!(pages.count("[data-testid=inspect-identity]").await, 0);
        pages.paste("inspect-root", &root.public_jwk().to_string()).await;
        pages.browser.until("verdict", "data-verdict", "verified").await;
        let key = site.get("/api/v1/devices/hall/key").ok();
        pages.says("inspect-statement", key["thumbprint"].as_str().expect("a thumbprint")).await;
    });
}

#[test]
fn a_private_root_key_is_removed_at_once() {
    let site = Site::shared();
    let _agent = hall(&site);
    let root = site.deployment.root_key();
    let private = root.to_private_jwk();
    let parsed: serde_json::Value = serde_json::from_str(private.expose()).expect("a JWK");
    let secret = parsed["d"].as_str().expect("a private member").to_owned();
    in_browser(async {
        let pages = Pages::of(&site, "inspector").await;
        pages.paste("inspect-token", &site.identity("hall")).await;
        for _ in 0..2 {
            pages.paste("inspect-root", private.expose()).await;
            pages.says("inspect-root-wrong", "That is a private key").await;
            assert_eq!(pages.value("inspect-root").await, "");
            assert!(!pages.traces().await.contains(&secret));
        }
        pages.browser.until("verdict", "data-verdict", "open").await;
        look(&pages.browser, "manage-private-key").await;
        pages.paste("inspect-root", &root.public_jwk().to_string()).await;
        pages.browser.until("verdict", "data-verdict", "verified").await;
        assert_eq!(pages.text("inspect-root-wrong").await, "");
    });
}
