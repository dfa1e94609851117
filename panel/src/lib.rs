//! pinlatch-panel
