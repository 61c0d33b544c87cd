//! Pruning: giving back the space of what no set needs any more.
//!
//! In two steps: packs that nothing needs are marked, and deleted by a pruning at least 23 hours later.
//! A run that began before, unseen by our lock, may still have counted on them.

use std::str::FromStr;

use bytesize::ByteSize;
use csbackup::{Error, StoreTrouble};
use rustic_core::LimitOption;

use crate::Repositories;
use crate::error::StoreError;
use crate::gate::Gated;

/// How much is pruned.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PruneOptions {
    /// Say what would be done.
    pub dry_run: bool,
    /// Space that may stay unused in packs that are partly needed; `None`: 5% of the repository.
    pub max_unused: Option<Limit>,
    /// Delete at once what is not needed, without the waiting time. Only when nobody else uses the repository.
    pub instant: bool,
}

/// An amount of stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Of the repository's size.
    Percent(u64),
    /// So many bytes.
    Bytes(u64),
    /// Any.
    Unlimited,
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a size (`500MiB`), a percentage (`5%`) or `unlimited`".to_owned();
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        if let Some(percent) = text.strip_suffix('%') {
            return percent.parse().ok().filter(|p| *p < 100).map(Self::Percent).ok_or_else(expected);
        }
        text.parse::<ByteSize>().map(|size| Self::Bytes(size.as_u64())).map_err(|_| expected())
    }
}

impl From<Limit> for LimitOption {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Percent(percent) => Self::Percentage(percent),
            Limit::Bytes(bytes) => Self::Size(ByteSize(bytes)),
            Limit::Unlimited => Self::Unlimited,
        }
    }
}

/// What a pruning does, in stored bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Needed by sets.
    pub used: u64,
    /// Packs of which a part is needed are written again without the rest.
    pub rewritten: u64,
    /// Not needed any more: marked now, deleted by a pruning at least 23 hours later.
    pub marked: u64,
    /// Deleted now.
    pub deleted: u64,
    /// Marked earlier, and still waiting.
    pub waiting: u64,
    /// Marked earlier, and needed again.
    pub recovered: u64,
    /// Not needed, but in packs that are not worth the writing.
    pub left_unused: u64,
}

impl Repositories {
    /// Prunes the repository of a CA, alone in it.
    ///
    /// # Errors
    /// [`csbackup::StoreTrouble::Locked`] while anybody else uses the repository; what the store and the library say.
    /// Then nothing that is needed is gone.
    pub fn prune(&self, ca_name: &str, options: &PruneOptions) -> Result<PruneReport, Error> {
        let opened = self.open_ca(ca_name)?;
        let lock = self.alone(&opened, options.dry_run, "a pruning")?;
        let mut how = rustic_core::PruneOptions::default().instant_delete(options.instant);
        if options.instant {
            // What was marked earlier does not wait either.
            how.keep_delete = Default::default();
        }
        if let Some(limit) = options.max_unused {
            // Who wants less than the usual wants it at the price of more writing.
            how = how.max_unused(limit).max_repack(LimitOption::Unlimited);
        }
        let report = opened.run("prune the repository", || {
            let repo = match &lock {
                // Whose lock was lost removes nothing: somebody may have begun to count on it.
                Some(lock) => opened.handle_on(&Gated::under(lock, &opened.store))?,
                None => opened.handle()?,
            };
            let plan = repo.prune_plan(&how)?;
            let (size, marked) = (plan.stats.size_sum(), plan.stats.size_to_delete);
            let dropped = size.remove + size.repackrm + plan.stats.size_unref;
            let report = PruneReport {
                used: size.used,
                rewritten: size.repack,
                marked: if options.instant { 0 } else { dropped },
                deleted: marked.remove + if options.instant { dropped } else { 0 },
                waiting: marked.keep,
                recovered: marked.recover,
                left_unused: size.unused.saturating_sub(size.remove + size.repackrm),
            };
            if !options.dry_run {
                repo.prune(&how, plan)?;
            }
            Ok(report)
        });
        opened.changed();
        report.map_err(|error| match error {
            Error::Store { place, reason, .. } if reason.contains("missing in index") => {
                let hint =
                    "a set lacks data: nothing is pruned until it is forgotten; `csbackup check` names it";
                StoreError::new(StoreTrouble::Damaged, format!("{hint} ({reason})")).at(&place)
            }
            error => error,
        })
    }
}
