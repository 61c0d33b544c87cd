//! Writing an index.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use ca_database::{CertificateSummary, CrlSummary, RequestSummary};
use serde::Serialize;

use super::{Block, Footer, IndexKey, Kind, MAGIC, Overview, VERSION, name_hash};
use crate::Error;

/// Writes an index; without [`Self::finish`] nothing is left behind.
///
/// Rows come in the order of their numbers: certificates, requests and lists may be mixed.
pub struct IndexBuilder {
    key: IndexKey,
    overview: Overview,
    output: BufWriter<File>,
    written: u64,
    blocks: Vec<Block>,
    certificates: Pending,
    requests: Pending,
    crls: Pending,
    names: Vec<Name>,
    temporary: PathBuf,
    path: PathBuf,
}

/// Rows that make the next block of a kind.
struct Pending {
    kind: Kind,
    /// Number of the block among those of its kind, which the names refer to.
    number: u32,
    rows: u32,
    bytes: Vec<u8>,
}

/// Where a serial number or a thumbprint is.
type Name = (u64, u32, u32);

impl IndexBuilder {
    /// Begins the index of `key` below `cache`, which is made if it is not there.
    ///
    /// # Errors
    /// The system's.
    pub fn new(cache: &Path, key: IndexKey) -> Result<Self, Error> {
        let path = key.path(cache);
        let temporary = path.with_extension(format!("index.{}", std::process::id()));
        let create = || {
            private_directory(cache)?;
            let mut output = BufWriter::with_capacity(BLOCK * 4, private_file(&temporary)?);
            output.write_all(MAGIC)?;
            io::Result::Ok(output)
        };
        let output = create().map_err(Error::io("write the index", &temporary))?;
        let pending = |kind| Pending { kind, number: 0, rows: 0, bytes: Vec::with_capacity(BLOCK * 2) };
        Ok(Self {
            key,
            overview: Overview::default(),
            output,
            written: MAGIC.len() as u64,
            blocks: Vec::new(),
            certificates: pending(Kind::Certificates),
            requests: pending(Kind::Requests),
            crls: pending(Kind::Crls),
            names: Vec::new(),
            temporary,
            path,
        })
    }

    /// Adds a certificate.
    ///
    /// # Errors
    /// The system's.
    pub fn certificate(&mut self, row: &CertificateSummary) -> Result<(), Error> {
        self.overview.add_certificate(row);
        let place = (self.certificates.number, self.certificates.rows);
        let names = [row.serial.as_deref(), row.sha1.as_deref(), row.sha256.as_deref()];
        self.names.extend(names.into_iter().flatten().map(|name| (name_hash(name), place.0, place.1)));
        let block = self.certificates.add(row);
        self.block(block)
    }

    /// Adds a request.
    ///
    /// # Errors
    /// The system's.
    pub fn request(&mut self, row: &RequestSummary) -> Result<(), Error> {
        self.overview.add_request(row);
        let block = self.requests.add(row);
        self.block(block)
    }

    /// Adds a revocation list.
    ///
    /// # Errors
    /// The system's.
    pub fn crl(&mut self, row: &CrlSummary) -> Result<(), Error> {
        self.overview.add_crl(row);
        let block = self.crls.add(row);
        self.block(block)
    }

    /// Counts a page of rows that could not be read because it is in motion.
    pub fn lost(&mut self) {
        self.overview.lost += 1;
    }

    /// Completes the index and gives it its name.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> Result<(), Error> {
        for block in [self.certificates.take(), self.requests.take(), self.crls.take()] {
            self.block(block)?;
        }
        let mut names = std::mem::take(&mut self.names);
        names.sort_unstable();
        for names in names.chunks(BLOCK / 16) {
            let bytes = names.iter().flat_map(|(hash, block, row)| {
                let mut name = [0; 16];
                let (head, tail) = name.split_at_mut(8);
                head.copy_from_slice(&hash.to_le_bytes());
                tail.copy_from_slice(&(u64::from(*block) << 32 | u64::from(*row)).to_le_bytes());
                name
            });
            let first = names.first().map_or(0, |(hash, ..)| *hash);
            self.write(Kind::Names, first, &bytes.collect::<Vec<u8>>())?;
        }
        self.close().map_err(Error::io("write the index", &self.temporary))?;
        fs::rename(&self.temporary, &self.path).map_err(Error::io("write the index", &self.path))
    }

    fn close(&mut self) -> io::Result<()> {
        let (overview, blocks) = (std::mem::take(&mut self.overview), std::mem::take(&mut self.blocks));
        let footer = Footer { version: VERSION, key: self.key.clone(), overview, blocks };
        let bytes = postcard::to_stdvec(&footer).map_err(io::Error::other)?;
        self.output.write_all(&bytes)?;
        self.output.write_all(&(bytes.len() as u64).to_le_bytes())?;
        self.output.write_all(blake3::hash(&bytes).as_bytes())?;
        self.output.write_all(MAGIC)?;
        self.output.flush()
    }

    fn block(&mut self, block: Option<(Kind, Vec<u8>)>) -> Result<(), Error> {
        block.map_or(Ok(()), |(kind, bytes)| self.write(kind, 0, &bytes))
    }

    fn write(&mut self, kind: Kind, first: u64, bytes: &[u8]) -> Result<(), Error> {
        self.output.write_all(bytes).map_err(Error::io("write the index", &self.temporary))?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let blake3 = *blake3::hash(bytes).as_bytes();
        self.blocks.push(Block { kind, offset: self.written, length, first, blake3 });
        self.written += bytes.len() as u64;
        Ok(())
    }
}

impl Drop for IndexBuilder {
    fn drop(&mut self) {
        // After a rename it is not there any more.
        let _ = fs::remove_file(&self.temporary);
    }
}

impl Pending {
    /// Adds a row; a block that is full comes back.
    fn add<T: Serialize>(&mut self, row: &T) -> Option<(Kind, Vec<u8>)> {
        // A summary is plain data, and a vector takes everything.
        self.bytes.extend(postcard::to_stdvec(row).unwrap_or_default());
        self.rows += 1;
        if self.bytes.len() < BLOCK { None } else { self.take() }
    }

    fn take(&mut self) -> Option<(Kind, Vec<u8>)> {
        if self.rows == 0 {
            return None;
        }
        self.rows = 0;
        self.number += 1;
        Some((self.kind, std::mem::replace(&mut self.bytes, Vec::with_capacity(BLOCK * 2))))
    }
}

/// Bytes of a block, more or less.
const BLOCK: usize = 64 << 10;

#[cfg(unix)]
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The profile of a user is private on Windows.
#[cfg(not(unix))]
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
