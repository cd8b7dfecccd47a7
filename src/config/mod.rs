//! Typed configuration: profiles, applications, versions. Readers report all problems at once, with lines.

mod application;
mod dockerfile;
pub mod env;
mod paths;
mod problems;
mod profile;
mod reader;
mod target;
mod values;
mod versions;

pub use application::{
    Application, BASE_ARG, FILE as APPLICATION_FILE, ImageSpec, Override, Preset, TargetSpec,
};
pub use dockerfile::Dockerfile;
pub use paths::Paths;
pub use problems::Problems;
pub use profile::{Amount, ClusterSpec, Profile, ProviderKind};
pub(crate) use reader::suggest;
pub use reader::{Document, Fields};
pub use target::Target;
pub use values::Values;
pub use versions::Versions;
