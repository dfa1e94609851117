//! One binary for all end-to-end tests, so that they share one deployment.

mod access;
mod agents;
mod attacks;
mod audit;
mod carriers;
mod command_line;
mod commands;
mod contract;
mod guests_panel;
mod interop;
mod issuers;
mod keys;
mod latency;
mod lifecycle;
mod minted;
mod oidc;
mod openapi;
mod panel;
mod people;
mod pi;
mod restarts;
mod sealed;
mod sessions;
mod tokens;
mod virt;
