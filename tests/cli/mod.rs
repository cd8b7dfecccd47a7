//! Command → expected screen, without an engine and without a cluster.

mod bad_input;
mod day_one;
mod engine;
mod env;
mod install;
mod look;
mod preset;
