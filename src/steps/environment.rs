//! The application's environment in a session.

use super::Session;
use crate::config::{Application, Target};

impl Session {
    /// The target of the application's images.
    pub fn target(&self) -> Target {
        self.application.as_ref().map(Application::target).unwrap_or_default()
    }

    /// The name of the application's environment; `None` if it has none.
    pub fn environment_name(&self) -> Option<&str> {
        self.application.as_ref()?.environment.as_ref().map(|environment| environment.name.as_str())
    }

    /// The environment, the one that it replaces, and what images are built for.
    pub fn environment_line(&self) -> Option<String> {
        let name = self.environment_name()?;
        let before = self.receipt().environment.filter(|before| before != name);
        let change = before.map_or_else(String::new, |before| format!(", which replaces {before}"));
        Some(format!("environment {name}{change}; images are built for target {}", self.target()))
    }
}
