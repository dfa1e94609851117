//! This module handles the edge's secret keys and their rotation.

pub(crate) mod keys;
mod rotation;

pub use keys::EdgeKeys;
pub use rotation::{KeyEntry, KeyRole, Step, StepError};
