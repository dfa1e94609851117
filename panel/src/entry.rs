//! Sign-in, setup of a new site, invitations and guest links. A separate program, loaded first and kept small, so that
//! sign-in does not wait for the board. After sign-in it hands the page over to the board.

mod app;
mod form;
mod login;
mod setup;
mod shut;

pub use app::mount;
