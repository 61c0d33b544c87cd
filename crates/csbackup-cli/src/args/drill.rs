//! Arguments of `drill`, and of what else replays logs.

use std::path::PathBuf;

use csbackup::Until;

use super::Sets;
use super::look::number;
use crate::look::When;

#[derive(Debug, clap::Args)]
pub(crate) struct Drill {
    /// Set id, a unique prefix of it, or `latest` (with --dir or --repo); otherwise the path of a set, of a
    /// `certutil` backup, or of any folder with a database and its logs
    pub(crate) set: String,

    /// Only sets of this CA
    #[arg(long, value_name = "NAME", requires = "sets_in")]
    pub(crate) ca_name: Option<String>,

    /// Folder of the logs, where they are not in the folder of the database
    #[arg(long, value_name = "DIR", conflicts_with = "sets_in")]
    pub(crate) logs: Option<PathBuf>,

    /// Replay the logs to this point only; such a drill is not noted beside the set
    #[arg(long, value_name = "TIME|GENERATION", value_parser = Point::parse)]
    pub(crate) until: Option<Point>,

    /// Keep the recovered database in this new file: closed, without need of any log. On Windows it has the
    /// rights of its folder
    #[arg(long, value_name = "FILE", conflicts_with = "scratch")]
    pub(crate) keep: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,

    #[command(flatten)]
    pub(crate) sets: Sets,
}

/// Where databases are recovered.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ScratchArgs {
    /// Folder with room for a copy of the database; without this the system's for temporary files (TMPDIR,
    /// on Windows TEMP)
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
}

impl ScratchArgs {
    pub(crate) fn folder(&self) -> PathBuf {
        self.scratch.clone().unwrap_or_else(std::env::temp_dir)
    }
}

/// A point in time of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    End,
    Generation(u32),
    At(When),
}

impl Point {
    /// `end`, a log generation (decimal, or hexadecimal with 0x), or a time as elsewhere.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "end" {
            return Ok(Self::End);
        }
        if let Ok(generation) = number(text) {
            return Ok(Self::Generation(generation));
        }
        let expected = "expected a log generation such as 0x1f, 2026-11-22, 2026-11-22T08:00:00Z, a time ago such as 3h or 30d (h, d, w, y), or `end`";
        When::parse(text).map(Self::At).map_err(|_| expected.to_owned())
    }

    pub(crate) fn until(self) -> anyhow::Result<Until> {
        Ok(match self {
            Self::End => Until::End,
            Self::Generation(generation) => Until::Generation(generation),
            Self::At(when) => Until::Time(when.moment_ago()?),
        })
    }
}
