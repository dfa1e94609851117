//! Handles the enrolment of devices and the setup of owners, with one-time codes. Each one-time code contains an HMAC
//! that only the edge can compute.

use pinlatch_protocol::admin::ENROLMENT_LIFE;
use pinlatch_protocol::api::{
    EnrolReply, EnrolRequest, EnrolmentReply, EnrolmentRequest, Secret, SetupRequest,
};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::calls;
use pinlatch_token::device::{self, CERT_LIFE};
use pinlatch_token::{CodePurpose, PublicKey, is_nonce, random_id, welcome};

use super::one_time_code::open_code;
use crate::auth;
use crate::clock::{now_ms, now_s};
use crate::gate::{self, NewPassword, Source};
use crate::incoming::Incoming;
use crate::objects::{ask_own, ask_site};
use crate::respond::{self, HandlerResult, fault};

/// Handles `POST /api/v1/enrolments`, which creates an enrolment code for one device.
pub async fn create(mut incoming: Incoming) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let EnrolmentRequest { device } = incoming.json().await?;
    let keys = &incoming.deployment.keys;
    let (code, text) = keys
        .issue_code(CodePurpose::Enrol, &principal.site, now_s() + ENROLMENT_LIFE)
        .map_err(|error| fault("enrolment code", error))?;
    let call = calls::CreateEnrolment {
        principal,
        device: device.clone(),
        code_id: code.id,
        expires_at: code.expires,
    };
    let expires_at = ask_own(&incoming.env, call).await?;
    let thumbprint = incoming.deployment.root.thumbprint();
    let enrol = Secret::new(format!("{}/#{}.{thumbprint}", incoming.origin(), text.expose()));
    respond::json(&EnrolmentReply { device, enrol, expires_at })
}

/// Handles `GET /api/v1/enrolments`, which lists the open enrolment codes.
pub async fn list(incoming: Incoming) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    respond::json(&ask_own(&incoming.env, calls::Enrolments { principal }).await?)
}

/// Handles `DELETE /api/v1/enrolments/{id}`, which withdraws an open enrolment code.
pub async fn withdraw(incoming: Incoming, id: String) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    ask_own(&incoming.env, calls::WithdrawEnrolment { principal, id }).await?;
    respond::nothing()
}

/// Handles `POST /api/v1/enrol`, with which a device sends its public key and receives its certificate.
pub async fn enrol(mut incoming: Incoming) -> HandlerResult {
    let EnrolRequest { code, jwk, nonce } = incoming.json().await?;
    let (site, code) = open_code(&incoming, CodePurpose::Enrol, &code)?;
    let key = PublicKey::from_jwk(&jwk)
        .map_err(|error| Problem::new(Code::InvalidRequest).detail(format!("`jwk`: {error}")))?;
    if !is_nonce(&nonce) {
        let text = "`nonce` must have 16 to 64 base64url characters";
        return Err(Problem::new(Code::InvalidRequest).detail(text));
    }
    let (now, cert_jti) = (now_s(), random_id());
    let call = calls::Enrol {
        code_id: code.id,
        jwk: key.to_jwk(),
        jwk_thumbprint: key.thumbprint().to_owned(),
        cert_jti: cert_jti.clone(),
        cert_exp: now + CERT_LIFE,
    };
    let device = ask_site(&incoming.env, &site, call).await?;
    let deployment = &incoming.deployment;
    let keys = &deployment.keys;
    let signed = |refusal| fault("signing", refusal);
    respond::json(&EnrolReply {
        devcert: Secret::new(device::sign_cert(keys, &site, &device, &key, &cert_jti, now).map_err(signed)?),
        welcome: welcome::sign(keys, &site, &nonce, now_ms()).map_err(signed)?,
        root_key: deployment.root.to_jwk(),
        keyset: deployment.keyset.clone(),
        site,
        device,
    })
}

/// Handles `POST /api/v1/setup`, which creates the first owner of a site. The setup succeeds only once per site.
pub async fn set_up(mut incoming: Incoming) -> HandlerResult {
    let SetupRequest { site, code, username, password } = incoming.json().await?;
    let (own_site, code) = open_code(&incoming, CodePurpose::Setup, &code)?;
    if site.is_some_and(|site| site != own_site) {
        return Err(Problem::new(Code::CodeRefused).detail("the code is for another site"));
    }
    gate::require_acceptable(&password, &username)?;
    // The Worker asks the site before it hashes the password. If the site already has an owner, the Worker hashes no
    // password.
    ask_site(&incoming.env, &own_site, calls::SetupAllowed { code_id: code.id.clone() }).await?;
    let new = NewPassword::store(&incoming, &own_site, &username, password, Source::Code, None).await?;
    let call = calls::Setup { code_id: code.id, username, password_id: new.id() };
    new.settle(&incoming, ask_site(&incoming.env, &own_site, call).await).await?;
    respond::nothing()
}
