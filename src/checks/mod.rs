//! Declarative verifications: one kind per file, the checks themselves are data.
