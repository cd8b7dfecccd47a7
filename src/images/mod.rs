//! The application's images: build, tag, load into the node.
