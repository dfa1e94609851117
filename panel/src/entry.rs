//! The ways in: logging in, the setup of a new site, invitations, guest links. A program of its own and the first that
//! is loaded, small because nobody waits for a board that they may not see. Once somebody is in, it hands the page over
//! to the board.

mod app;
mod form;
mod login;
mod setup;
mod shut;

pub use app::mount;
