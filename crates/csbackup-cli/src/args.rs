use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use certsrv::Role;
use clap::{Parser, Subcommand, ValueEnum};
use csbackup::{Requested, VerifyLevel};

mod archive;
mod copy;
mod crl;
mod drill;
mod generate;
mod key;
mod look;
mod operate;
mod place;
mod repository;
mod restore;
mod rows;
mod sets;
mod upkeep;

pub(crate) use archive::ArchiveAccess;
pub(crate) use copy::{Copies, Copy, SetsAt};
pub(crate) use crl::{Crl, CrlExtend};
pub(crate) use drill::{Drill, Point, ScratchArgs};
pub(crate) use generate::Generate;
pub(crate) use key::KeyArgs;
pub(crate) use look::*;
pub(crate) use operate::{ConfigCommand, Run, Schedule, ScheduleInstall, Status, UnitPlace, Watch};
pub(crate) use place::{Ca as TheCa, Library, Logon, PasswordSource, Place, Shares};
pub(crate) use repository::*;
pub(crate) use restore::{Part, Restore, RestoreWhich};
pub(crate) use rows::*;
pub(crate) use sets::{RepoAccess, Sets};
pub(crate) use upkeep::*;

/// Backup and recovery of Microsoft certification authorities (AD CS).
#[derive(Debug, Parser)]
#[command(name = "csbackup", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "With a csbackup.toml every command takes `--ca NAME` in place of all that the file says of that CA."
)]
pub(crate) struct Args {
    /// One JSON object per line on stdout instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Results, warnings and errors only
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Tell on stderr what happens on the network; CSBACKUP_LOG chooses more finely
    #[arg(long, global = true)]
    pub(crate) verbose: bool,

    /// The configuration; without this CSBACKUP_CONFIG names it, or it is /etc/csbackup/csbackup.toml (on Windows
    /// csbackup\csbackup.toml below %ProgramData%)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Back up a CA: read, check, store, read back, and only then truncate its logs
    Backup(Box<Backup>),
    /// Is the CA reachable, who am I to it, and what stands in the way of a backup?
    Ping(Box<Ping>),
    /// Make the repository of a CA
    Init(Box<Init>),
    /// The passwords of a repository
    #[command(subcommand)]
    Password(PasswordCommand),
    /// List the sets and what they are worth
    List(List),
    /// Show one set: what its database holds, files, generations, findings, notes
    Show(Show),
    /// Verify every byte of a set, or of any folder with a database and its logs
    Verify(Verify),
    /// Restore a set to a scratch file, replay its logs, verify what comes of it, and note the result
    Drill(Box<Drill>),
    /// List the certificates in a set, a folder or a database
    Certs(Certs),
    /// List the requests
    Requests(Requests),
    /// List the certificate revocation lists
    Crls(Crls),
    /// Write certificates or revocation lists into files
    Export(Export),
    /// What changed between two sets or folders: issued, revoked, changed, vanished
    Diff(Diff),
    /// Lay a set down, with all it depends on
    Restore(Restore),
    /// Take in a folder written by `certutil -backup` or another tool
    Import(Import),
    /// Forget sets by rules, by whole chains; the plan is shown first
    Forget(Forget),
    /// Hold a set, so that nothing forgets it, or release it
    Mark(Mark),
    /// Give back the space of a repository that no set needs any more
    Prune(Prune),
    /// Check a repository itself: index, packs, and that every set has its files
    Check(Check),
    /// Mend what can be mended in a repository
    Repair(Repair),
    /// Copy sets to another place, with what is known of them
    Copy(Box<Copy>),
    /// Examine a CA's folder, live or broken: its state, what it needs, what to do next
    Doctor(Doctor),
    /// Show headers, pages, trees, tables and logs, for experts
    Dump(Dump),
    /// Revocation lists on the bad day
    #[command(subcommand)]
    Crl(Crl),
    /// Do what is due for the CAs of csbackup.toml: backups, drills, forgetting
    Run(Run),
    /// How each CA of csbackup.toml stands, judged from its sets: 0 ok, 1 warning, 2 critical, 3 unknown
    Status(Status),
    /// Go on doing what is due, as soon as it is, until Ctrl-C or SIGTERM
    Watch(Watch),
    /// Have the system start `run` by itself
    #[command(subcommand)]
    Schedule(Schedule),
    /// The configuration: check it, show it, begin one
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Back up, damage, verify and restore an embedded CA in a temporary folder
    Demo(Demo),
    /// Serve an embedded CA on the network until Ctrl-C or SIGTERM
    Serve(Serve),
    /// Embedded CA directories: make one, let time pass, let users in
    #[command(subcommand)]
    Ca(Ca),
    /// Write shell completions and man pages into a folder
    Generate(Generate),
}

impl Args {
    /// Does the command talk to a CA on the network?
    pub(crate) fn is_remote(&self) -> bool {
        let place = match &self.command {
            Command::Backup(backup) => &backup.place,
            Command::Ping(ping) => &ping.place,
            _ => return false,
        };
        place.ca.ca.is_some()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// Kind of backup
    #[arg(long = "type", value_enum, default_value_t = Kind::Auto)]
    pub(crate) kind: Kind,

    /// Do not let the CA delete its logs
    #[arg(long)]
    pub(crate) keep_logs: bool,

    /// Let the CA delete logs that are in no set, without trying to save them first
    #[arg(long)]
    pub(crate) accept_gap: bool,

    /// How much is verified before the CA deletes its logs. `stream`: each page, segment and header, as
    /// they come in. `full`: also the trees of the database, and that the logs continue it; reads the
    /// stored database once more. `deep`: also every entry of every index
    #[arg(long, value_enum, default_value_t = Level::Full)]
    pub(crate) verify: Level,

    /// Drill the new set at the end: restore it to a scratch file, replay its logs, verify what comes of it
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) drill: bool,

    /// Folder for the drill, with room for a copy of the database; without this the system's for temporary files
    #[arg(long, value_name = "DIR", requires = "drill")]
    pub(crate) scratch: Option<PathBuf>,

    /// Seconds to wait for another backup of the CA to end
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub(crate) wait: Duration,

    /// Say what would be done, and why
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Local place of a share that the CA names
    #[arg(long = "map", value_name = r"\\HOST\SHARE=PATH", value_parser = mapping)]
    pub(crate) maps: Vec<(String, PathBuf)>,

    /// Restart the certificate service first, so that a CA that keeps superfluous logs deletes them
    /// (Windows Server 2008 R2 to 2016; with --local or --ca-dir)
    #[arg(long)]
    pub(crate) restart_service: bool,

    // Last: their headings go for what follows.
    #[command(flatten)]
    pub(crate) sets: Sets,

    #[command(flatten)]
    pub(crate) copies: Copies,

    #[command(flatten)]
    pub(crate) key: KeyArgs,

    #[command(flatten)]
    pub(crate) place: Place,

    #[command(flatten)]
    pub(crate) shares: Shares,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Level {
    Stream,
    Full,
    Deep,
}

impl From<Level> for VerifyLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Stream => Self::Stream,
            Level::Full => Self::Full,
            Level::Deep => Self::Deep,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    Auto,
    Full,
    Incremental,
}

impl From<Kind> for Requested {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Auto => Self::Auto,
            Kind::Full => Self::Full,
            Kind::Incremental => Self::Incremental,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Ping {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only this CA
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_name: Option<String>,

    #[command(flatten)]
    pub(crate) sets: Sets,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Set id, a unique prefix of it, or `latest` (with --dir or --repo); otherwise the path of a set
    pub(crate) set: String,

    /// Only sets of this CA
    #[arg(long, value_name = "NAME", requires = "sets_in")]
    pub(crate) ca_name: Option<String>,

    #[command(flatten)]
    pub(crate) sets: Sets,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// Set id, a unique prefix of it, or `latest` (with --dir or --repo); otherwise the path of a set, of a
    /// `certutil` backup, of any folder with a database and its logs, or of one `.edb`
    #[arg(required_unless_present = "all")]
    pub(crate) set: Option<String>,

    /// Only sets of this CA
    #[arg(long, value_name = "NAME", requires = "sets_in")]
    pub(crate) ca_name: Option<String>,

    /// Compare every row with every index, and decompress every value; else a sample of one in sixteen
    #[arg(long, conflicts_with = "stream")]
    pub(crate) deep: bool,

    /// Only each page, segment and header by itself, and how the files fit together
    #[arg(long)]
    pub(crate) stream: bool,

    /// Every set in the directory
    #[arg(long, requires = "sets_in", conflicts_with = "set")]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) sets: Sets,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The folder (the one with `DataBase` in it, or that one itself)
    pub(crate) folder: PathBuf,

    /// CA common name, where the folder does not tell it
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_name: Option<String>,

    /// Host of the CA, where the folder does not tell it
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,

    #[command(flatten)]
    pub(crate) sets: Sets,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Work in this (new or empty) folder and keep it
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Directory of the CA
    pub(crate) ca_dir: PathBuf,

    /// Address to listen on; this and the ports are kept in `ca.toml`
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<IpAddr>,

    /// TCP port of the resolver, the one that clients are told; 0: the system chooses
    #[arg(long, value_name = "PORT")]
    pub(crate) resolver_port: Option<u16>,

    /// TCP port of the CA's interface; 0: the system chooses
    #[arg(long, value_name = "PORT")]
    pub(crate) exporter_port: Option<u16>,

    /// Log on stderr as JSON
    #[arg(long)]
    pub(crate) log_json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Ca {
    /// Make an embedded CA from the built-in example, or from a folder recorded by the engine
    New {
        /// Directory to create
        ca_dir: PathBuf,

        /// Folder with `hot`, `hot-inc1`, `hot-inc2` and their `*.backup.json`
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,

        /// Allow backups over the network, which a CA refuses after installation
        #[arg(long)]
        allow_remote_backup: bool,
    },
    /// Let the embedded CA work on: move to its next recorded state
    Advance {
        /// Directory of the CA
        ca_dir: PathBuf,
    },
    /// Let a user in over the network, or give one another password and other roles
    User {
        /// Directory of the CA
        ca_dir: PathBuf,

        /// Account name
        name: String,

        /// NetBIOS domain; without it the name counts in any
        #[arg(long, value_name = "NAME")]
        domain: Option<String>,

        /// Role on the CA; may be repeated
        #[arg(
            long = "role",
            value_name = "administrator|officer|auditor|operator|read|enroll",
            value_parser = role,
            default_values = ["operator", "read"],
        )]
        roles: Vec<Role>,

        #[command(flatten)]
        password: PasswordSource,
    },
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| "expected whole seconds".to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    Ok(match text {
        "administrator" => Role::Administrator,
        "officer" => Role::Officer,
        "auditor" => Role::Auditor,
        "operator" => Role::Operator,
        "read" => Role::Read,
        "enroll" => Role::Enroll,
        _ => return Err("no such role".to_owned()),
    })
}

fn mapping(text: &str) -> Result<(String, PathBuf), String> {
    let (share, path) = text.rsplit_once('=').ok_or(r"expected \\HOST\SHARE=PATH")?;
    if !share.starts_with(r"\\") || path.is_empty() {
        return Err(r"expected \\HOST\SHARE=PATH".to_owned());
    }
    Ok((share.to_owned(), PathBuf::from(path)))
}
