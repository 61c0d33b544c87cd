//! Arguments of the commands that look inside: rows, files, differences.

#[derive(Debug, clap::Args)]
pub(crate) struct Certs {}

#[derive(Debug, clap::Args)]
pub(crate) struct Requests {}

#[derive(Debug, clap::Args)]
pub(crate) struct Crls {}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {}

#[derive(Debug, clap::Args)]
pub(crate) struct Diff {}
