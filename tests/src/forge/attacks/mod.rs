//! The catalogue of attacks, which contains known attacks on token verifiers and attacks designed against Pinlatch's
//! verifier.
//!
//! An attack is a function that gets a [`Subject`]. The attack function returns forged tokens, each
//! with its expected refusal code. If an attack does not apply to a subject, the attack function
//! returns no tokens. The macro [`for_each_attack!`] lists all attacks, so that each attack becomes
//! a test with the same name in every test suite.

pub mod algorithm;
pub mod form;
pub mod key;
pub mod names;
pub mod particular;
pub mod signature;
pub mod time;

use super::{Attempt, Subject};

/// An attack function, which makes the forged tokens of an attack from a valid token.
pub type Attack = fn(&Subject) -> Vec<Attempt>;

/// Passes the names of all attacks and of their modules to another macro. The first pair of brackets contains the
/// attacks on bearer tokens and device certificates. The second pair of brackets contains the attacks on tokens that
/// only a device receives.
#[macro_export]
macro_rules! for_each_attack {
    ($run:ident) => {
        $run! {
            [
                algorithm::alg_none_without_a_signature,
                algorithm::alg_none_in_every_spelling,
                algorithm::alg_missing_or_not_a_text,
                algorithm::alg_in_another_spelling,
                algorithm::alg_of_another_family_or_hash,
                algorithm::the_public_pem_as_a_secret,
                algorithm::the_public_pem_with_leading_white_space_as_a_secret,
                algorithm::the_public_der_as_a_secret,
                algorithm::the_public_jwk_as_a_secret,
                algorithm::an_empty_secret,
                key::an_embedded_jwk,
                key::a_jku,
                key::an_x5u,
                key::an_x5c,
                key::an_x5t_for_another_key,
                key::another_key_of_the_same_kid,
                key::a_blank_or_similar_kid,
                key::a_kid_that_is_a_path,
                key::a_kid_that_is_sql,
                key::a_kid_of_dev_null_and_an_empty_secret,
                key::a_kid_that_is_no_text,
                key::no_kid,
                key::an_issuer_speaking_as_the_edge,
                signature::es256_with_r_and_s_of_zero,
                signature::es256_with_r_of_n_or_more,
                signature::es256_with_s_of_n_or_more,
                signature::es256_with_r_and_s_exchanged,
                signature::es256_in_der,
                signature::eddsa_with_s_beyond_the_order,
                signature::eddsa_with_points_of_small_order,
                signature::rs256_with_another_padding,
                signature::rs256_of_zero_one_and_too_long,
                signature::a_signature_of_zeros,
                signature::a_shortened_signature,
                signature::an_oversized_signature,
                signature::the_signature_of_another_token,
                signature::a_payload_under_another_header,
                signature::a_signature_over_the_decoded_parts,
                time::times_as_strings,
                time::times_as_floats,
                time::times_below_zero,
                time::times_beyond_all_clocks,
                time::times_that_are_no_json,
                time::times_of_other_types,
                time::no_exp,
                time::no_iat,
                time::exp_of_this_second,
                time::exp_long_ago,
                time::exp_not_after_iat,
                time::a_life_too_long,
                time::iat_in_the_future,
                time::nbf_in_the_future,
                names::aud_without_ours,
                names::aud_blank,
                names::aud_of_another_type,
                names::no_aud,
                names::aud_almost_ours,
                names::a_token_for_another_site,
                names::iss_almost_ours,
                names::iss_in_look_alike_letters,
                names::iss_of_another_type,
                names::no_iss,
                names::sub_missing_or_odd,
                names::jti_missing_or_odd,
                names::the_same_claims_as_every_other_kind,
                names::honest_tokens_of_every_other_kind,
                names::typ_missing_or_almost_ours,
                names::typ_of_another_type,
                form::base64url_with_stray_bits,
                form::base64url_with_padding,
                form::base64_of_the_standard_alphabet,
                form::white_space,
                form::trailing_bytes,
                form::parts_missing_or_empty,
                form::a_hundred_thousand_dots,
                form::a_header_of_a_megabyte,
                form::a_token_beyond_eight_kibibytes,
                form::deeply_nested_json,
                form::json_that_is_no_object,
                form::a_header_member_twice,
                form::a_claim_twice,
                form::crit_empty_null_or_unknown,
                form::b64_false,
                form::zip_def,
                form::the_flattened_json_serialisation,
                form::the_general_json_serialisation,
                particular::an_access_token_of_odd_scope,
                particular::a_credential_of_an_odd_key,
                particular::a_credential_of_an_odd_device,
                particular::a_proof_of_another_challenge,
                particular::a_proof_of_another_device_or_session,
            ]
            [
                particular::a_command_of_another_session,
                particular::a_command_of_an_odd_deadline,
                particular::a_command_for_another_device,
                particular::a_command_of_odd_parts,
                particular::a_welcome_for_somebody_else,
                particular::a_key_set_of_odd_keys,
            ]
        }
    };
}
