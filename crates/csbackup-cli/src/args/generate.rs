//! Files for who packages the program.

use std::path::PathBuf;

/// Where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// Folder to write into, as `completions` (bash, zsh, fish, PowerShell) and `man`
    pub(crate) dir: PathBuf,
}
