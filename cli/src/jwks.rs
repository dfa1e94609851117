//! Reads the keys of a JWK Set.

use serde_json::Value;

pub fn keys(jwks: &Value) -> &[Value] {
    jwks.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub fn kids(jwks: &Value) -> Vec<&str> {
    keys(jwks).iter().filter_map(|key| key.get("kid")?.as_str()).collect()
}

/// Returns whether two JWK Sets have the same key ids, in any order.
pub fn same_keys(one: &Value, other: &Value) -> bool {
    let (mut one, mut other) = (kids(one), kids(other));
    one.sort_unstable();
    other.sort_unstable();
    one == other
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sets_are_compared_by_their_ids() {
        let set = |kids: &[&str]| json!({ "keys": kids.iter().map(|kid| json!({ "kid": kid })).collect::<Vec<_>>() });
        assert!(same_keys(&set(&["a", "b"]), &set(&["b", "a"])));
        assert!(!same_keys(&set(&["a", "b"]), &set(&["a"])));
    }
}
