//! Keeping sets, and keeping repositories in order.

use csbackup::KeepOptions;
use csbackup_repo::{Limit, ReadData};
use time::{Duration, OffsetDateTime};

use crate::args::{RepoAccess, Sets};
use crate::look::When;

#[derive(Debug, clap::Args)]
pub(crate) struct Forget {
    /// Forget these sets, with all that continues them, instead of going by rules: ids or unique prefixes
    #[arg(conflicts_with = "rules")]
    pub(crate) sets: Vec<String>,

    #[command(flatten)]
    pub(crate) rules: Rules,

    /// Say what would be forgotten, and why
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// The time, where this machine's clock is not to be believed: 2026-11-22 or 2026-11-22T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) now: Option<OffsetDateTime>,

    /// Go on although sets are there that cannot be read: they may need what is forgotten
    #[arg(long)]
    pub(crate) accept_unreadable: bool,

    /// Prune the repository afterwards
    #[arg(long, conflicts_with = "dry_run", requires = "repo")]
    pub(crate) prune: bool,

    /// Only sets of this CA
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_name: Option<String>,

    #[command(flatten)]
    pub(crate) place: Sets,
}

/// Days, weeks, months and years are those of UTC; each rule keeps on its own, and what a kept set needs is
/// kept with it.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "rules", multiple = true)]
pub(crate) struct Rules {
    /// Keep the newest N sets
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) keep_last: usize,

    /// Keep the newest set of each of the newest N days that have one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) keep_daily: usize,

    /// The same for weeks
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) keep_weekly: usize,

    /// The same for months
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) keep_monthly: usize,

    /// The same for years
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) keep_yearly: usize,

    /// Keep what is at most so much older than the newest set, such as 30d (h, d, w, y)
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) keep_within: Option<Duration>,
}

impl Forget {
    pub(crate) fn keep(&self) -> KeepOptions {
        let Rules { keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly, keep_within } = self.rules;
        KeepOptions {
            last: keep_last,
            daily: keep_daily,
            weekly: keep_weekly,
            monthly: keep_monthly,
            yearly: keep_yearly,
            within: keep_within,
            accept_unreadable: self.accept_unreadable,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Mark {
    /// Set id, a unique prefix of it, or `latest`
    pub(crate) set: String,

    /// Put the set on hold: it is not forgotten, and nothing that it needs
    #[arg(long, required_unless_present = "release", conflicts_with = "release", requires = "reason")]
    pub(crate) hold: bool,

    /// When the hold ends: 2027-11-22, 2027-11-22T08:00:00Z, or from now on such as 1y; without this, never
    #[arg(long, value_name = "TIME", requires = "hold", value_parser = When::parse)]
    pub(crate) until: Option<When>,

    /// Why
    #[arg(
        long,
        value_name = "TEXT",
        requires = "hold",
        value_parser = clap::builder::NonEmptyStringValueParser::new(),
    )]
    pub(crate) reason: Option<String>,

    /// Lift all holds on the set
    #[arg(long)]
    pub(crate) release: bool,

    /// Only sets of this CA
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_name: Option<String>,

    #[command(flatten)]
    pub(crate) place: Sets,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Prune {
    /// Say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Unused space that may stay in packs that are partly needed: a size, a percentage, or `unlimited`; less
    /// of it means more writing [default: 5%]
    #[arg(long, value_name = "LIMIT")]
    pub(crate) max_unused: Option<Limit>,

    /// Delete at once what is not needed, instead of marking it for a pruning at least 23 hours later. Only
    /// when surely nobody else uses the repository
    #[arg(long)]
    pub(crate) instant: bool,

    /// Only the repository of this CA
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_name: Option<String>,

    #[command(flatten)]
    pub(crate) access: RepoAccess,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Read the stored data too, all of it, or: one of several parts (`2/7`), a percentage (`10%`) or a size (`5GiB`)
    /// at random
    #[arg(long, value_name = "HOW MUCH", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    pub(crate) read_data: Option<ReadData>,

    /// Only the repository of this CA
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_name: Option<String>,

    #[command(flatten)]
    pub(crate) place: Sets,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Repair {
    /// Say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Only the repository of this CA
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_name: Option<String>,

    #[command(flatten)]
    pub(crate) access: RepoAccess,
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    match When::parse(text) {
        Ok(When::At(at)) => Ok(at),
        _ => Err("expected 2026-11-22 or 2026-11-22T08:00:00Z".to_owned()),
    }
}

fn age(text: &str) -> Result<Duration, String> {
    match When::parse(text) {
        Ok(When::Distance(distance)) if !distance.is_negative() => Ok(distance),
        _ => Err("expected an age such as 30d (h, d, w, y)".to_owned()),
    }
}
