//! Command → expected screen, without an engine and without a cluster.

mod bad_input;
mod day_one;
mod engine;
mod env;
mod images;
mod install;
mod kubeconfig;
mod look;
mod preset;
mod stop;
mod tools;
