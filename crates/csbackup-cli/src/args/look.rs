//! Arguments of `doctor` and `dump`.

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {}

#[derive(Debug, clap::Args)]
pub(crate) struct Dump {}
