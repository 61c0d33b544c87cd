//! Arguments of `crl`.

use std::path::PathBuf;

use clap::Subcommand;

use super::Which;

#[derive(Debug, Subcommand)]
pub(crate) enum Crl {
    /// Sign the newest revocation lists of a set anew, when the CA that should do it is gone: how, and where they go
    Extend(CrlExtend),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CrlExtend {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Days for which the new list is to hold
    #[arg(long, value_name = "N", default_value = "14", value_parser = clap::value_parser!(u16).range(1..=365))]
    pub(crate) days: u16,

    /// Write the old lists into this folder, where they are to be signed
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
}
