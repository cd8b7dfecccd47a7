//! Typed configuration: profiles, applications, versions. Readers report all problems at once, with lines.

mod application;
mod data_store;
mod dockerfile;
pub mod env;
mod environments;
mod overrides;
mod paths;
mod problems;
mod profile;
mod reader;
mod target;
mod values;
mod versions;

pub use application::{Application, BASE_ARG, FILE as APPLICATION_FILE, ImageSpec, Preset, TargetSpec};
pub use data_store::DataStore;
pub use dockerfile::Dockerfile;
pub use environments::Purpose;
pub use overrides::Override;
pub use paths::Paths;
pub use problems::Problems;
pub use profile::{Amount, ClusterSpec, MAX_NODES, Profile, ProviderKind};
pub(crate) use reader::suggest;
pub use reader::{Document, Fields};
pub use target::Target;
pub use values::Values;
pub use versions::Versions;
