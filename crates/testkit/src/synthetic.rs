//! Small, valid backup streams: a database and the logs of its stream, a few ten KiB each.
//!
//! Every byte follows from the parameters. The same [`History`] therefore gives the same files
//! again, and a [`History::forked_at`] gives other content for the same generations, as a CA does
//! that was reverted to an earlier state and went on living.
//!
//! Valid means: checksums, positions, times, signatures and the links between logs are right, and
//! `ese` finds nothing. Pages hold noise, logs hold no records.
//!
//! Source: format digest sections 3, 4, 13 and 18.

use std::collections::BTreeMap;

use ese::{Block, xor_ecc, xor32};

/// One log stream and the database that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Seeds the signatures: another number is another log stream.
    pub signature: u32,
    /// Bytes in a database page.
    pub page_size: u32,
    /// Database pages, without headers and trailer.
    pub pages: u32,
    /// Segments of a log file, its header included.
    pub segments: u16,
    /// From which generation on which content seed holds.
    forks: BTreeMap<u32, u32>,
}

/// The numbers of one streamed backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// Lowest generation of the backup (`genLow`, in header and trailer).
    pub low: u32,
    /// Highest generation of the backup (`genHigh`, in the trailer).
    pub high: u32,
    /// Generations that the header requires.
    pub required: (u32, u32),
    /// Seeds the content of the pages.
    pub content: u32,
}

impl Backup {
    /// A backup that requires its lowest two generations.
    pub fn new(low: u32, high: u32) -> Self {
        Self { low, high, required: (low, high.min(low + 1)), content: high }
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new(1)
    }
}

impl History {
    /// A log stream with eight pages of 4 KiB and logs of five segments.
    pub fn new(signature: u32) -> Self {
        Self { signature, page_size: 4096, pages: 8, segments: 5, forks: BTreeMap::from([(0, 1)]) }
    }

    /// The same stream with pages of another size.
    #[must_use]
    pub fn with_pages(mut self, page_size: u32, pages: u32) -> Self {
        (self.page_size, self.pages) = (page_size, pages);
        self
    }

    /// The same stream, in which `generation` and all later ones have other content and times.
    #[must_use]
    pub fn forked_at(mut self, generation: u32, content: u32) -> Self {
        self.forks.split_off(&generation);
        self.forks.insert(generation, content);
        self
    }

    /// When a generation was begun: `LOGTIME`, zero for generation 0.
    pub fn created(&self, generation: u32) -> [u8; 8] {
        if generation == 0 {
            return [0; 8];
        }
        let time = generation + 3600 * self.content(generation);
        let [second, minute, hour] = [time % 60, time / 60 % 60, time / 3600 % 24].map(|n| n as u8);
        [second, minute, hour, 22, 11, 126, 1, 0]
    }

    /// A log file.
    pub fn log(&self, generation: u32) -> Vec<u8> {
        let mut file = self.log_header(generation);
        for number in 1..self.segments - 1 {
            file.extend(self.segment(generation, number));
        }
        // The last one stays free for the shadow of the one before.
        file.resize(usize::from(self.segments) * SEGMENT, 0);
        file
    }

    /// A database stream: two header copies, the pages, the trailer.
    pub fn database(&self, backup: &Backup) -> Vec<u8> {
        let (mut stream, trailer) = self.frame(backup);
        for number in 1..=self.pages {
            stream.extend(self.page(backup, number));
        }
        stream.extend(trailer);
        stream
    }

    /// What comes before and behind the pages of a database stream.
    pub fn frame(&self, backup: &Backup) -> (Vec<u8>, Vec<u8>) {
        (self.database_header(backup).repeat(2), self.trailer(backup))
    }

    fn content(&self, generation: u32) -> u32 {
        self.forks.range(..=generation).next_back().map_or(0, |(_, content)| *content)
    }

    fn signature(&self, salt: u32) -> [u8; 28] {
        let mut signature = [0; 28];
        signature[..4]
            .copy_from_slice(&self.signature.wrapping_mul(0x9E37_79B9).wrapping_add(salt).to_le_bytes());
        signature[4..12].copy_from_slice(&[0, 0, 8, 1, 1, 126, 1, 0]);
        signature
    }

    fn log_header(&self, generation: u32) -> Vec<u8> {
        let mut header = vec![0; SEGMENT];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(4, &generation.to_le_bytes());
        put(8, &4096_u16.to_le_bytes());
        put(10, &1_u16.to_le_bytes());
        put(12, &self.segments.to_le_bytes());
        put(14, &(self.page_size as u16).to_le_bytes());
        put(16, &self.created(generation));
        put(24, &self.created(generation - 1));
        put(32, &8_u32.to_le_bytes());
        put(36, &4000_u32.to_le_bytes());
        put(40, &5_u32.to_le_bytes());
        put(44, &self.signature(LOG));
        put(648, &16_u32.to_le_bytes());
        put(653, &self.segments_checksum(generation - 1).to_le_bytes());
        put(661, &8920_u32.to_le_bytes());
        put(667, &3_u32.to_le_bytes());
        seal(header)
    }

    fn segments_checksum(&self, generation: u32) -> u64 {
        if generation == 0 {
            return 0;
        }
        let stored = |number| first_u64(&self.segment(generation, number));
        (1..self.segments - 1).fold(0, |sum, number| sum ^ stored(number))
    }

    fn segment(&self, generation: u32, number: u16) -> Vec<u8> {
        let mut segment = vec![0; SEGMENT];
        segment[10..12].copy_from_slice(&number.to_le_bytes());
        segment[12..16].copy_from_slice(&generation.to_le_bytes());
        segment[16..24].copy_from_slice(&self.created(generation));
        // Reserved bytes carry the content; what follows the header are empty records.
        segment[24..28].copy_from_slice(&self.content(generation).to_le_bytes());
        segment[36..40].copy_from_slice(&ECC.to_le_bytes());
        let checksum = xor_ecc(&segment, number.into(), Block::WithChecksum).expect("a segment is a block");
        segment[..8].copy_from_slice(&checksum.to_le_bytes());
        segment
    }

    fn database_header(&self, backup: &Backup) -> Vec<u8> {
        let (min, max) = backup.required;
        let mut header = vec![0; self.page_size as usize];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(4, &0x89AB_CDEF_u32.to_le_bytes());
        put(8, &0x620_u32.to_le_bytes());
        put(16, &u64::from(backup.high).to_le_bytes());
        put(24, &self.signature(DATABASE));
        put(52, &2_u32.to_le_bytes());
        put(72, &self.created(min));
        put(80, &position(min, 1, 40));
        put(104, &1_u32.to_le_bytes());
        put(108, &self.signature(LOG));
        put(184, &self.backup_info(backup, 0));
        put(212, &31_u32.to_le_bytes());
        put(216, &10_u32.to_le_bytes());
        put(224, &17763_u32.to_le_bytes());
        put(232, &0x14_u32.to_le_bytes());
        put(236, &self.page_size.to_le_bytes());
        put(296, &min.to_le_bytes());
        put(300, &max.to_le_bytes());
        put(348, &self.created(max));
        put(416, &max.to_le_bytes());
        put(648, &8920_u32.to_le_bytes());
        put(667, &1_u32.to_le_bytes());
        seal(header)
    }

    fn trailer(&self, backup: &Backup) -> Vec<u8> {
        let mut page = vec![0; self.page_size as usize];
        page[40..64].copy_from_slice(&self.backup_info(backup, backup.high));
        page[64..92].copy_from_slice(&self.signature(DATABASE));
        page[92..120].copy_from_slice(&self.signature(LOG));
        seal(page)
    }

    /// `BKINFO`.
    fn backup_info(&self, backup: &Backup, high: u32) -> [u8; 24] {
        let mut info = [0; 24];
        info[..8].copy_from_slice(&position(backup.high, 2, 40));
        info[8..16].copy_from_slice(&self.created(backup.high));
        info[16..20].copy_from_slice(&backup.low.to_le_bytes());
        info[20..].copy_from_slice(&high.to_le_bytes());
        info
    }

    fn page(&self, backup: &Backup, number: u32) -> Vec<u8> {
        let size = self.page_size as usize;
        let mut page = vec![0; size];
        if number == self.pages {
            return page; // never initialised
        }
        let seed = self.signature ^ backup.content.rotate_left(8) ^ number.rotate_left(16);
        noise(seed | 1, &mut page[80..]);
        page[8..16].copy_from_slice(&u64::from(backup.low).to_le_bytes());
        seal_page(&mut page, number);
        page
    }
}

/// Puts the checksums of a database page in, and what says that they are there.
pub fn seal_page(page: &mut [u8], number: u32) {
    let size = page.len();
    page[36..40].copy_from_slice(&ECC.to_le_bytes());
    let block = if size > 8192 { size / 4 } else { size };
    if size > 8192 {
        for (index, at) in [(1, 40), (2, 48), (3, 56)] {
            let part = &page[index * block..(index + 1) * block];
            let sum = xor_ecc(part, number, Block::Plain).expect("a quarter page is a block");
            page[at..at + 8].copy_from_slice(&sum.to_le_bytes());
        }
        page[64..68].copy_from_slice(&number.to_le_bytes());
    }
    let sum = xor_ecc(&page[..block], number, Block::WithChecksum).expect("a page is a block");
    page[..8].copy_from_slice(&sum.to_le_bytes());
}

/// File name of a log.
pub fn log_name(generation: u32) -> String {
    format!("edb{generation:05X}.log")
}

/// Puts the XOR-32 checksum in.
fn seal(mut page: Vec<u8>) -> Vec<u8> {
    let sum = xor32(&page);
    page[..4].copy_from_slice(&sum.to_le_bytes());
    page
}

/// `LGPOS`.
fn position(generation: u32, segment: u16, byte: u16) -> [u8; 8] {
    let mut position = [0; 8];
    position[..2].copy_from_slice(&byte.to_le_bytes());
    position[2..4].copy_from_slice(&segment.to_le_bytes());
    position[4..].copy_from_slice(&generation.to_le_bytes());
    position
}

fn first_u64(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes"))
}

fn noise(mut state: u32, bytes: &mut [u8]) {
    for byte in bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
}

/// Bytes of a log segment and of a log header.
const SEGMENT: usize = 4096;
/// Flag at byte 36 of pages and segments: XOR and ECC checksum.
const ECC: u32 = 0x2000;
/// Salts of the two signatures.
const DATABASE: u32 = 0xDB;
const LOG: u32 = 0x10;

#[cfg(test)]
mod tests {
    use super::*;
    use ese::{DatabaseVerifier, Finding, Generation, LogVerifier, NamedLog, Origin, SetInput, check_set};

    /// Everything that `ese` finds in a streamed set of `logs` and perhaps a database.
    fn findings(
        history: &History,
        backup: Option<&Backup>,
        logs: std::ops::RangeInclusive<u32>,
    ) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut databases = Vec::new();
        if let Some(backup) = backup {
            let stream = history.database(backup);
            let mut verifier = DatabaseVerifier::new(Origin::Streamed, Some(stream.len() as u64));
            verifier.push(&stream);
            let report = verifier.finish();
            assert_eq!((report.pages.total, report.pages.zero), (history.pages.into(), 1));
            found.extend(report.findings);
            databases.extend(report.facts);
        }
        let listed: Vec<Generation> = logs.clone().map(Generation).collect();
        let named = logs.map(|generation| {
            let bytes = history.log(generation);
            let mut verifier = LogVerifier::new(Origin::Streamed, Some(bytes.len() as u64));
            verifier.push(&bytes);
            let report = verifier.finish();
            assert_eq!((report.segments.valid, report.segments.zero), (3, 1));
            found.extend(report.findings);
            NamedLog { name: log_name(generation), facts: report.facts.unwrap() }
        });
        let named: Vec<NamedLog> = named.collect();
        let input =
            SetInput { origin: Origin::Streamed, databases: &databases, logs: &named, listed: Some(&listed) };
        found.extend(check_set(&input));
        found
    }

    #[test]
    fn every_page_size_makes_a_set_without_findings() {
        for page_size in [2048, 4096, 8192, 16384, 32768] {
            let history = History::new(7).with_pages(page_size, 5);
            assert_eq!(findings(&history, Some(&Backup::new(3, 5)), 3..=6), [], "{page_size}");
        }
    }

    #[test]
    fn the_first_generation_and_a_fork_are_valid_too() {
        let history = History::new(1);
        assert_eq!(findings(&history, Some(&Backup::new(1, 1)), 1..=2), []);
        assert_eq!(findings(&history.clone().forked_at(4, 9), None, 3..=6), []);
        assert_eq!(findings(&history.forked_at(4, 9).forked_at(2, 5), Some(&Backup::new(1, 4)), 1..=5), []);
    }

    #[test]
    fn a_fork_changes_its_generations_and_no_earlier_one() {
        let (old, new) = (History::new(1), History::new(1).forked_at(5, 9));
        assert_eq!(old.log(4), new.log(4));
        assert_ne!(old.log(5), new.log(5));
        assert_eq!(old.created(4), new.created(4));
        assert_ne!(old.created(5), new.created(5));
    }

    #[test]
    fn a_database_requires_logs_of_its_own_stream() {
        let found = findings(&History::new(1), Some(&Backup::new(3, 9)), 3..=6);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].code(), "log-missing");
    }
}
