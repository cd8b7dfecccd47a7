//! Hashing downloads into place: nothing arrives under its final name unverified.
