//! Arguments of what runs for years: the configuration, what is due, when.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Subcommand;

/// The CAs of `csbackup.toml` that a command is about.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct NamedCas {
    /// Only this CA of csbackup.toml; may be repeated
    #[arg(id = crate::config::NAMES, long = "ca", value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration; what is wrong is told with its line
    Check,
    /// Show what is said of each CA, and where it is said
    Show(NamedCas),
    /// Print an example, with all that can be said, to begin with
    Example,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) cas: NamedCas,

    /// So many CAs at a time
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) parallel: NonZeroUsize,

    /// Say what is due, and why
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) cas: NamedCas,

    /// Write metrics for Prometheus into this file, which is replaced at once (textfile collector)
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) cas: NamedCas,

    /// So many CAs at a time
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) parallel: NonZeroUsize,

    /// Look so often what is due
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = time)]
    pub(crate) every: std::time::Duration,
}

fn time(text: &str) -> Result<std::time::Duration, String> {
    crate::config::age(text).ok_or_else(|| "expected a time such as 1m, 15m or 2h".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// Have the system start `csbackup run`: a systemd timer, or a scheduled task of Windows
    Install(ScheduleInstall),
    /// Show what would be installed
    Show(ScheduleInstall),
    /// Remove it
    Remove(ScheduleRemove),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ScheduleInstall {
    /// So often; what a run finds not due it leaves alone
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time)]
    pub(crate) every: std::time::Duration,

    /// Start `csbackup watch` once instead, which looks every minute
    #[arg(long, conflicts_with = "every")]
    pub(crate) watch: bool,

    #[command(flatten)]
    pub(crate) place: UnitPlace,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ScheduleRemove {
    #[command(flatten)]
    pub(crate) place: UnitPlace,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UnitPlace {
    /// Folder of the units (systemd); given, systemd is not told of them
    #[arg(long, value_name = "DIR")]
    pub(crate) unit_dir: Option<PathBuf>,
}
