//! What to restore, and where.

use std::path::PathBuf;

use clap::ValueEnum;
use csra_client::Target;

use super::{Point, Sets, mapping};

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) which: RestoreWhich,

    #[command(flatten)]
    pub(crate) to: RestoreTo,

    /// Certadm library to register the restore with; without it the one of the Windows system directory
    #[arg(long, value_name = "PATH", requires = "local")]
    pub(crate) certadm: Option<PathBuf>,

    /// Local place of a share that the restore map names
    #[arg(long = "map", value_name = r"\\HOST\SHARE=PATH", value_parser = mapping, conflicts_with = "to")]
    pub(crate) maps: Vec<(String, PathBuf)>,

    /// Only these parts; without this everything, but registry and keys of a CA only when they are named
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART,...")]
    pub(crate) only: Vec<Part>,

    /// Replay the logs here, and lay the database down closed, without any log: for other paths and names, for
    /// another program, for a CA that cannot replay them. Nothing is registered
    #[arg(long, conflicts_with_all = ["resume", "undo", "status"])]
    pub(crate) recovered: bool,

    /// Replay the logs to this point only: a log generation, a time, or `end`
    #[arg(long, value_name = "TIME|GENERATION", value_parser = Point::parse, requires = "recovered")]
    pub(crate) until: Option<Point>,

    /// Move existing files aside
    #[arg(long)]
    pub(crate) force: bool,

    /// Print the plan and stop
    #[arg(long, conflicts_with_all = ["resume", "undo", "status"])]
    pub(crate) dry_run: bool,

    /// Go on with a restore that was interrupted
    #[arg(long, conflicts_with_all = ["set", "undo", "status", "original"])]
    pub(crate) resume: bool,

    /// Go back to what was there before a restore that was interrupted, or that the CA has not used yet
    #[arg(long, conflicts_with_all = ["set", "status", "original"])]
    pub(crate) undo: bool,

    /// Show what the last restore to the place left: its journal, and what the CA is to replay
    #[arg(long, conflicts_with_all = ["set", "original"])]
    pub(crate) status: bool,

    /// Folder with the journal, where it is not that of the CA's logs
    #[arg(long, value_name = "DIR", conflicts_with = "set")]
    pub(crate) journal: Option<PathBuf>,

    /// Read the password of the keys from a file; without this CSBACKUP_KEY_PASSWORD has it, or a prompt
    /// asks
    #[arg(long, value_name = "FILE", conflicts_with = "key_password_keyring")]
    pub(crate) key_password_file: Option<PathBuf>,

    /// Take the password of the keys from the keyring of this system (service `csbackup-key`)
    #[arg(long)]
    pub(crate) key_password_keyring: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestoreWhich {
    /// Set id, a unique prefix of it, or `latest` (with --dir or --repo); otherwise the path of a set
    #[arg(required_unless_present_any = ["resume", "undo", "status"])]
    pub(crate) set: Option<String>,

    /// Only sets of this CA
    #[arg(long, value_name = "NAME", requires = "sets_in")]
    pub(crate) ca_name: Option<String>,

    #[command(flatten)]
    pub(crate) sets: Sets,
}

/// One of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct RestoreTo {
    /// Folder to restore to: files only
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,

    /// Restore to the paths of the restore map: files only
    #[arg(long)]
    pub(crate) original: bool,

    /// Restore to an embedded CA, and register it there
    #[arg(long, value_name = "DIR")]
    pub(crate) ca_dir: Option<PathBuf>,

    /// Restore to the CA on this machine, and register it through Certadm.dll (Windows)
    #[arg(long)]
    pub(crate) local: bool,

    /// Not possible: a restore is registered on the CA's own machine
    #[arg(long, value_name = r"HOST[\CA NAME]", hide = true)]
    pub(crate) ca: Option<Target>,
}

/// What can be restored by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Database and logs
    Database,
    /// Files outside the database
    Crl,
    /// The folder CertEnroll
    Enroll,
    /// CAPolicy.inf
    Policy,
    /// Registry values, those of the host edited
    Registry,
    /// Keys of the CA (PKCS #12)
    Key,
}

impl From<Part> for csbackup::Part {
    fn from(part: Part) -> Self {
        match part {
            Part::Database => Self::Database,
            Part::Crl => Self::Crl,
            Part::Enroll => Self::Enroll,
            Part::Policy => Self::Policy,
            Part::Registry => Self::Registry,
            Part::Key => Self::Key,
        }
    }
}
