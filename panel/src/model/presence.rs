//! The presence of a device.

use pinlatch_protocol::panel::DeviceView;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Online,
    /// The device is connected, but did not answer the last command.
    NotAnswering,
    Offline,
}

impl Presence {
    pub fn of(device: &DeviceView) -> Self {
        match (device.online, device.answering) {
            (false, _) => Self::Offline,
            (true, false) => Self::NotAnswering,
            (true, true) => Self::Online,
        }
    }

    /// Returns the value of the attribute `data-presence`.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::NotAnswering => "silent",
            Self::Offline => "offline",
        }
    }
}
