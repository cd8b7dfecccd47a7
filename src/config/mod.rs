//! Typed configuration: profiles, applications, versions. Reading one reports every problem in it
//! at once, each with its line.

mod amount;
mod application;
pub mod env;
mod paths;
mod problems;
mod profile;
mod reader;
mod versions;

pub use amount::{Amount, parse_bytes, show_bytes};
pub use application::{Application, ImageSpec};
pub use paths::Paths;
pub use problems::{Problem, Problems};
pub use profile::{ClusterSpec, Profile, ProviderKind};
pub use reader::{Document, Fields};
pub use versions::Versions;
