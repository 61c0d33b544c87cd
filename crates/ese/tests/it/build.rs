//! Small sound files, made from nothing, for one defect at a time.

use ese::{Block, DatabaseFacts, NamedLog, Origin, xor_ecc};

use crate::support::{database, empty_database, log, put, seal};

/// A log file of format 8.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) generation: u32,
    pub(crate) signature: u8,
    pub(crate) created: u8,
    pub(crate) previous: u8,
    pub(crate) remembers: u64,
    pub(crate) update_minor: u32,
    pub(crate) segments: u32,
    pub(crate) sectors: u32,
}

impl Log {
    /// Generation `generation` of a chain in which each log is created in its own second.
    pub(crate) fn new(generation: u32) -> Self {
        let second = u8::try_from(generation).unwrap();
        Self {
            generation,
            signature: 1,
            created: second,
            previous: second - 1,
            remembers: 0,
            update_minor: 16,
            segments: 2,
            sectors: 6,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = vec![0; 4096 * usize::try_from(self.sectors).unwrap()];
        put(&mut file, 4, self.generation);
        put(&mut file, 8, 4096 | 1 << 16);
        put(&mut file, 12, self.sectors);
        file[16] = self.created;
        file[24] = self.previous;
        put(&mut file, 32, 8);
        put(&mut file, 36, 4000);
        put(&mut file, 40, 5);
        file[44..72].fill(self.signature);
        put(&mut file, 648, self.update_minor);
        file[653..661].copy_from_slice(&self.remembers.to_le_bytes());
        put(&mut file, 667, 3);
        seal(&mut file[..4096]);
        for number in 1..=self.segments {
            let at = 4096 * usize::try_from(number).unwrap();
            segment(&mut file[at..at + 4096], number, self.generation, number);
        }
        file
    }

    pub(crate) fn named(&self, name: &str) -> NamedLog {
        let report = log(&self.bytes(), Origin::Streamed);
        NamedLog { name: name.to_owned(), facts: report.facts.unwrap() }
    }

    pub(crate) fn file(&self) -> NamedLog {
        self.named(&format!("edb{:05X}.log", self.generation))
    }
}

/// Writes a segment that says it is `number` of `generation`, with the checksum for place `tag`.
pub(crate) fn segment(bytes: &mut [u8], number: u32, generation: u32, tag: u32) {
    bytes.fill(0);
    put(bytes, 8, number << 16);
    put(bytes, 12, generation);
    put(bytes, 36, 0x2000);
    put(bytes, 40, generation.wrapping_mul(0x9E37_79B9) ^ number);
    let checksum = xor_ecc(bytes, tag, Block::WithChecksum).unwrap();
    bytes[..8].copy_from_slice(&checksum.to_le_bytes());
}

/// The facts of a database with some header fields; a stream when `trailer_high` is given.
pub(crate) fn facts(fields: &[(usize, u32)], trailer_high: Option<u32>) -> DatabaseFacts {
    let mut file = empty_database(4096, 1);
    file[24..52].fill(9);
    file[108..136].fill(1);
    for &(at, value) in fields {
        put(&mut file, at, value);
    }
    seal(&mut file[..4096]);
    file.copy_within(..4096, 4096);
    let Some(high) = trailer_high else { return database(&file, Origin::Raw).facts.unwrap() };
    let mut trailer = vec![0; 4096];
    trailer[40..64].copy_from_slice(&file[184..208]);
    trailer[64..92].fill(9);
    trailer[92..120].fill(1);
    put(&mut trailer, 60, high);
    seal(&mut trailer);
    file.extend_from_slice(&trailer);
    let report = database(&file, Origin::Streamed);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    report.facts.unwrap()
}

/// A dirty database that requires `low..=high` and has committed up to `committed`.
pub(crate) fn dirty(low: u32, high: u32, committed: u32) -> DatabaseFacts {
    facts(&[(52, 2), (296, low), (300, high), (416, committed)], None)
}

/// A stream with genLow `low`, required `min..=max` and genHigh `high`.
pub(crate) fn stream(low: u32, min: u32, max: u32, high: u32) -> DatabaseFacts {
    let fields = [(52, 2), (184, 5), (188, min), (200, low), (296, min), (300, max), (416, max)];
    facts(&fields, Some(high))
}
