//! Pins of published images (`manifests/images.toml`), and until when versions are supported (`support.toml`).

mod image;
mod images;
mod review;
mod support;

pub use image::PublishedImage;
pub use images::Images;
pub use review::{Due, WARN_DAYS, due};
pub use support::{End, Line, Support};

#[cfg(test)]
mod tests;
