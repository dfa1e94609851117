//! Tests the people page, on which a person is invited, gets other permissions and is removed. Another test checks
//! which administration pages a viewer can use.

use e2e::Site;
use e2e::site::OWNER;
use fantoccini::key::Key;
use serde_json::{Value, json};

use super::{Pages, in_browser};
use crate::people::{client, join, log_in};

/// The owner invites a person by a link, changes the person's permissions, logs the person out, and removes the person.
#[test]
fn somebody_is_invited_given_rights_and_removed() {
    let site = Site::shared();
    let _agent = site.device("porch");
    in_browser(async {
        let pages = Pages::of(&site, "people").await;
        let owner = pages.text(&format!("person-{OWNER}")).await;
        assert!(owner.contains("you") && owner.contains("last owner"), "{owner}");
        assert_eq!(
            pages.count(&format!("[data-testid=rights-{OWNER}], [data-testid=remove-{OWNER}]")).await,
            0
        );

        pages.click("invite").await;
        pages.click("invite-go").await;
        pages.says("failed", "Type a user name").await;
        pages.write("invite-name", "Ben!").await;
        pages.gone("[data-testid=failed]").await;
        pages.click("invite-go").await;
        pages.says("failed", "“ben”").await;
        pages.write("invite-name", "ben").await;
        pages.click("invite-go").await;
        let link = pages.once().await;
        let (way, code) = link.split_once("#invite=").expect("a link with a code");
        assert_eq!(way, format!("{}/s/{}/", pages.origin, pages.site));
        pages.says("invite-dialog", "only to ben").await;
        pages.says("invite-dialog", "It works once, until").await;
        let name = "return document.querySelector('[data-testid=once]').getAttribute('aria-label')";
        assert_eq!(pages.ask(name).await, "Invitation link");
        pages.click("show-qr").await;
        let drawn = pages
            .ask("return document.querySelector('[data-testid=qr] path').getAttribute('d').length")
            .await;
        assert!(drawn.as_u64().expect("a number") > 1_000, "a QR code is drawn");
        pages.click("dialog-close").await;
        pages.gone("dialog").await;
        assert!(!pages.traces().await.contains(code), "the code is still in the page");

        let accept = json!({ "code": code, "password": e2e::site::PASSWORD });
        crate::people::patiently(|| site.deployment.http().post("/api/v1/users/accept", &accept)).ok();
        pages.go("people").await;
        pages.browser.until("person-ben", "data-role", "viewer").await;

        pages.click("rights-ben").await;
        pages.click("role-operator").await;
        pages.click("rights-go").await;
        pages.browser.until("person-ben", "data-role", "operator").await;
        assert_eq!(person(&site, "ben")["role"], "operator");
        let focus = pages.ask("return document.activeElement.dataset.testid").await;
        assert_eq!(focus, "rights-ben", "the focus did not return");

        pages.click("rights-ben").await;
        pages.click("role-own").await;
        pages.click("rights-go").await;
        pages.says("failed", "Choose at least one").await;
        pages.click("pick-line:porch/door:pulse").await;
        pages.says("picker-words", "Press Door of Porch").await;
        pages.browser.until("pick-line:porch/door:read", "data-implied", "true").await;
        pages.click("rights-go").await;
        pages.browser.until("person-ben", "data-role", "custom").await;
        pages.says("person-ben", "Press Door of Porch").await;
        assert_eq!(person(&site, "ben")["scope"], "line:porch/door:pulse");

        let (ben, _) = client(&site, "ben");
        ben.get("/api/v1/whoami").ok();
        // Rare actions are in a menu. The keyboard opens the menu, and the focus returns to the button of the menu.
        let hidden = "return document.querySelector('[data-testid=end-ben]').checkVisibility()";
        assert_eq!(pages.ask(hidden).await, json!(false));
        let press = async |key: Key| {
            let focused = pages.browser.client.active_element().await.expect("a focus");
            focused.send_keys(&char::from(key).to_string()).await.expect("a key");
        };
        pages.ask("document.querySelector('[data-testid=more-ben]').focus()").await;
        press(Key::Enter).await;
        press(Key::Tab).await;
        let focus = "return document.activeElement.dataset.testid";
        assert_eq!(pages.ask(focus).await, "end-ben");
        press(Key::Enter).await;
        pages.browser.find("end-dialog").await;
        press(Key::Escape).await;
        pages.gone("dialog").await;
        assert_eq!(pages.ask(focus).await, "more-ben", "the focus did not return");
        ben.get("/api/v1/whoami").ok();
        pages.click("more-ben").await;
        pages.click("end-ben").await;
        pages.click("confirm").await;
        pages.gone("dialog").await;
        ben.get("/api/v1/whoami").is_problem(401, "invalid_token");

        pages.click("reset-ben").await;
        pages.click("reset-go").await;
        assert!(pages.once().await.contains("#invite="));
        pages.click("dialog-close").await;
        pages.gone("dialog").await;

        pages.click("more-ben").await;
        pages.click("remove-ben").await;
        pages.click("confirm").await;
        pages.gone("[data-testid=person-ben]").await;
        assert_eq!(log_in(&site, "ben", e2e::site::PASSWORD).status, 401);
    });
}

fn person(site: &Site<'_>, name: &str) -> Value {
    let people = site.get("/api/v1/users").ok();
    let found = people.as_array().expect("people").iter().find(|person| person["username"] == name);
    found.expect("the person").clone()
}

/// The pages must show a viewer no controls for actions that a viewer may not perform, and the API must refuse these
/// actions.
#[test]
fn a_viewer_is_offered_nothing_that_is_refused() {
    let site = Site::shared();
    let _agent = site.device("porch");
    join(&site, "vera", json!({ "role": "viewer" }));
    in_browser(async {
        let pages = Pages::of_person(&site, "vera", "devices").await;
        pages.browser.find("device-porch").await;
        assert_eq!(pages.sections().await, json!(["Board", "Token inspector"]));
        assert_eq!(pages.count("[data-testid=enrol]").await, 0);
        pages.click("device-porch").await;
        pages.browser.find("line-door").await;
        assert_eq!(pages.count(".deeds :is(button, a)").await, 0, "a viewer is offered actions");
        for page in ["people", "tokens", "activity"] {
            pages.go(page).await;
            pages.says("plain", "You do not have permission to see this page").await;
            assert_eq!(pages.count("main :is(button, input, select)").await, 0, "{page}");
        }
    });
    let (vera, _) = client(&site, "vera");
    for path in ["/api/v1/users", "/api/v1/tokens", "/api/v1/audit"] {
        vera.get(path).is_problem(403, "insufficient_scope");
    }
    vera.post("/api/v1/enrolments", &json!({ "device": "shed" })).is_problem(403, "insufficient_scope");
    vera.send_json("DELETE", "/api/v1/devices/porch", &json!({})).is_problem(403, "insufficient_scope");
}
