//! Command → expected screen, without an engine and without a cluster.

mod bad_input;
mod bundle;
mod day_one;
mod down;
mod engine;
mod env;
mod images;
mod install;
mod install_platform;
mod install_refused;
mod install_release;
#[cfg(target_os = "linux")]
mod interrupt;
mod kubeconfig;
mod lock;
mod look;
mod owner;
mod preset;
mod stop;
mod tools;
mod user_files;
