//! Defines the external token issuers that every test deployment accepts. One external issuer exists for each type of
//! key. Another external issuer restricts its tokens with a scope claim. A further external issuer has a broken
//! configuration.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::forge::subject::text;
use crate::forge::{Object, Role, Signer, Subject, encode};

/// The audience (`aud`) of the tokens of all external test issuers.
pub const AUDIENCE: &str = "https://pinlatch.example/outside";

/// The maximum scopes that tokens of the external test issuers can have.
pub const CEILING: &str = "line:*/relay:* line:*/lamp:read";

/// The key id (`kid`) of the RSA key, which is the only key that is configured as a JWK Set.
const KID: &str = "rs-1";

static KEYS: LazyLock<[Signer; 3]> = LazyLock::new(|| [Signer::hs256(), Signer::rs256(), Signer::es256()]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outsider {
    /// This external issuer signs its tokens with a shared secret.
    Hs256,
    /// The public key of this external issuer is configured as a JWK Set.
    Rs256,
    /// The public key of this external issuer is configured in PEM format.
    Es256,
    /// This external issuer uses the same secret as `Hs256`. The claim `scope` of each of its tokens narrows the
    /// token's permissions.
    Narrowed,
    /// The configuration of this external issuer refers to a secret that is not set.
    Broken,
}

impl Outsider {
    /// The external issuers that have separate keys and a valid configuration.
    pub const GOOD: [Self; 3] = [Self::Hs256, Self::Rs256, Self::Es256];

    /// Returns the issuer identifier (`iss`) of the external issuer.
    pub fn issuer(self) -> String {
        format!("https://{}.outside.example/", format!("{self:?}").to_lowercase())
    }

    pub fn signer(self) -> &'static Signer {
        match self {
            Self::Hs256 | Self::Narrowed | Self::Broken => &KEYS[0],
            Self::Rs256 => &KEYS[1],
            Self::Es256 => &KEYS[2],
        }
    }

    /// Returns a valid token with a lifetime of ten minutes. Claims whose value is null are omitted from the token.
    pub fn token(self, claims: Value) -> String {
        let mut header = json!({ "alg": self.signer().alg(), "typ": "JWT" });
        if self == Self::Rs256 {
            header["kid"] = KID.into();
        }
        let mut all =
            json!({ "iss": self.issuer(), "aud": AUDIENCE, "sub": "cron", "iat": now(), "exp": now() + 600 });
        let members = all.as_object_mut().expect("an object");
        members.extend(claims.as_object().expect("an object").clone());
        members.retain(|_, value| !value.is_null());
        let signed = format!("{}.{}", encode(header.to_string()), encode(text(members)));
        format!("{signed}.{}", encode(self.signer().sign(&signed)))
    }

    /// Returns a valid token in parsed form, from which the attack functions make altered tokens.
    pub fn subject(self) -> Subject {
        Subject::of(Role::Issuer, self.signer(), &self.token(json!({ "jti": "honest" })), now())
    }
}

/// Returns the current time, in seconds since the Unix epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// Returns the value of the Worker's variable `ISSUERS`.
pub(crate) fn tables(site: &str) -> Value {
    let table = |outsider: Outsider, more: Value| {
        let mut table = json!({ "issuer": outsider.issuer(), "site": site, "audience": AUDIENCE,
                                "scope": CEILING, "max_life": 3600 });
        table.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        table
    };
    let mut jwk = KEYS[1].public_jwk().expect("a public key");
    let members: Object =
        json!({ "kid": KID, "alg": "RS256", "use": "sig" }).as_object().expect("an object").clone();
    jwk.as_object_mut().expect("an object").extend(members);
    let jwks = json!({ "keys": [jwk] }).to_string();
    json!({
        "hs256": table(Outsider::Hs256, json!({ "secret": "OUTSIDE_SECRET", "algorithms": ["HS256"] })),
        "rs256": table(Outsider::Rs256, json!({ "keys": jwks })),
        "es256": table(Outsider::Es256, json!({ "keys": KEYS[2].public_pem() })),
        "narrowed": table(Outsider::Narrowed, json!({ "secret": "OUTSIDE_SECRET", "scope_claim": "scope" })),
        "broken": table(Outsider::Broken, json!({ "secret": "NOT_SET" })),
    })
}

/// Returns the shared secret of the external issuers, in the format of the file `.dev.vars`.
pub(crate) fn secrets() -> String {
    let Signer::Hs256(secret) = &KEYS[0] else { unreachable!("the first is a secret") };
    format!("OUTSIDE_SECRET='{}'\n", String::from_utf8_lossy(secret))
}
