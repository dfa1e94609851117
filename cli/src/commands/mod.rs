//! Implements the commands of `pinlatch`. Each module contains the commands of its name, and their arguments.

pub mod audit;
pub mod device;
pub mod doctor;
pub mod generate;
pub mod grant;
pub mod holder;
pub mod init;
pub mod issued_tokens;
pub mod issuer;
pub mod keys;
pub mod login;
pub mod reading;
pub mod root;
pub mod self_host;
pub mod send;
pub mod signing_time;
pub mod suggest;
pub mod token;
pub mod useless_scopes;
pub mod user;
pub mod watch;
