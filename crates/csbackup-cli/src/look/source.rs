//! What is looked into, and what of it cannot be read.

use std::path::Path;

use ca_database::{Cause, Lost, RowError};
use csbackup::{Look, LookState};
use serde_json::json;

use super::goes_on;
use crate::args::{Sets, Which};
use crate::commands::{find, set_folder};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::rows::Rows;

/// Opens what was named: a set in a directory or by its path, a folder, a database.
pub(super) fn open(name: &str, sets: &Sets, ca_name: Option<&str>, printer: Printer) -> anyhow::Result<Look> {
    let path = Path::new(name);
    let which =
        |sets: &Sets| Which { set: name.to_owned(), ca_name: ca_name.map(str::to_owned), sets: sets.clone() };
    let of_set = |which: &Which| {
        let (medium, catalogue, set) = find(which, printer)?;
        anyhow::Ok(csbackup::look_into_set(&*medium, &catalogue, &set)?)
    };
    let look = match sets.are_given() {
        // Beside the sets any path can be named, to compare it with them.
        true if !path.exists() => of_set(&which(sets))?,
        _ if set_folder(path)?.is_some() => of_set(&which(&Sets::default()))?,
        _ if !path.exists() => {
            anyhow::bail!("there is no `{name}` here; to name a set by its id, give `--dir` or `--repo`")
        }
        _ => csbackup::look_into_folder(path)?,
    };
    tell(&look, printer);
    Ok(look)
}

/// Says of which moment the rows are, and what of the catalog is damaged.
fn tell(look: &Look, printer: Printer) {
    let LookState { place, base, consistent, streamed, not_replayed, recovered } = &look.state;
    let text = look.state.to_string();
    if printer.is_json() {
        let value = json!({
            "place": place, "base": base, "consistent": consistent, "streamed": streamed,
            "not_replayed": not_replayed, "recovered": recovered, "text": text,
        });
        printer.result("source", value, "");
    } else if look.state.is_notable() {
        printer.note(&text);
    }
}

/// What could not be read along the way.
pub(super) struct Losses {
    printer: Printer,
    damaged: bool,
    in_motion: u64,
    content: u64,
}

impl Losses {
    /// Begins with what of the catalog and of the tables is missing.
    pub(super) fn new(look: &Look, printer: Printer) -> Self {
        Self { printer, damaged: false, in_motion: 0, content: 0 }.and(look)
    }

    /// The same of another database.
    pub(super) fn and(mut self, look: &Look) -> Self {
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
        Ok(if self.damaged { Exit::Damage } else { Exit::Done })
    }
}
