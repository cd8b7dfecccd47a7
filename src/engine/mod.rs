//! The container engine: find it, say what is wrong with it, install and start it, use it.
