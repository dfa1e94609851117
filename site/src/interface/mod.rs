//! Defines the data that a site exchanges with its Durable Object.

pub(crate) mod call;
pub(crate) mod credential;
pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod links;
pub(crate) mod principal;
