//! Reading an index.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use ca_database::{CertificateSummary, CrlSummary, RequestSummary};
use ese::PageSource;
use serde::de::DeserializeOwned;

use super::{Block, Footer, IndexKey, Kind, LONGEST_FOOTER, MAGIC, Overview, TAIL, VERSION, name_hash};
use crate::FileSource;

/// An index that fits its set.
pub struct Index {
    path: PathBuf,
    file: FileSource,
    footer: Footer,
}

impl Index {
    /// Opens the index of `key` below `cache`.
    ///
    /// `None` when there is none that can be believed: it is of something else or of another version,
    /// its end is damaged, or it cannot be read. Then a new one has to be built.
    pub fn open(cache: &Path, key: &IndexKey) -> Option<Self> {
        let path = key.path(cache);
        let file = FileSource::open(&path).ok()?;
        let tail_start = file.size().checked_sub(TAIL)?;
        let tail = read(&file, tail_start, TAIL)?;
        let (length, rest) = tail.split_at_checked(8)?;
        let (hash, magic) = rest.split_at_checked(32)?;
        let length = u64::from_le_bytes(*length.first_chunk()?);
        if magic != MAGIC || length > LONGEST_FOOTER {
            return None;
        }
        let footer = read(&file, tail_start.checked_sub(length)?, length)?;
        if blake3::hash(&footer).as_bytes() != hash {
            return None;
        }
        let footer: Footer = postcard::from_bytes(&footer).ok()?;
        (footer.version == VERSION && footer.key == *key).then_some(Self { path, file, footer })
    }

    /// What the database holds, at a glance.
    pub fn overview(&self) -> &Overview {
        &self.footer.overview
    }

    /// Whether every block is what was written: before rows are listed, so that no listing has to be
    /// taken back.
    pub fn is_sound(&self) -> bool {
        let is_sound = self.footer.blocks.iter().all(|block| self.load(block).is_some());
        if !is_sound {
            // The next one who asks builds a new one.
            let _ = std::fs::remove_file(&self.path);
        }
        is_sound
    }

    /// All certificates in the order of their requests. Ends early where a block is damaged:
    /// [`Self::is_sound`].
    pub fn certificates(&self) -> IndexRows<'_, CertificateSummary> {
        self.rows(Kind::Certificates)
    }

    /// All requests in order.
    pub fn requests(&self) -> IndexRows<'_, RequestSummary> {
        self.rows(Kind::Requests)
    }

    /// All revocation lists in the order of their rows.
    pub fn crls(&self) -> IndexRows<'_, CrlSummary> {
        self.rows(Kind::Crls)
    }

    /// The certificates with a serial number or thumbprint; case, blanks and leading zeros do not
    /// matter. `None` when a block that is needed is damaged.
    pub fn find(&self, name: &str) -> Option<Vec<CertificateSummary>> {
        let wanted = name_hash(name);
        let blocks: Vec<&Block> = self.blocks(Kind::Names).collect();
        // Equal names may begin at the end of the block before.
        let from = blocks.partition_point(|block| block.first < wanted).saturating_sub(1);
        let mut places = Vec::new();
        for block in blocks.iter().skip(from).take_while(|block| block.first <= wanted) {
            let bytes = self.load(block)?;
            let (names, _) = bytes.as_chunks::<16>();
            let start = names.partition_point(|name| hash_of(name) < wanted);
            let equal = names.iter().skip(start).take_while(|name| hash_of(name) == wanted);
            places.extend(equal.map(|name| u64::from_le_bytes(*name.last_chunk().unwrap_or(&[0; 8]))));
        }
        // The same row may have been found twice, and rows of one block are read together.
        places.sort_unstable();
        places.dedup();
        let mut rows: Vec<CertificateSummary> = Vec::new();
        for places in places.chunk_by(|a, b| a >> 32 == b >> 32) {
            let number = usize::try_from(places.first()? >> 32).ok()?;
            let block = *self.blocks(Kind::Certificates).nth(number)?;
            let all = IndexRows::of(self, Vec::from([block])).zip(0_u64..);
            let of_places =
                all.filter(|(_, row)| places.binary_search_by_key(row, |p| p & 0xFFFF_FFFF).is_ok());
            let before = rows.len();
            rows.extend(of_places.map(|(row, _)| row));
            if rows.len() - before != places.len() {
                return None;
            }
        }
        // A hash only points: the row itself must have the name.
        let has = |own: &Option<String>| own.as_ref().is_some_and(|own| name_hash(own) == wanted);
        rows.retain(|row| has(&row.serial) || has(&row.sha1) || has(&row.sha256));
        Some(rows)
    }

    fn blocks(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &Block> {
        self.footer.blocks.iter().filter(move |block| block.kind == kind)
    }

    fn rows<T>(&self, kind: Kind) -> IndexRows<'_, T> {
        IndexRows::of(self, self.blocks(kind).rev().copied().collect())
    }

    /// A block, if its hash fits.
    fn load(&self, block: &Block) -> Option<Vec<u8>> {
        let bytes = read(&self.file, block.offset, block.length.into())?;
        (*blake3::hash(&bytes).as_bytes() == block.blake3).then_some(bytes)
    }
}

/// Rows of an index.
pub struct IndexRows<'i, T> {
    index: &'i Index,
    /// The next block is the last one.
    blocks: Vec<Block>,
    bytes: Vec<u8>,
    at: usize,
    row: PhantomData<T>,
}

impl<'i, T> IndexRows<'i, T> {
    fn of(index: &'i Index, blocks: Vec<Block>) -> Self {
        Self { index, blocks, bytes: Vec::new(), at: 0, row: PhantomData }
    }
}

impl<T: DeserializeOwned> Iterator for IndexRows<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        while self.at >= self.bytes.len() {
            self.bytes = self.index.load(&self.blocks.pop()?)?;
            self.at = 0;
        }
        let (row, rest) = postcard::take_from_bytes(self.bytes.get(self.at..)?).ok()?;
        self.at = self.bytes.len() - rest.len();
        Some(row)
    }
}

fn hash_of(name: &[u8; 16]) -> u64 {
    name.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn read(file: &FileSource, offset: u64, length: u64) -> Option<Vec<u8>> {
    if offset.checked_add(length)? > file.size() {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    file.read_at(offset, &mut bytes).ok()?;
    Some(bytes)
}
