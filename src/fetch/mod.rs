//! Hashing downloads into place: nothing arrives under its final name unverified.

mod atomic;

pub use atomic::write_atomic;
