//! Where an artifact comes from: system, cache, bundle, download, source, in that order.
