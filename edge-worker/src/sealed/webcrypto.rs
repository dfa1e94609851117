//! Decrypts content keys with RSA-OAEP in the platform's WebCrypto. Its implementation takes a constant time and is
//! faster than any implementation in wasm.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Array, JSON, Object, Reflect, Uint8Array};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_token::RsaOperation;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto, WorkerGlobalScope};

thread_local! {
    /// The imported private keys, by the name of the hash and the `kid`. The keys of an isolate never change. A promise
    /// belongs to the request that created it, so the imported keys are cached and not the promises.
    static IMPORTED: RefCell<HashMap<(&'static str, String), CryptoKey>> = RefCell::new(HashMap::new());
}

/// Does a private RSA operation. Returns `None` if the content key cannot be decrypted. If the platform refuses the
/// private key, this function returns 503 `misconfigured`.
pub async fn decrypt(operation: &RsaOperation<'_>) -> Result<Option<Vec<u8>>, Problem> {
    let key = imported(operation).await.map_err(|error| {
        worker::console_error!(
            "configuration: EDGE_KEYS: unfit_key: WebCrypto refused the RSA key {:?}: {}",
            operation.kid,
            reason(&error)
        );
        Problem::new(Code::Misconfigured)
            .detail("an RSA key of the edge cannot be used; the edge's log contains the reason")
    })?;
    Ok(decrypted(operation, &key).await.ok())
}

async fn imported(operation: &RsaOperation<'_>) -> Result<CryptoKey, JsValue> {
    let name = (operation.hash, operation.kid.to_owned());
    if let Some(key) = IMPORTED.with_borrow(|keys| keys.get(&name).cloned()) {
        return Ok(key);
    }
    let jwk: Object = JSON::parse(operation.private_jwk().expose())?.dyn_into()?;
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &"RSA-OAEP".into())?;
    Reflect::set(&algorithm, &"hash".into(), &operation.hash.into())?;
    let usages = Array::of1(&"decrypt".into());
    let promise = subtle()?.import_key_with_object("jwk", &jwk, &algorithm, false, &usages)?;
    let key: CryptoKey = JsFuture::from(promise).await?.dyn_into()?;
    IMPORTED.with_borrow_mut(|keys| keys.insert(name, key.clone()));
    Ok(key)
}

async fn decrypted(operation: &RsaOperation<'_>, key: &CryptoKey) -> Result<Vec<u8>, JsValue> {
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &"RSA-OAEP".into())?;
    let wrapped = Uint8Array::from(operation.wrapped_key);
    let promise = subtle()?.decrypt_with_object_and_js_u8_array(&algorithm, key, &wrapped)?;
    Ok(Uint8Array::new(&JsFuture::from(promise).await?).to_vec())
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    Ok(js_sys::global().unchecked_into::<WorkerGlobalScope>().crypto()?.subtle())
}

/// Returns the name and the message of a JavaScript error. An error of an import contains no part of the key.
fn reason(error: &JsValue) -> String {
    let text = |name: &str| Reflect::get(error, &name.into()).ok().and_then(|text| text.as_string());
    format!("{}: {}", text("name").unwrap_or_default(), text("message").unwrap_or_default())
}
