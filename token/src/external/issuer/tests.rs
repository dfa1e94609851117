//! These tests check external issuers, with accepted tokens, refused tokens and invalid configuration tables.

use super::*;
use crate::keys::minting::MintingKey;
use serde_json::json;

const NOW: u64 = 1_790_000_000;

fn sites() -> [Name; 2] {
    ["home", "lab"].map(|site| Name::new(site).unwrap())
}

fn secret(seed: u8) -> String {
    (0..48).map(|n: u8| char::from(b'!' + (n.wrapping_mul(37).wrapping_add(seed) % 90))).collect()
}

fn scripts() -> Value {
    json!({ "issuer": "https://scripts", "site": "lab", "audience": "bench", "secret": "SCRIPTS",
            "scope": "line:bench/*:*" })
}

fn issuers(tables: Value) -> Issuers {
    Issuers::read(&tables, &sites(), |name| (name == "SCRIPTS").then(|| secret(1)))
}

fn token(seed: u8, claims: Value) -> String {
    let mut all =
        json!({ "iss": "https://scripts", "aud": "bench", "sub": "cron", "iat": NOW, "exp": NOW + 60 });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let key = MintingKey::read(secret(seed).as_bytes(), None).unwrap();
    key.sign("JWT", None, all.as_object().unwrap().clone()).unwrap()
}

fn admit(issuers: &Issuers, token: &str) -> Result<Admitted, NotAdmitted> {
    issuers.admit(token, NOW, &mut SignatureCache::new(8))
}

fn code(issuers: &Issuers, token: &str) -> &'static str {
    match admit(issuers, token).unwrap_err() {
        NotAdmitted::Refused(refusal) => refusal.code(),
        NotAdmitted::Broken(_) => "broken",
    }
}

#[test]
fn a_script_opens_its_site_within_the_ceiling() {
    let all = issuers(json!({ "scripts": scripts() }));
    assert_eq!(all.faults(), BTreeMap::new());
    let admitted = admit(&all, &token(1, json!({}))).unwrap();
    assert_eq!((admitted.site.as_str(), admitted.sub.as_str()), ("lab", "cron"));
    assert_eq!(admitted.scope.to_string(), "line:bench/*:*");
    assert!(admitted.jti.starts_with("digest-"), "the token can be revoked by this id");
    assert_eq!(admit(&all, &token(1, json!({ "jti": "one" }))).unwrap().jti, "one");
    for (claims, wanted) in [
        (json!({ "aud": "other" }), "wrong_audience"),
        (json!({ "aud": null }), "missing_claim"),
        (json!({ "iss": "https://script" }), "wrong_issuer"),
        (json!({ "iss": null }), "missing_claim"),
        (json!({ "sub": null }), "missing_claim"),
        (json!({ "exp": null }), "missing_claim"),
        (json!({ "iat": NOW - 120, "exp": NOW - 60 }), "expired"),
    ] {
        assert_eq!(code(&all, &token(1, claims)), wanted);
    }
    assert_eq!(code(&all, &token(2, json!({}))), "bad_signature");
}

#[test]
fn an_id_token_is_no_access_token() {
    let mut all = issuers(json!({ "scripts": scripts() }));
    all.forbid_audiences(["bench"].into_iter());
    assert_eq!(code(&all, &token(1, json!({}))), "broken");
    assert_eq!(all.faults().len(), 1);
}

#[test]
fn a_scope_claim_narrows_and_never_widens() {
    let mut table = scripts();
    table["scope_claim"] = json!("scope");
    let all = issuers(json!({ "scripts": table }));
    let scope = |value: Value| {
        admit(&all, &token(1, json!({ "scope": value }))).map(|admitted| admitted.scope.to_string())
    };
    assert_eq!(
        scope(json!("openid line:bench/lamp:set line:porch/door:pulse")).unwrap(),
        "line:bench/lamp:set"
    );
    assert_eq!(scope(json!(["line:*/lamp:read"])).unwrap(), "line:bench/lamp:read");
    assert_eq!(scope(json!("site:users")).unwrap(), "");
    assert_eq!(code(&all, &token(1, json!({}))), "missing_claim");
}

#[test]
fn a_token_with_too_many_scopes_is_refused() {
    let lines = |pattern: &str, count: u32| {
        (0..count).map(|n| pattern.replace('#', &n.to_string())).collect::<Vec<_>>().join(" ")
    };
    let mut table = scripts();
    table["scope_claim"] = json!("scope");
    table["scope"] = json!(lines("line:d#/*:*", 10));
    let all = issuers(json!({ "scripts": table }));
    let own = |count| token(1, json!({ "scope": lines("line:*/l#:*", count) }));
    assert_eq!(admit(&all, &own(6)).unwrap().scope.iter().count(), 60);
    assert_eq!(code(&all, &own(7)), "bad_claim");
}

#[test]
fn a_wrong_table_is_told_and_breaks_only_its_own() {
    let with = |member: &str, value: Value| {
        let mut table = scripts();
        table[member] = value;
        table
    };
    let published = |uri: &str| {
        let mut table = with("jwks_uri", json!(uri));
        table.as_object_mut().unwrap().remove("secret");
        table
    };
    assert_eq!(issuers(json!({ "a": published("https://issuer/jwks") })).faults(), BTreeMap::new());
    for table in [
        with("issuer", json!("urn:pinlatch:edge")),
        with("audience", json!("")),
        with("site", json!("moon")),
        with("secret", json!("UNSET")),
        with("keys", json!("{\"keys\":[]}")),
        with("algorithms", json!(["none"])),
        with("algorithms", json!(["RS256"])),
        with("jwks_uri", json!("https://issuer/jwks")),
        published("http://issuer/jwks"),
        published("file:///etc/keys"),
        with("typ", json!(["guest+jwt"])),
        with("scope", json!("root")),
        with("colour", json!("red")),
        json!("text"),
    ] {
        let all = issuers(json!({ "wrong": table.clone() }));
        assert_eq!(all.faults().len(), 1, "{table}");
        assert!(!all.faults()["wrong"].contains(&secret(1)));
    }
    let fault = |member: &str, value: Value| {
        let all = issuers(json!({ "wrong": with(member, value) }));
        all.faults()["wrong"].to_owned()
    };
    assert_eq!(
        fault("algorithms", json!("HS256")),
        "algorithms: invalid type: string \"HS256\", expected a sequence"
    );
    assert!(fault("max_life", json!("3600")).starts_with("max_life: "));
    assert_eq!(fault("secret", json!("UNSET")), "secret: the secret \"UNSET\" is not set");
    // If the configuration contains a secret instead of the secret's name, the error text must not contain the secret.
    for written in [secret(2), "6f".repeat(32), "6F".repeat(32)] {
        assert!(!fault("secret", json!(written)).contains(&written), "{written}");
    }
    let mut lab = scripts();
    lab["audience"] = json!("other");
    let all =
        issuers(json!({ "a": with("secret", json!("UNSET")), "b": lab, "c": scripts(), "d": scripts() }));
    assert_eq!(all.faults().into_keys().collect::<Vec<_>>(), ["a", "d"]);
    assert!(admit(&all, &token(1, json!({}))).is_ok());
    assert!(admit(&all, &token(1, json!({ "aud": "other" }))).is_ok());
    let only_broken = issuers(json!({ "a": with("secret", json!("UNSET")) }));
    assert_eq!(code(&only_broken, &token(1, json!({}))), "broken");
    assert!(only_broken.claims_to_know(&token(1, json!({}))));
}
