//! Rows as a table, as comma-separated values, or as JSON.

use std::cmp::Ordering;
use std::io::IsTerminal as _;
use std::str::FromStr;

use anyhow::Context as _;
use clap::error::ErrorKind;
use serde_json::{Map, Value, json};

use super::cell::{Cell, Column, Listed};
use crate::args::Output;
use crate::exit::usage;
use crate::printer::Printer;

/// A column to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sort {
    column: String,
    descending: bool,
}

impl FromStr for Sort {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (column, descending) = match text.strip_suffix(":desc") {
            Some(column) => (column, true),
            None => (text, false),
        };
        Ok(Self { column: column.to_owned(), descending })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Table,
    Csv,
    Json,
    Count,
}

/// Rows on their way out. A table waits for some of them to know how wide its columns are.
pub(crate) struct Listing<R: Listed> {
    printer: Printer,
    format: Format,
    columns: Vec<&'static Column<R>>,
    sort: Option<(&'static Column<R>, bool)>,
    limit: usize,
    count: usize,
    waiting: Vec<Waiting>,
    widths: Vec<usize>,
    /// Columns of the terminal; `None` when it is none.
    terminal: Option<usize>,
}

/// A row with what it is sorted by.
struct Waiting {
    key: Option<Cell>,
    cells: Vec<Cell>,
}

/// Rows that a table waits for.
const SAMPLE: usize = 1000;

impl<R: Listed> Listing<R> {
    /// `None`: the columns were listed, and nothing else is to do.
    pub(crate) fn new(output: &Output, printer: Printer) -> anyhow::Result<Option<Self>> {
        if output.columns.iter().any(|name| name == "help") {
            for column in R::COLUMNS {
                let value = json!({ "name": column.name, "about": column.about });
                printer.result("column", value, &format!("{:<20} {}", column.name, column.about));
            }
            return Ok(None);
        }
        let format = match () {
            () if output.csv && printer.is_json() => {
                return Err(usage(ErrorKind::ArgumentConflict, "`--csv` and `--json` exclude each other"));
            }
            () if output.count => Format::Count,
            () if printer.is_json() => Format::Json,
            () if output.csv => Format::Csv,
            () => Format::Table,
        };
        let columns = match (output.columns.as_slice(), format) {
            ([], Format::Json) => R::COLUMNS.iter().collect(),
            ([], _) => R::DEFAULT.iter().filter_map(|name| named(name).ok()).collect(),
            (names, _) => names.iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>()?,
        };
        let sort = match &output.sort {
            Some(sort) => Some((named(&sort.column)?, sort.descending)),
            None => None,
        };
        let terminal = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        let listing = Self {
            printer,
            format,
            columns,
            sort,
            limit: output.limit.unwrap_or(usize::MAX),
            count: 0,
            waiting: Vec::new(),
            widths: Vec::new(),
            terminal: terminal.map(|(width, _)| usize::from(width.0)),
        };
        if listing.format == Format::Csv {
            let names: Vec<&str> = listing.columns.iter().map(|column| column.name).collect();
            listing.csv(&names)?;
        }
        Ok(Some(listing))
    }

    /// Are there as many rows as somebody wants?
    pub(crate) fn is_full(&self) -> bool {
        self.sort.is_none() && self.count >= self.limit
    }

    pub(crate) fn push(&mut self, row: &R) -> anyhow::Result<()> {
        if self.is_full() {
            return Ok(());
        }
        self.count += 1;
        if self.format == Format::Count {
            return Ok(());
        }
        let cells = self.columns.iter().map(|column| (column.of)(row)).collect();
        let key = self.sort.map(|(column, _)| (column.of)(row));
        if key.is_some() || (self.format == Format::Table && self.widths.is_empty()) {
            self.waiting.push(Waiting { key, cells });
            if self.sort.is_none() && self.waiting.len() >= SAMPLE {
                self.release()?;
            }
            return Ok(());
        }
        self.print(&cells)
    }

    /// Prints what waits.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        if self.format == Format::Count {
            let message = format!("{}s", R::MESSAGE);
            self.printer.result(
                "count",
                json!({ "of": message, "count": self.count }),
                &self.count.to_string(),
            );
            return Ok(());
        }
        self.release()
    }

    fn release(&mut self) -> anyhow::Result<()> {
        let mut rows = std::mem::take(&mut self.waiting);
        if let Some((_, descending)) = self.sort {
            // Rows that are equal stay in the order of their numbers.
            rows.sort_by(|a, b| {
                let order = a.key.cmp(&b.key);
                if descending { Ordering::reverse(order) } else { order }
            });
            rows.truncate(self.limit);
        }
        if self.format == Format::Table && self.widths.is_empty() {
            self.widths = self.measured(&rows);
            let names: Vec<String> =
                self.columns.iter().map(|column| column.name.replace('_', " ")).collect();
            if !rows.is_empty() {
                self.printer.line(&aligned(&names, &self.widths, self.terminal.is_some()));
            }
        }
        rows.iter().try_for_each(|row| self.print(&row.cells))
    }

    fn print(&self, cells: &[Cell]) -> anyhow::Result<()> {
        match self.format {
            Format::Json => {
                let names = self.columns.iter().map(|column| column.name.to_owned());
                let object: Map<String, Value> = names.zip(cells.iter().map(Cell::value)).collect();
                self.printer.result(R::MESSAGE, Value::Object(object), "");
            }
            Format::Csv => {
                let texts: Vec<String> = cells.iter().map(spreadsheet).collect();
                self.csv(&texts)?;
            }
            Format::Table | Format::Count => {
                let texts: Vec<String> = cells.iter().map(shown).collect();
                self.printer.line(&aligned(&texts, &self.widths, self.terminal.is_some()));
            }
        }
        Ok(())
    }

    fn csv<T: AsRef<[u8]>>(&self, record: &[T]) -> anyhow::Result<()> {
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
        writer.write_record(record).context("cannot write a CSV line")?;
        let line = writer.into_inner().map_err(|_| anyhow::anyhow!("cannot write a CSV line"))?;
        let line = String::from_utf8_lossy(&line);
        self.printer.line(line.strip_suffix('\n').unwrap_or(&line));
        Ok(())
    }

    /// Widths that fit the rows and the terminal.
    fn measured(&self, rows: &[Waiting]) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| column.name.len()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(shown(cell).chars().count());
            }
        }
        let Some(terminal) = self.terminal else { return widths };
        let total =
            |widths: &[usize]| widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        // The widest gives way first, down to what is still readable.
        while total(&widths) > terminal {
            match widths.iter_mut().max() {
                Some(widest) if *widest > NARROWEST => *widest -= 1,
                _ => break,
            }
        }
        widths
    }
}

const GAP: &str = "  ";
const NARROWEST: usize = 8;

fn named<R: Listed>(name: &str) -> anyhow::Result<&'static Column<R>> {
    let found = R::COLUMNS.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        usage(ErrorKind::InvalidValue, &format!("there is no column `{name}`; `--columns help` lists them"))
    })
}

/// Names in a database are anybody's: nothing in them reaches the terminal as a command.
fn shown(cell: &Cell) -> String {
    csbackup::shown_name(&cell.text())
}

/// What a spreadsheet would take for a formula gets a quote before it.
fn spreadsheet(cell: &Cell) -> String {
    let text = cell.text();
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if is_formula && !matches!(cell, Cell::Number(_)) { format!("'{text}") } else { text }
}

/// Texts side by side. On a terminal one that is too long ends with a mark; elsewhere nothing is cut.
fn aligned(texts: &[String], widths: &[usize], cut: bool) -> String {
    let mut line = String::new();
    for (position, (text, width)) in texts.iter().zip(widths).enumerate() {
        if position > 0 {
            line.push_str(GAP);
        }
        let length = text.chars().count();
        if length > *width && cut {
            line.extend(text.chars().take(width.saturating_sub(1)));
            line.push('…');
        } else {
            line.push_str(text);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(length)));
        }
    }
    line.trim_end().to_owned()
}
