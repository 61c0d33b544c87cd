//! Arguments of `doctor` and `dump`.

use std::path::PathBuf;

use clap::Subcommand;

use super::{ArchiveAccess, RepoAccess};

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Folder of a CA's database, one that a set was restored to, or the directory of an embedded CA
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// Folder of the logs, where it is another one
    #[arg(long, value_name = "DIR")]
    pub(crate) logs: Option<PathBuf>,

    /// Directory that holds sets: which one has what is missing, and which one to restore
    #[arg(long, value_name = "PATH")]
    pub(crate) sets: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) access: RepoAccess,

    #[command(flatten)]
    pub(crate) archive: ArchiveAccess,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Dump {
    #[command(subcommand)]
    pub(crate) what: DumpWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DumpWhat {
    /// Every field of the header of a database, log or checkpoint, and the trailer of a stream
    Header {
        /// Database, log or checkpoint
        file: PathBuf,
    },
    /// One page: its header, its checksum, its nodes
    Page {
        /// Database
        file: PathBuf,
        /// Page number; decimal, or hexadecimal with 0x
        #[arg(value_parser = number)]
        page: u32,
        /// The bytes of the page instead of its nodes
        #[arg(long)]
        raw: bool,
    },
    /// A tree: levels, pages, nodes of each page
    Tree {
        /// Database
        file: PathBuf,
        /// Number of the root page, TABLE, TABLE/INDEX or TABLE/long-values
        tree: String,
        /// Pages at most
        #[arg(long, value_name = "COUNT", default_value_t = 1000)]
        limit: u64,
    },
    /// The tables of a database; with a name, the rows of that table
    Table {
        /// Database
        file: PathBuf,
        /// Table
        table: Option<String>,
        /// Only the row with this primary key, in hexadecimal digits
        #[arg(long, value_name = "HEX", requires = "table", value_parser = hex)]
        key: Option<Bytes>,
        /// Rows at most
        #[arg(long, value_name = "COUNT", default_value_t = 1000)]
        limit: u64,
    },
    /// A log: its header, and one line for each record
    Log {
        /// Log
        file: PathBuf,
        /// Only records that concern this page; decimal, or hexadecimal with 0x
        #[arg(long, value_parser = number)]
        page: Option<u32>,
        /// Only records from this place on, in hexadecimal digits
        #[arg(long, value_name = "GEN:SEC:OFF", value_parser = position)]
        from: Option<[u32; 3]>,
        /// Records at most
        #[arg(long, value_name = "COUNT", default_value_t = 1000)]
        limit: u64,
    },
}

/// Bytes of an argument: one value, not a list of them.
#[derive(Debug, Clone)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

pub(crate) fn number(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "expected a number, decimal or with 0x".to_owned())
}

fn hex(text: &str) -> Result<Bytes, String> {
    let wrong = || "expected pairs of hexadecimal digits".to_owned();
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() || pairs.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(wrong());
    }
    let byte = |pair: &[u8; 2]| {
        let digits = str::from_utf8(pair).map_err(|_| wrong())?;
        u8::from_str_radix(digits, 16).map_err(|_| wrong())
    };
    pairs.iter().map(byte).collect::<Result<_, _>>().map(Bytes)
}

fn position(text: &str) -> Result<[u32; 3], String> {
    let parts: Result<Vec<u32>, _> = text.split(':').map(|part| u32::from_str_radix(part, 16)).collect();
    parts.ok().and_then(|parts| parts.try_into().ok()).ok_or_else(|| {
        "expected generation, sector and offset in hexadecimal digits, as in 1e2ec:0013:0268".to_owned()
    })
}
