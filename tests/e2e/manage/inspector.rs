//! Tests the token inspector page, which verifies tokens in the same way as the edge, but entirely in the browser.

use e2e::Site;
use serde_json::json;

use super::{Pages, in_browser};

#[test]
fn a_token_is_judged_without_leaving_the_browser() {
    let site = Site::shared();
    in_browser(async {
        let pages = Pages::of(&site, "inspector").await;
        let requests = "return performance.getEntriesByType('resource').map(entry => entry.name)";
        pages.paste("inspect-token", &site.token).await;
        pages.browser.until("verdict", "data-verdict", "accepted").await;
        pages.says("inspect-claims", "expires").await;
        pages.says("inspect-header", "at+jwt").await;
        // If all checks passed, the list of checks is folded into one line.
        let checks = "const checks = document.querySelector('[data-testid=inspect-checks]');
            return [checks.open, /^(\\d+) of \\1 checks passed$/.test(checks.querySelector('h2').innerText)]";
        assert_eq!(pages.ask(checks).await, json!([false, true]));
        let asked = pages.ask(requests).await.to_string();
        assert!(!asked.contains(&site.token), "{asked}");

        // The next pasted token differs from the owner's token in one character of the signature.
        let (rest, signature) = site.token.rsplit_once('.').expect("a token");
        let turned = if signature.starts_with('A') { "B" } else { "A" };
        pages.paste("inspect-token", &format!("{rest}.{turned}{}", &signature[1..])).await;
        pages.browser.until("verdict", "data-verdict", "refused").await;
        pages.says("inspect-checks", "bad_signature").await;

        pages.click("keys-given").await;
        pages.browser.until("verdict", "data-verdict", "open").await;
        pages.paste("inspect-key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----").await;
        let wrong = pages.text("inspect-key-wrong").await;
        assert!(!wrong.is_empty(), "an invalid key is not reported");
        let jwks = site.get("/.well-known/jwks.json").ok().to_string();
        pages.paste("inspect-key", &jwks).await;
        pages.browser.until("verdict", "data-verdict", "refused").await;
        pages.paste("inspect-token", &format!("Bearer {}", site.token)).await;
        pages.browser.until("verdict", "data-verdict", "verified").await;
        pages.write("inspect-audience", "somebody-else").await;
        pages.browser.until("verdict", "data-verdict", "refused").await;

        // The token inspector must send no requests of its own. The list of requests may contain only the usual
        // requests of the page.
        let asked = pages.ask(requests).await;
        let calls: Vec<&str> =
            asked.as_array().expect("requests").iter().filter_map(|name| name.as_str()).collect();
        let strange = |name: &&&str| {
            let own = ["/api/v1/session", "/.well-known/jwks.json", "/assets/", "/sw.js"];
            let own = own.iter().any(|part| name.contains(part));
            // The panel requests the page `/` to find out whether the server has a newer version of the panel.
            let page = name.strip_prefix(site.deployment.origin()) == Some("/");
            !own && !page
                && !name.ends_with(".svg")
                && !name.ends_with(".webmanifest")
                && !name.ends_with(".png")
        };
        assert_eq!(calls.iter().find(strange), None, "{calls:?}");

        // If a person leaves the token inspector page, the pasted token must disappear from the browser.
        pages.click("way-people").await;
        pages.says("heading", "People").await;
        pages.click("way-inspector").await;
        let left = pages.browser.find("inspect-token").await.prop("value").await.expect("a property");
        assert_eq!(left.as_deref(), Some(""));
        assert!(!pages.traces().await.contains(&site.token));
    });
}

/// The token and the key of RFC 7519 §3.1 and RFC 7515 §A.1. The token has few claims, and has expired in 2011.
#[test]
fn an_absent_claim_and_a_refused_key_are_called_what_they_are() {
    const TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const KEY: &str = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    let site = Site::shared();
    in_browser(async {
        let pages = Pages::of(&site, "inspector").await;
        pages.paste("inspect-token", TOKEN).await;
        pages.browser.until("verdict", "data-verdict", "refused").await;
        let outcomes = "return Object.fromEntries([...document.querySelectorAll('.checks > div')]
            .map(check => [check.querySelector('dt').innerText, check.dataset.outcome]))";
        // The type is refused as soon as the site's keys are loaded.
        let told = pages.browser.until_told(outcomes, &[], |told| told["Type"] == json!("refused")).await;
        assert_eq!(
            (&told["Type"], &told["Subject"], &told["Id"]),
            (&json!("refused"), &json!("absent"), &json!("absent"))
        );
        pages.says("inspect-checks", "not present, not required").await;
        pages.says("inspect-claims", "expired 2011-03-22T18:43:00Z").await;
        let ago = pages.text("inspect-claims").await;
        assert!(ago.contains(" years ago"), "{ago}");
        // At least one check failed, so the list of checks is open.
        assert_eq!(
            pages.ask("return document.querySelector('[data-testid=inspect-checks]').open").await,
            json!(true)
        );

        pages.click("keys-given").await;
        pages.says("inspect-checks", "no key was given").await;
        let told = pages.ask(outcomes).await;
        assert_eq!((&told["Type"], &told["Audience"]), (&json!("passed"), &json!("absent")));
        pages.paste("inspect-key", KEY).await;
        pages.says("inspect-key-wrong", "known").await;
        pages.says("inspect-checks", "the key that you entered cannot be used").await;
        let checks = pages.text("inspect-checks").await;
        assert!(!checks.contains("no key was given"), "{checks}");
    });
}
