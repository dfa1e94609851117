//! The program for sign-in, setup of a new site, invitations and guest links. This program is loaded first and is
//! small, so that sign-in does not wait for the board. After sign-in, the board replaces this program in the page.

mod app;
mod form;
mod login;
mod screen;
mod setup;
mod shut;

pub use app::mount;
