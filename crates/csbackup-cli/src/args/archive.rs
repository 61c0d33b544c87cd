//! A folder of encrypted archives, and their keys.

use std::path::PathBuf;

/// A folder of archives: written with public keys, read with secret ones.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Archive")]
pub(crate) struct ArchiveAccess {
    /// Folder of encrypted archives, one file for each set; a backup needs public keys only
    #[arg(long, value_name = "PATH", group = "sets_in")]
    pub(crate) archive: Option<PathBuf>,

    /// Public key of age that new archives are written for (`age1...`); may be given several times
    #[arg(long, value_name = "KEY", requires = "archive")]
    pub(crate) recipient: Vec<String>,

    /// File with such keys, one a line
    #[arg(long, value_name = "FILE", requires = "archive")]
    pub(crate) recipients_file: Vec<PathBuf>,

    /// File with a secret key, as `age-keygen` writes it, to read archives with
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Vec<PathBuf>,
}
