//! Amounts that a profile may leave to the program.

/// A number given by the user, or what fits the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount<T> {
    Auto,
    Given(T),
}
