//! Checks that the administration pages show names from strangers as plain text, even if the names contain HTML.

use base64ct::{Base64UrlUnpadded, Encoding};
use e2e::Site;
use e2e::site::OWNER;
use serde_json::json;

use super::{Pages, in_browser};

const EVIL: &str = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";

/// Returns whether a script in the page throws an exception.
async fn throws(pages: &Pages, script: &str) -> bool {
    let tried = pages.ask(&format!("try {{ {script}; return false }} catch {{ return true }}")).await;
    tried == json!(true)
}

#[test]
fn no_name_becomes_markup() {
    let site = Site::shared();
    let expires_at = e2e::outsiders::now() + 3_000;
    let short = "<img src=x onerror=\"window.hacked=1\">";
    let issue =
        json!({ "kind": "guest", "name": short, "scope": "line:porch/door:pulse", "expires_at": expires_at });
    let jti = site.post("/api/v1/tokens", &issue).ok()["token"]["jti"].as_str().expect("an id").to_owned();
    let admit = json!({ "identity": { "issuer": "https://issuer.example", "subject": EVIL } });
    site.send_json("PUT", &format!("/api/v1/users/{OWNER}/identities"), &admit).ok();
    // The caller of this request can choose the token id, which then appears in the audit log.
    let odd = "%3Cimg%20src%3Dx%20onerror%3D%22window.hacked%3D1%22%3E";
    site.send_json("DELETE", &format!("/api/v1/tokens/{odd}?expires_at={expires_at}"), &json!({}));
    in_browser(async {
        let pages = Pages::of(&site, "tokens").await;
        pages.says(&format!("token-{jti}"), "<img src=x onerror").await;
        pages.click(&format!("revoke-{jti}")).await;
        pages.says("revoke-dialog", "<img src=x onerror").await;
        pages.click("cancel").await;
        pages.go("people").await;
        pages.says(&format!("person-{OWNER}"), "<img src=x onerror").await;
        pages.go("activity").await;
        pages.says("log", "<img src=x onerror").await;
        // A filter value in the page's URL must also be shown as plain text.
        pages.go("activity?target=%3Cimg%20src%3Dx%20onerror%3D%22window.hacked%3D1%22%3E").await;
        pages.says("log", "revoked the token <img src").await;
        pages.click_in(".entry summary").await;
        pages.says("log", "<img src=x onerror").await;
        let part = |value: serde_json::Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let token = format!(
            "{}.{}.",
            part(json!({ "alg": EVIL, "typ": EVIL })),
            part(json!({ "sub": EVIL, EVIL: EVIL }))
        );
        pages.go("inspector").await;
        pages.write("inspect-token", &token).await;
        pages.browser.until("verdict", "data-verdict", "refused").await;
        pages.says("inspect-claims", "<script>").await;
        assert_eq!(pages.count("main img, main script").await, 0);
        assert_eq!(pages.ask("return window.hacked === undefined").await, json!(true));

        // Because of Trusted Types, even the page's own scripts cannot insert active content.
        for refused in
            [EVIL, "<svg/onload=x>", "<a href='javascript:x'>", "<iframe srcdoc=x>", "<base href=x>"]
        {
            let script = format!("document.createElement('p').innerHTML = {}", json!(refused));
            assert!(throws(&pages, &script).await, "{refused}");
        }
        assert!(throws(&pages, "document.createElement('script').src = '/assets/other.js'").await);
        assert!(throws(&pages, "document.createElement('script').text = 'x'").await);
        assert!(throws(&pages, "new Worker('/assets/other.js')").await);
        assert!(!throws(&pages, "document.createElement('p').innerHTML = '<b>plain</b>'").await);
    });
}
