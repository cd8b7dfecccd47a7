//! The supply chain through the real command line, against a faulty server.

mod bed;
mod cuts;
mod direct;
mod disk;
mod honest;
mod table;
mod tamper;
