//! Tests `pinlatch` with a server that pretends to be an edge.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod codes;
mod doctor;
mod fake_edge;
mod hostile;
mod rules;
mod statements;
