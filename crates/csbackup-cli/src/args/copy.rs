//! Copies of sets in other places.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use csbackup::ReadExtent;
use csbackup_repo::Location;

/// A place of sets in one word: `dir:PATH`, or a place of repositories.
#[derive(Debug, Clone)]
pub(crate) enum SetsAt {
    Directory(PathBuf),
    Repositories(Location),
}

impl FromStr for SetsAt {
    type Err = <Location as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("dir:") {
            Some(path) => Ok(Self::Directory(PathBuf::from(path))),
            None => text.parse().map(Self::Repositories),
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Extent {
    Full,
    Sample,
}

impl From<Extent> for ReadExtent {
    fn from(extent: Extent) -> Self {
        match extent {
            Extent::Full => Self::Full,
            Extent::Sample => Self::Sample,
        }
    }
}

/// The far places of a backup, and what they and the near one must prove.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Copies")]
pub(crate) struct Copies {
    /// Copy the sets to this place too: `dir:PATH`, or a place of repositories as with `--repo`. May be
    /// repeated. Copies are made from `--dir` or `--repo`, never from the CA; a place that is out of reach
    /// gets what it lacks in a later run
    #[arg(long = "copy-to", value_name = "PLACE")]
    pub(crate) to: Vec<SetsAt>,

    /// Read the password of the repositories in `--copy-to` from a file; without this it is that of `--repo`
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(crate) copy_password_file: Option<PathBuf>,

    /// Let the CA delete its logs when so many places hold the set, and what it needs, read back whole
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) copies_before_truncate: NonZeroUsize,

    /// How much of a stored set is read back and compared. `full`: all of it. `sample`: everything but the
    /// databases, and of these the headers and one page range in a hundred; the CA then keeps its logs
    #[arg(long, value_enum, default_value_t = Extent::Full)]
    pub(crate) verify_store: Extent,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Copy {
    /// Where the sets are: `dir:PATH`, or a place of repositories as with `--repo`
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: SetsAt,

    /// Where they go, in the same way
    #[arg(long, value_name = "PLACE")]
    pub(crate) to: SetsAt,

    /// Only the sets of this CA
    #[arg(long, value_name = "CA COMMON NAME")]
    pub(crate) ca_name: Option<String>,

    /// Only sets that are newer than the newest one in both places, and what they need: what was forgotten
    /// there stays forgotten. A backup with `--copy-to` does this
    #[arg(long)]
    pub(crate) newer: bool,

    /// How much of each copy is read back and compared: as for `backup`
    #[arg(long, value_enum, default_value_t = Extent::Full)]
    pub(crate) verify_store: Extent,

    /// Read the password of the repositories in `--from` from a file; without this CSBACKUP_REPO_PASSWORD
    /// has it
    #[arg(long, value_name = "FILE")]
    pub(crate) from_password_file: Option<PathBuf>,

    /// Read the password of the repositories in `--to` from a file; without this CSBACKUP_REPO_PASSWORD has it
    #[arg(long, value_name = "FILE")]
    pub(crate) to_password_file: Option<PathBuf>,
}
