//! Bundles: a directory or tar of artifacts and a manifest of their digests.
