//! This module defines the close codes of the edge's WebSockets, from the range that RFC 6455 §7.4.2 reserves for
//! applications.

/// The site refused the agent's `hello` message. The close reason contains the cause.
pub const HELLO_REFUSED: u16 = 4400;
/// The panel's token has expired or was revoked.
pub const SESSION_ENDED: u16 = 4401;
/// The device was removed or enrolled again.
pub const NOT_ENROLLED: u16 = 4403;
/// The agent showed no activity for too long.
pub const SILENT: u16 = 4408;
/// The edge lost levels of the device. The agent connects again and reports all levels.
pub const LEVELS_LOST: u16 = 4410;
/// The caller sent too many messages that caused no new command.
pub const THROTTLED: u16 = 4429;
/// A newer connection of the same device replaced the closed connection.
pub const REPLACED: u16 = 4409;
