//! `dump`: headers, pages, trees, tables and logs for experts.
//!
//! What cannot be read is a line of the output, not its end; the exit code tells that there was one.

mod fields;
mod header;
mod log;
mod page;
mod table;
mod tree;

use std::path::Path;

use anyhow::Context as _;
use csbackup::FileSource;
use ese::{Database, NodeFlags, PageFlags};
use serde_json::json;

use crate::args::{Dump, DumpWhat};
use crate::exit::Exit;
use crate::printer::Printer;

pub(crate) fn dump(args: &Dump, printer: Printer) -> anyhow::Result<Exit> {
    let mut lines = Lines { printer, bad: false };
    match &args.what {
        DumpWhat::Header { file } => header::dump(&mut lines, file)?,
        DumpWhat::Page { file, page, raw } => page::dump(&mut lines, file, *page, *raw)?,
        DumpWhat::Tree { file, tree, limit } => tree::dump(&mut lines, file, tree, *limit)?,
        DumpWhat::Table { file, table: None, .. } => table::catalog(&mut lines, file)?,
        DumpWhat::Table { file, table: Some(name), key, limit } => {
            let key = key.as_ref().map(|key| key.0.as_slice());
            table::rows(&mut lines, file, name, key, *limit)?;
        }
        DumpWhat::Log { file, page, from, limit } => log::dump(&mut lines, file, *page, *from, *limit)?,
    }
    Ok(if lines.bad { Exit::Damage } else { Exit::Done })
}

/// Where the lines go; remembers whether something could not be read.
struct Lines {
    printer: Printer,
    bad: bool,
}

impl Lines {
    fn say(&self, message_type: &str, value: serde_json::Value, text: &str) {
        self.printer.result(message_type, value, text);
    }

    /// A line about something damaged or unreadable.
    fn problem(&mut self, text: &str) {
        self.bad = true;
        self.printer.result("unreadable", json!({ "text": text }), &format!("unreadable: {text}"));
    }

    /// There is more than was asked for.
    fn more(&self, limit: u64) {
        self.printer.note(&format!("the first {limit}; `--limit` shows more"));
    }
}

fn source(file: &Path) -> anyhow::Result<FileSource> {
    Ok(FileSource::open(file)?)
}

fn database(file: &Path) -> anyhow::Result<Database<FileSource>> {
    Database::open(source(file)?).with_context(|| format!("cannot read `{}` as a database", file.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The beginning of a value in hexadecimal digits, for a line.
fn short(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(start) if bytes.len() > SHOWN => format!("{}..", hex(start)),
        _ => hex(bytes),
    }
}

/// Bytes of a value that a line shows.
const SHOWN: usize = 32;

fn page_words(flags: PageFlags) -> String {
    let words = [
        (flags.is_root(), "root"),
        (flags.is_leaf(), "leaf"),
        (flags.is_parent_of_leaf(), "parent of leaves"),
        (flags.is_empty(), "empty"),
        (flags.is_space(), "space"),
        (flags.is_index(), "index"),
        (flags.is_long_value(), "long values"),
        (flags.is_non_unique(), "keys repeat"),
        (flags.is_scrubbed(), "scrubbed"),
    ];
    let words: Vec<&str> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
    if words.is_empty() { "internal".to_owned() } else { words.join(", ") }
}

fn node_letters(flags: NodeFlags) -> String {
    let letters = [(flags.is_versioned(), 'v'), (flags.is_deleted(), 'd'), (flags.is_compressed(), 'c')];
    letters.map(|(is, letter)| if is { letter } else { '-' }).iter().collect()
}
