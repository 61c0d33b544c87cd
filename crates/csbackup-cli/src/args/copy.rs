//! Copies of sets in other places.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use csbackup::ReadExtent;
use csbackup_repo::Location;

use super::RepositoryPassword;
use crate::env;

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

    #[command(flatten)]
    pub(crate) password: CopyPassword,

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

    /// Only sets that are newer than the newest one in both places or had to be left behind before, and what
    /// they need: what was forgotten there stays forgotten. A backup with `--copy-to` does this
    #[arg(long)]
    pub(crate) newer: bool,

    /// How much of each copy is read back and compared: as for `backup`
    #[arg(long, value_enum, default_value_t = Extent::Full)]
    pub(crate) verify_store: Extent,

    #[command(flatten)]
    pub(crate) from_password: FromPassword,

    #[command(flatten)]
    pub(crate) to_password: ToPassword,

    /// Send at most this many KiB a second to the stores of repositories, on average
    #[arg(long, value_name = "KIB")]
    pub(crate) limit_upload: Option<NonZeroU32>,

    /// Fetch at most this many KiB a second from the stores of repositories, on average
    #[arg(long, value_name = "KIB")]
    pub(crate) limit_download: Option<NonZeroU32>,
}

/// Where the password of `--copy-to` comes from.
#[derive(Debug, Clone, clap::Args)]
#[group(multiple = false)]
pub(crate) struct CopyPassword {
    /// Read the password of the repositories in `--copy-to` from the first line of a file; without this and
    /// the next two CSBACKUP_COPY_REPO_PASSWORD has it, else it is that of `--repo`
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(crate) copy_password_file: Option<PathBuf>,

    /// Take it from the first line that this command of the system's shell prints
    #[arg(long, value_name = "COMMAND", requires = "to")]
    pub(crate) copy_password_command: Option<String>,

    /// Take it from the keyring of this system (service `csbackup-repo`, user PLACE)
    #[arg(long, requires = "to")]
    pub(crate) copy_password_keyring: bool,
}

/// Where the password of `--from` comes from.
#[derive(Debug, Clone, clap::Args)]
#[group(multiple = false)]
pub(crate) struct FromPassword {
    /// Read the password of the repositories in `--from` from the first line of a file; without this and the
    /// next two CSBACKUP_REPO_PASSWORD has it, or a prompt asks
    #[arg(long, value_name = "FILE")]
    pub(crate) from_password_file: Option<PathBuf>,

    /// Take it from the first line that this command of the system's shell prints
    #[arg(long, value_name = "COMMAND")]
    pub(crate) from_password_command: Option<String>,

    /// Take it from the keyring of this system (service `csbackup-repo`, user PLACE)
    #[arg(long)]
    pub(crate) from_password_keyring: bool,
}

/// Where the password of `--to` comes from.
#[derive(Debug, Clone, clap::Args)]
#[group(multiple = false)]
pub(crate) struct ToPassword {
    /// Read the password of the repositories in `--to` from the first line of a file; without this and the
    /// next two CSBACKUP_COPY_REPO_PASSWORD has it, else CSBACKUP_REPO_PASSWORD, or a prompt asks
    #[arg(long, value_name = "FILE")]
    pub(crate) to_password_file: Option<PathBuf>,

    /// Take it from the first line that this command of the system's shell prints
    #[arg(long, value_name = "COMMAND")]
    pub(crate) to_password_command: Option<String>,

    /// Take it from the keyring of this system (service `csbackup-repo`, user PLACE)
    #[arg(long)]
    pub(crate) to_password_keyring: bool,
}

impl CopyPassword {
    /// As that of a repository, where an option says it.
    pub(crate) fn given(&self) -> Option<RepositoryPassword> {
        let Self { copy_password_file: file, copy_password_command: command, copy_password_keyring: keyring } =
            self;
        let is_given = file.is_some() || command.is_some() || *keyring;
        is_given.then(|| RepositoryPassword::of_copy("--copy-password", file, command, *keyring))
    }
}

impl FromPassword {
    /// As that of a repository.
    pub(crate) fn of_repository(&self) -> RepositoryPassword {
        let Self { from_password_file: file, from_password_command: command, from_password_keyring: keyring } =
            self;
        let password = RepositoryPassword::of_copy("--from-password", file, command, *keyring);
        RepositoryPassword { variables: &[env::REPO_PASSWORD], ..password }
    }
}

impl ToPassword {
    /// As that of a repository.
    pub(crate) fn of_repository(&self) -> RepositoryPassword {
        let Self { to_password_file: file, to_password_command: command, to_password_keyring: keyring } =
            self;
        RepositoryPassword::of_copy("--to-password", file, command, *keyring)
    }
}

impl RepositoryPassword {
    /// That of a place with copies.
    fn of_copy(
        options: &'static str,
        file: &Option<PathBuf>,
        command: &Option<String>,
        keyring: bool,
    ) -> Self {
        Self {
            repo_password_file: file.clone(),
            repo_password_command: command.clone(),
            repo_password_keyring: keyring,
            options,
            variables: &[env::COPY_REPO_PASSWORD, env::REPO_PASSWORD],
        }
    }
}
