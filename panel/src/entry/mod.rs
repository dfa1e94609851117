//! The program for login, setup of a new site, invitations and guest links. This program is loaded first and is
//! small, so that login does not wait for the board. After login, the board replaces this program in the page.

mod app;
mod form;
mod login;
mod screen;
mod setup;
mod shut;

pub use app::mount;
