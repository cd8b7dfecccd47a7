//! The supply chain through the real command line, against a server that lies.

mod bed;
mod cuts;
mod direct;
mod disk;
mod honest;
mod table;
mod tamper;
