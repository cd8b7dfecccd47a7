//! Command → expected screen, without an engine and without a cluster.

mod bad_input;
mod engine;
mod install;
mod look;
