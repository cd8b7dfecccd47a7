//! The address of the application on this machine, from its names and what leads where.

use super::Session;
use crate::host::names::{self, Address, Answer};

/// The address, and how each name was resolved.
#[derive(Debug, Clone)]
pub struct Access {
    pub address: Address,
    pub answers: Vec<Answer>,
}

/// `None` where there is no application.
pub fn access(session: &Session) -> Option<Access> {
    let application = session.application.as_ref()?;
    let answers = names::resolve(&application.hosts());
    let facts = &session.facts;
    let address = names::choose(facts.os, facts.wsl, &answers, session.ports().http)?;
    Some(Access { address, answers })
}
