//! Command → expected screen, without an engine and without a cluster.

mod bad_input;
mod bundle;
mod day_one;
mod engine;
mod env;
mod images;
mod install;
mod install_platform;
mod install_refused;
mod install_release;
mod kubeconfig;
mod look;
mod preset;
mod stop;
mod tools;
mod user_files;
