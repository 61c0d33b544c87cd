//! Hosts that lie: what they say costs the client bounded memory and time, and leads to an error that
//! names it; nothing is published, nothing is written outside the medium, nobody else is connected to.

mod activation;
mod answers;
mod backups;
mod ca;
mod frames;
mod host;
mod script;
mod silence;
