//! Where sets are kept.

use std::num::NonZeroU32;
use std::path::PathBuf;

use csbackup_repo::Location;

use super::RepositoryPassword;

use crate::args::ArchiveAccess;

/// Where sets are kept; which of the three is said, never guessed.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Sets {
    /// Directory that holds the sets: one folder for each
    #[arg(long, value_name = "PATH", group = "sets_in")]
    pub(crate) dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) access: RepoAccess,

    #[command(flatten)]
    pub(crate) archive: ArchiveAccess,
}

impl Sets {
    /// Is one named?
    pub(crate) fn are_given(&self) -> bool {
        self.dir.is_some() || self.access.repo.is_some() || self.archive.archive.is_some()
    }
}

/// A place of repositories, and how they are opened.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Repository")]
pub(crate) struct RepoAccess {
    /// Place of repositories, which `csbackup init` made: a folder, `s3:https://HOST/BUCKET/PREFIX`, or
    /// `rest:https://HOST/PATH`
    #[arg(long, value_name = "LOCATION", group = "sets_in")]
    pub(crate) repo: Option<Location>,

    #[command(flatten)]
    pub(crate) password: RepositoryPassword,

    /// Send at most this many KiB a second to the repository's store, on average
    #[arg(long, value_name = "KIB")]
    pub(crate) limit_upload: Option<NonZeroU32>,

    /// Fetch at most this many KiB a second from the repository's store, on average
    #[arg(long, value_name = "KIB")]
    pub(crate) limit_download: Option<NonZeroU32>,
}
