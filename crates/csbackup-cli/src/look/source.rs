//! What is looked into, and what of it cannot be read.

use std::path::Path;

use ca_database::{Cause, Lost, RowError};
use csbackup::manifest::Severity;
use csbackup::{FindingEntry, Look, LookState, Past, Until};
use serde_json::json;

use super::goes_on;
use crate::args::{Point, ScratchArgs, Sets, Which};
use crate::commands::{find, set_folder};
use crate::exit::{Exit, NotRecovered};
use crate::printer::Printer;
use crate::progress::Reporter;
use crate::report;
use crate::rows::Rows;

/// What is looked into, and what its replay came to.
pub(super) struct Opened {
    pub(super) look: Look,
    /// Damage stopped the replay.
    is_damaged: bool,
}

/// Where to look.
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) sets: &'a Sets,
    pub(super) ca_name: Option<&'a str>,
    pub(super) scratch: &'a ScratchArgs,
    /// The option that names a point in time of this one.
    pub(super) option: &'a str,
}

impl Place<'_> {
    /// Opens what was named (a set in a directory or by its path, a folder, a database), as it is or as it was.
    pub(super) fn open(&self, at: Option<Point>, printer: Printer) -> anyhow::Result<Opened> {
        let path = Path::new(self.name);
        let until = at.map(Point::until).transpose()?;
        match self.sets.are_given() {
            // Beside the sets any path can be named, to compare it with them.
            true if !path.exists() => self.of_set(self.sets, until, printer),
            _ if set_folder(path)?.is_some() => self.of_set(&Sets::default(), until, printer),
            _ if !path.exists() => {
                let name = self.name;
                anyhow::bail!("there is no `{name}` here; to name a set by its id, give `--dir` or `--repo`")
            }
            _ => match until {
                None => Ok(Opened::plain(csbackup::look_into_folder(path)?)),
                Some(until) => {
                    let (scratch, reporter) = (self.scratch.folder(), Reporter::new(printer));
                    let past = csbackup::look_at_folder(path, until, &scratch, &reporter)?;
                    drop(reporter);
                    Opened::past(self.name, past, printer)
                }
            },
        }
    }

    fn of_set(&self, sets: &Sets, until: Option<Until>, printer: Printer) -> anyhow::Result<Opened> {
        let ca_name = self.ca_name.map(str::to_owned);
        let which = Which { set: self.name.to_owned(), ca_name, sets: sets.clone() };
        let (medium, catalogue, set) = find(&which, printer)?;
        let Some(until) = until else {
            return Ok(Opened::plain(csbackup::look_into_set(&*medium, &catalogue, &set)?));
        };
        let (scratch, reporter) = (self.scratch.folder(), Reporter::new(printer));
        let past = csbackup::look_at(&*medium, &catalogue, &set, until, &scratch, &reporter)?;
        drop(reporter);
        Opened::past(set.id.as_str(), past, printer)
    }

    /// Says of which moment the rows are.
    pub(super) fn tell(&self, opened: &Opened, printer: Printer) {
        let state = &opened.look.state;
        let LookState { place, base, consistent, streamed, not_replayed, recovered } = state;
        let text = state.to_string();
        if printer.is_json() {
            let value = json!({
                "place": place, "base": base, "consistent": consistent, "streamed": streamed,
                "not_replayed": not_replayed, "recovered": recovered, "text": text,
            });
            printer.result("source", value, "");
        } else if state.is_notable() {
            let hint = not_replayed.map(|_| format!(" (`{} end` replays them)", self.option));
            printer.note(&format!("{text}{}", hint.unwrap_or_default()));
        }
    }
}

impl Opened {
    fn plain(look: Look) -> Self {
        Self { look, is_damaged: false }
    }

    /// Says what stopped a replay. Where nothing came of it there are no rows.
    fn past(place: &str, past: Past, printer: Printer) -> anyhow::Result<Self> {
        let Past { look, findings } = past;
        for finding in &findings {
            if printer.is_json() {
                report::finding(printer, "", finding);
            } else {
                printer.warning(&finding.text);
                finding.hint.iter().for_each(|hint| printer.hint(hint));
            }
        }
        let look =
            look.ok_or_else(|| NotRecovered(format!("the database of `{place}` cannot be recovered")))?;
        // A log that is missing is a gap; any other defect that stops a replay is damage.
        let is_gap = |finding: &FindingEntry| finding.code == "replay-log-missing";
        let is_damaged =
            findings.iter().any(|finding| finding.severity == Severity::Error && !is_gap(finding));
        Ok(Self { look, is_damaged })
    }
}

/// What could not be read along the way.
pub(super) struct Losses {
    printer: Printer,
    damaged: bool,
    /// The rows are older than those that were asked for.
    outdated: bool,
    in_motion: u64,
    content: u64,
}

impl Losses {
    /// Begins with what of the catalog and of the tables is missing.
    pub(super) fn new(opened: &Opened, printer: Printer) -> Self {
        Self { printer, damaged: false, outdated: false, in_motion: 0, content: 0 }.and(opened)
    }

    /// The same of another database.
    pub(super) fn and(mut self, opened: &Opened) -> Self {
        let look = &opened.look;
        self.damaged |= opened.is_damaged;
        self.outdated |= look.state.recovered.as_ref().is_some_and(|recovered| recovered.lost.is_some());
        for error in look.database.database().catalog_errors() {
            self.damage(&format!("catalog: {error}"));
        }
        for table in look.database.missing_tables() {
            self.damage(&format!("the table {table} is missing"));
        }
        self
    }

    /// What an index has counted, and does not tell of one by one.
    pub(super) fn counted(mut self, rows: &Rows<'_>) -> Self {
        self.in_motion += rows.lost();
        self
    }

    /// Rows are lost.
    pub(super) fn rows(&mut self, lost: &Lost) {
        if lost.in_motion { self.in_motion += 1 } else { self.damage(&lost.to_string()) }
    }

    /// A value of a row is lost.
    pub(super) fn value(&mut self, what: &str, id: i32, error: Option<&RowError>) {
        let Some(error) = error else { return };
        match error.cause {
            Cause::Damage => self.damage(&format!("{what} {id}: {error}")),
            Cause::InMotion => self.in_motion += 1,
            Cause::Content => self.content += 1,
        }
    }

    /// Something is damaged.
    pub(super) fn damage(&mut self, text: &str) {
        self.printer.warning(text);
        self.damaged = true;
    }

    /// What the run ends with.
    pub(super) fn finish(self) -> anyhow::Result<Exit> {
        if self.in_motion > 0 {
            self.printer.warning(&format!(
                "{} places of the database were in motion while it was copied: how many rows that concerns is \
                 unknown until the logs are replayed",
                self.in_motion
            ));
        }
        if self.content > 0 {
            self.printer.warning(&format!(
                "{} of the certificates or revocation lists are none: `--columns` with `error` tells which and why",
                self.content
            ));
        }
        // Nobody trusts a listing whose end is missing.
        goes_on()?;
        Ok(match () {
            () if self.damaged => Exit::Damage,
            () if self.outdated => Exit::Incomplete,
            () => Exit::Done,
        })
    }
}
