use super::*;
use pinlatch_protocol::admin::TokenKind;
use pinlatch_protocol::name::UserName;

fn rights(name: &str, role: Option<Role>, scope: &str) -> Rights {
    let scope = role.map_or_else(|| scope.parse().unwrap(), Role::scopes);
    Rights { name: name.into(), role, scope }
}

fn person(name: &str, role: Option<Role>, scope: &str) -> Person {
    let Rights { role, scope, .. } = rights(name, role, scope);
    Person {
        username: UserName::new(name).unwrap(),
        role,
        scope,
        created_ms: 0,
        added_by: None,
        sessions: 0,
        identities: vec![],
    }
}

#[test]
fn an_owner_is_offered_everything() {
    let ann = rights("ann", Some(Role::Owner), "");
    assert_eq!(ann.pages(), [Page::Devices, Page::People, Page::Tokens, Page::Activity, Page::Inspector]);
    assert!(ann.may_stop());
    for other in [person("ben", Some(Role::Owner), ""), person("cat", None, "line:a/b:pulse site:audit")] {
        assert!(ann.may_change(&other) && ann.may_reset(&other));
    }
    let own = person("ann", Some(Role::Owner), "");
    assert!(ann.may_change(&own) && !ann.may_reset(&own), "one's own password is no invitation's matter");
}

#[test]
fn a_viewer_is_offered_what_needs_no_right() {
    let viewer = rights("vera", Some(Role::Viewer), "");
    assert_eq!(viewer.pages(), [Page::Inspector]);
    assert!(viewer.shows(&Page::Account) && !viewer.may_stop());
    assert!(viewer.shows(&Page::Device(pinlatch_protocol::name::Name::new("porch").unwrap())));
    assert!(!viewer.shows(&Page::People) && !viewer.shows(&Page::Activity));
    assert!(!viewer.may_change(&person("vera", Some(Role::Viewer), "")));
}

#[test]
fn nobody_changes_who_may_more_than_they() {
    let manager = rights("max", None, "line:porch/*:* site:users site:tokens");
    assert!(manager.may_change(&person("a", None, "line:porch/door:pulse")));
    assert!(!manager.may_change(&person("b", None, "line:shed/door:pulse")));
    assert!(!manager.may_change(&person("c", Some(Role::Viewer), "")));
    // This person has all permissions of an owner, but does not have the role of an owner.
    let all = rights("all", None, "line:*/*:* site:*");
    assert!(all.may_change(&person("d", Some(Role::Operator), "")));
    assert!(!all.may_change(&person("e", Some(Role::Owner), "")));
    assert!(!all.may_give(Some(Role::Owner), &Role::Owner.scopes()));
}

#[test]
fn a_guest_has_no_account() {
    assert!(!rights("token:abc", None, "line:*/*:read").shows(&Page::Account));
}

#[test]
fn an_invitation_is_withdrawn_by_a_viewer_who_may_give_its_rights() {
    let invitation = |name: &str, role: Option<Role>, scope: Option<&str>| Invitation {
        id: "i".into(),
        username: UserName::new(name).unwrap(),
        role,
        scope: scope.map(|scope| scope.parse().unwrap()),
        creator: "ann".into(),
        expires_at: 1,
    };
    let manager = rights("max", None, "line:porch/*:* site:users");
    let people = [person("a", None, "line:porch/door:pulse"), person("b", Some(Role::Owner), "")];
    assert!(manager.may_withdraw(&invitation("c", None, Some("line:porch/door:pulse")), &people));
    assert!(!manager.may_withdraw(&invitation("c", Some(Role::Viewer), None), &people));
    assert!(manager.may_withdraw(&invitation("a", None, None), &people));
    assert!(!manager.may_withdraw(&invitation("b", None, None), &people));
    assert!(!manager.may_withdraw(&invitation("gone", None, None), &people));
}

#[test]
fn only_what_one_holds_is_revoked_or_handed_on() {
    let manager = rights("max", None, "line:porch/*:* site:tokens");
    let token = |scope: &str| TokenView {
        jti: "t".into(),
        kind: TokenKind::Api,
        name: "t".into(),
        creator: "max".into(),
        scope: scope.parse().unwrap(),
        not_before: 0,
        expires_at: 1,
        max_uses: None,
        max_in_flight: None,
        max_per_minute: None,
        max_sockets: None,
        uses: 0,
        created_ms: 0,
        last_used_ms: None,
        revoked_ms: None,
    };
    assert!(manager.may_revoke(&token("line:porch/door:pulse")));
    assert!(!manager.may_revoke(&token("line:*/*:read")));
    assert!(manager.holds(&"line:porch/lamp:set".parse().unwrap()));
    assert!(!manager.holds(&"line:*/lamp:set".parse().unwrap()));
    assert!(!manager.holds(&"site:users".parse().unwrap()));
}

#[test]
fn the_last_owner_stays() {
    let (ann, ben) = (person("ann", Some(Role::Owner), ""), person("ben", Some(Role::Owner), ""));
    let cat = person("cat", Some(Role::Operator), "");
    assert!(is_last_owner(&ann, &[ann.clone(), cat.clone()]));
    assert!(!is_last_owner(&ann, &[ann.clone(), ben]));
    assert!(!is_last_owner(&cat, &[ann, cat.clone()]));
}

#[test]
fn rules_are_for_those_who_may_read_all_lines_of_the_device() {
    let porch = Name::new("porch").unwrap();
    for (scope, may) in [
        ("line:porch/*:read", true),
        ("line:porch/*:set", true),
        ("line:*/*:*", true),
        ("site:devices", true),
        ("line:porch/lamp:read", false),
        ("line:shed/*:read", false),
        ("site:audit", false),
    ] {
        assert_eq!(rights("ann", None, scope).may_see_rules(&porch), may, "{scope}");
    }
    assert!(rights("ann", Some(Role::Viewer), "").may_see_rules(&porch));
}
