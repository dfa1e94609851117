//! Makes forged tokens for tests. The submodule `signer` signs any input without checks, and the submodule `attacks`
//! contains a catalogue of attacks.
//!
//! Three test suites share the files of this folder. The end-to-end tests send the tokens of every attack to a real
//! Worker. The tests of the crate `pinlatch-token` and of the agent compile the same files and verify the forged tokens
//! without a Worker. Therefore the files of this folder depend neither on `pinlatch-token` nor on the agent. The
//! functions in this folder get valid tokens as text and return altered tokens as text.

pub mod attacks;
pub mod parts;
pub mod signer;
pub mod subject;

pub use parts::{Object, decode, encode, read};
pub use signer::Signer;
pub use subject::{Attempt, Role, Subject};
