//! Prints a table as text with tabs: `rows FILE TABLE`. What `esedbexport -T TABLE FILE` writes into a file.
#![expect(clippy::print_stderr, reason = "an example prints")]

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Error, Read as _, Seek as _, SeekFrom, Write, stdout};
use std::process::exit;

use ese::{Database, PageSource, SourceError, Table, Value};

fn main() -> Result<(), Error> {
    let [file, table] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        eprintln!("usage: rows FILE TABLE");
        exit(2);
    };
    let database = Database::open(DiskFile::open(file)?).map_err(Error::other)?;
    let table = database.table(table).ok_or_else(|| Error::other(format!("there is no table {table}")))?;
    let mut out = BufWriter::with_capacity(1 << 16, stdout().lock());
    let unreadable = print(&database, table, &mut out)?;
    out.flush()?;
    if unreadable > 0 {
        eprintln!("{unreadable} rows or values cannot be read");
        exit(3);
    }
    Ok(())
}

/// Returns how many rows and values could not be read.
fn print(database: &Database<DiskFile>, table: &Table, out: &mut impl Write) -> Result<usize, Error> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    writeln!(out, "{}", names.join("\t"))?;
    let mut unreadable = 0;
    for row in database.rows(table) {
        let Ok(row) = row.inspect_err(|_| unreadable += 1) else { continue };
        for (number, column) in table.columns.iter().enumerate() {
            if number > 0 {
                out.write_all(b"\t")?;
            }
            match database.value(table, &row, column) {
                Ok(Some(value)) => cell(column.decode(&value), out)?,
                Ok(None) => {}
                Err(_) => unreadable += 1,
            }
        }
        out.write_all(b"\n")?;
    }
    Ok(unreadable)
}

fn cell(value: Value, out: &mut impl Write) -> Result<(), Error> {
    match value {
        Value::Bit(bit) => write!(out, "{bit}"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Float(number) => write!(out, "{number}"),
        Value::Time(raw) => write!(out, "{raw}"),
        Value::Text(text) if text.contains(['\t', '\n', '\\']) => write!(out, "{}", text.escape_debug()),
        Value::Text(text) => out.write_all(text.as_bytes()),
        Value::Bytes(bytes) => hex(&bytes, out),
        Value::Guid(guid) => hex(&guid, out),
        other => write!(out, "{other:?}"),
    }
}

fn hex(bytes: &[u8], out: &mut impl Write) -> Result<(), Error> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [[0; 2]; 256];
    for chunk in bytes.chunks(text.len()) {
        for (pair, byte) in text.iter_mut().zip(chunk) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        out.write_all(text[..chunk.len()].as_flattened())?;
    }
    Ok(())
}

struct DiskFile {
    file: RefCell<File>,
    size: u64,
}

impl DiskFile {
    fn open(path: &str) -> Result<Self, Error> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file: RefCell::new(file), size })
    }
}

impl PageSource for DiskFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        let mut file = self.file.borrow_mut();
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(into));
        read.map_err(|error| SourceError { offset, reason: error.to_string() })
    }
}
