//! What to restore, and where.

use std::path::PathBuf;

use super::{Which, mapping};

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Folder to restore to
    #[arg(long, value_name = "DIR", required_unless_present = "original", conflicts_with = "original")]
    pub(crate) to: Option<PathBuf>,

    /// Restore to the paths of the restore map
    #[arg(long)]
    pub(crate) original: bool,

    /// Local place of a share that the restore map names
    #[arg(long = "map", value_name = r"\\HOST\SHARE=PATH", value_parser = mapping, requires = "original")]
    pub(crate) maps: Vec<(String, PathBuf)>,

    /// Move existing files aside
    #[arg(long)]
    pub(crate) force: bool,

    /// Print the plan and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
}
