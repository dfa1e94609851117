//! pinlatch-agent
