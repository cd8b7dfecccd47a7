//! The supply chain through the real command line, against a faulty server.

pub mod bed;
mod cuts;
mod direct;
mod disk;
mod honest;
mod table;
mod tamper;
