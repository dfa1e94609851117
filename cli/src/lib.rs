//! pinlatch
