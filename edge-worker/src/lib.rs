//! pinlatch-edge
