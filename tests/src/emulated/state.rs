//! Defines the state of a pin.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The board does not drive the pin.
    Input,
    /// The board drives the pin to this level.
    Driven(bool),
}
