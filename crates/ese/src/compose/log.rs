//! A log that continues others.

use alloc::vec;
use alloc::vec::Vec;

use super::ComposeError;
use crate::bytes::{Fields, set};
use crate::checksum::{Block, xor_ecc, xor32};
use crate::database::Origin;
use crate::finding::Severity;
use crate::header::DatabaseHeader;
use crate::log::{LogFormat, LogHeader, LogVerifier};
use crate::numbers::{Generation, LogPosition, PageSize};
use crate::time::{LogTime, Signature};

/// The end of a stream of logs, as far as the next one has to know it.
#[derive(Clone, Debug)]
pub struct LogEnd {
    /// The header of the last log.
    page: Vec<u8>,
    generation: Generation,
    created: LogTime,
    signature: Signature,
    /// Of all its segments.
    checksum: u64,
    /// Bytes of a file of the stream.
    length: usize,
}

impl LogEnd {
    /// Reads the last log of a stream; it may be the current one, whose last write a crash has torn.
    ///
    /// # Errors
    /// It is none, it is damaged, or of format 7.
    ///
    /// Source: format digest section 13.
    pub fn read(log: &[u8]) -> Result<Self, ComposeError> {
        let header = LogHeader::parse(log)?;
        if header.format != LogFormat::Segments {
            return Err(ComposeError::OldLog);
        }
        let mut verifier = LogVerifier::new(Origin::Raw, None);
        verifier.push(log);
        let report = verifier.finish();
        let is_bad = report.findings.iter().any(|finding| finding.severity >= Severity::Error);
        let Some(facts) = report.facts.filter(|_| !is_bad) else { return Err(ComposeError::Damaged) };
        Ok(Self {
            page: log.get(..LogHeader::LENGTH).unwrap_or(&[]).to_vec(),
            generation: header.generation,
            created: header.created,
            signature: header.signature,
            checksum: facts.checksum,
            length: log.len(),
        })
    }

    /// The end before a new stream: its first log is of generation 1 and has the usual size, 1 MiB.
    ///
    /// The version is that of Windows 10 and Server 2016 to 2019 (8.4000.5.16), the paths are empty.
    pub fn none(page_size: PageSize, signature: Signature) -> Self {
        let mut page = vec![0; LogHeader::LENGTH];
        set(&mut page, 8, &SEGMENT_U16.to_le_bytes());
        set(&mut page, 10, &1_u16.to_le_bytes());
        set(&mut page, 12, &SEGMENTS.to_le_bytes());
        set(&mut page, 14, &page_size.bytes().to_le_bytes().first_chunk::<2>().copied().unwrap_or([0; 2]));
        for (at, value) in [(32, 8_u32), (36, 4000), (40, 5), (615, SEGMENTS.into()), (648, 16), (667, 3)] {
            set(&mut page, at, &value.to_le_bytes());
        }
        set(&mut page, 44, signature.as_bytes());
        let (generation, created) = (Generation::default(), LogTime::default());
        let length = usize::from(SEGMENTS).saturating_mul(SEGMENT);
        Self { page, generation, created, signature, checksum: 0, length }
    }

    /// The last generation that there is; 0 before the first.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Identity of the stream.
    pub fn signature(&self) -> Signature {
        self.signature
    }

    /// Bytes of the next log.
    pub fn length(&self) -> usize {
        self.length
    }
}

/// The next log of a stream, written record by record into a buffer.
///
/// Source: format digest sections 13 and 15; compared with the first log after a restore by the engine.
#[derive(Debug)]
pub struct NextLog<'a> {
    buffer: &'a mut [u8],
    generation: Generation,
    created: LogTime,
    /// Parameters of the engine, as the header has them.
    parameters: Vec<u8>,
    /// The segment being written, and the place of the next record in it.
    segment: u16,
    offset: usize,
}

impl<'a> NextLog<'a> {
    /// Begins the log behind `end`, which was created at `created`, in a buffer of [`LogEnd::length`] bytes.
    ///
    /// `attached` is the database that is attached, if there is one: its header and its path.
    ///
    /// # Errors
    /// The buffer has another length; no generation is left.
    pub fn begin(
        end: &LogEnd,
        created: LogTime,
        attached: Option<(&DatabaseHeader, &str)>,
        buffer: &'a mut [u8],
    ) -> Result<Self, ComposeError> {
        if buffer.len() != end.length {
            return Err(ComposeError::Length { buffer: buffer.len(), need: end.length });
        }
        let generation = end.generation.next().filter(|next| next.0 <= LAST);
        let generation = generation.ok_or(ComposeError::LastGeneration)?;
        buffer.fill(0);
        set(buffer, 0, &end.page);
        set(buffer, 4, &generation.0.to_le_bytes());
        set(buffer, 16, created.as_bytes());
        set(buffer, 24, end.created.as_bytes());
        let checkpoint = LogPosition { generation, sector: 1, offset: 0 };
        set(buffer, 640, &checkpoint.to_bytes());
        set(buffer, 653, &end.checksum.to_le_bytes());
        if let Some(list) = buffer.get_mut(LIST..LIST_END) {
            list.fill(0);
            if let Some((header, path)) = attached {
                set(list, 0, &attachment(header, path));
            }
        }
        let sum = xor32(buffer.get(..LogHeader::LENGTH).unwrap_or(&[]));
        set(buffer, 0, &sum.to_le_bytes());
        let parameters = Fields(&end.page).bytes(PARAMETERS, PARAMETERS_LENGTH).to_vec();
        Ok(Self { buffer, generation, created, parameters, segment: 1, offset: HEAD })
    }

    /// Generation of this log.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Where the next record will be.
    pub fn position(&self) -> LogPosition {
        let offset = u16::try_from(self.offset).unwrap_or(u16::MAX);
        LogPosition { generation: self.generation, sector: self.segment, offset }
    }

    /// Recovery is done: it redid from the beginning of generation `from` (`RecoveryUndo2`, `ShutDownMark`,
    /// `RecoveryQuit2`).
    ///
    /// # Errors
    /// The log is full.
    pub fn recovery(&mut self, from: Generation) -> Result<(), ComposeError> {
        let begun = LogPosition { generation: self.generation, sector: 1, offset: 0 };
        let from = LogPosition { generation: from, sector: 1, offset: 0 };
        let created = self.created;
        self.record(&[&[51], created.as_bytes()])?;
        self.record(&[&[23]])?;
        self.next_segment()?;
        self.record(&[&[52], &begun.to_bytes(), &from.to_bytes(), &[1], created.as_bytes()])?;
        self.next_segment()
    }

    /// The engine starts and attaches a closed database (`Init2`, `AttachDB`); where the latter is.
    ///
    /// # Errors
    /// The log is full.
    pub fn attach(&mut self, header: &DatabaseHeader, path: &str) -> Result<LogPosition, ComposeError> {
        let (created, parameters) = (self.created, core::mem::take(&mut self.parameters));
        self.record(&[&[49], &parameters, created.as_bytes()])?;
        self.parameters = parameters;
        let path = utf16(path);
        let [dbid, ..] = header.dbid.to_le_bytes();
        let bytes = u16::try_from(path.len()).unwrap_or(0).to_le_bytes();
        let attached = self.record(&[
            &[15],
            &SESSION.to_le_bytes(),
            &[dbid],
            &[0; 4],
            &header.consistent.to_bytes(),
            header.signature.as_bytes(),
            header.log_signature.as_bytes(),
            &bytes,
            &[UTF16],
            &path,
        ])?;
        self.next_segment()?;
        Ok(attached)
    }

    /// A backup begins (`Backup2`): full, or incremental.
    ///
    /// # Errors
    /// The log is full.
    pub fn backup(&mut self, is_full: bool, time: LogTime) -> Result<(), ComposeError> {
        let scope = if is_full { 1 } else { 2 };
        let (phase, streaming, database) = ([1], [0; 4], [0]);
        let (mark, generations, no_path) = ([0; 8], [0; 8], [0; 3]);
        let parts: [&[u8]; 9] =
            [&[60], &phase, &streaming, &[scope], &database, &mark, time.as_bytes(), &generations, &no_path];
        self.record(&parts).map(drop)
    }

    /// Closes the log.
    pub fn finish(mut self) {
        if self.offset > HEAD {
            self.seal();
        }
    }

    fn record(&mut self, parts: &[&[u8]]) -> Result<LogPosition, ComposeError> {
        let record = parts.concat();
        if self.offset.saturating_add(record.len()) > SEGMENT {
            self.next_segment()?;
        }
        let at = self.position();
        let start = self.start().saturating_add(self.offset);
        // The last segment is kept free, for the copy of the one before it.
        let most = self.buffer.len().saturating_sub(SEGMENT);
        if start.saturating_add(record.len()) > most {
            return Err(ComposeError::Full);
        }
        set(self.buffer, start, &record);
        self.offset = self.offset.saturating_add(record.len());
        Ok(at)
    }

    fn next_segment(&mut self) -> Result<(), ComposeError> {
        self.seal();
        self.segment = self.segment.checked_add(1).ok_or(ComposeError::Full)?;
        self.offset = HEAD;
        Ok(())
    }

    fn start(&self) -> usize {
        usize::from(self.segment).saturating_mul(SEGMENT)
    }

    /// Fills the rest of the segment with one record that says nothing, and sets its head.
    fn seal(&mut self) {
        let (start, number) = (self.start(), self.segment);
        let rest = SEGMENT.saturating_sub(self.offset);
        if let Some(filler) = rest.checked_sub(FILLER) {
            let at = start.saturating_add(self.offset);
            set(self.buffer, at, &[71]);
            let filler = u32::try_from(filler).unwrap_or(0);
            set(self.buffer, at.saturating_add(1), &filler.to_le_bytes());
        }
        let position = LogPosition { generation: self.generation, sector: number, offset: 0 };
        set(self.buffer, start.saturating_add(8), &position.to_bytes());
        set(self.buffer, start.saturating_add(16), self.created.as_bytes());
        set(self.buffer, start.saturating_add(36), &FLAGS.to_le_bytes());
        let segment = self.buffer.get(start..start.saturating_add(SEGMENT)).unwrap_or(&[]);
        let sum = xor_ecc(segment, number.into(), Block::WithChecksum).unwrap_or(0);
        set(self.buffer, start, &sum.to_le_bytes());
    }
}

/// `ATTACHINFO`, format digest section 13.1.
fn attachment(header: &DatabaseHeader, path: &str) -> Vec<u8> {
    let path = utf16(path);
    let [dbid, ..] = header.dbid.to_le_bytes();
    let bytes = u16::try_from(path.len()).unwrap_or(0).to_le_bytes();
    let parts: [&[u8]; 9] = [
        &[dbid, 0x20],
        &bytes,
        &header.dbtime.to_le_bytes(),
        &header.last_object.to_le_bytes(),
        &[0; 4],
        &header.attach.to_bytes(),
        &header.consistent.to_bytes(),
        header.signature.as_bytes(),
        &path,
    ];
    parts.concat()
}

/// With its zero. One that is longer than Windows has them is cut off.
fn utf16(path: &str) -> Vec<u8> {
    path.encode_utf16().take(PATH).chain([0]).flat_map(u16::to_le_bytes).collect()
}

const SEGMENT: usize = 4096;
const SEGMENT_U16: u16 = 4096;
/// Segments of a log of usual size, its header among them.
const SEGMENTS: u16 = 256;
/// Bytes of the head of a segment.
const HEAD: usize = 40;
/// Bytes of an empty filler.
const FILLER: usize = 5;
const FLAGS: u32 = 0x2000;
/// The highest generation.
const LAST: u32 = 0x7FFF_FFFE;
/// Where a log header has the list of databases.
const LIST: usize = 671;
const LIST_END: usize = 671 + 2048;
/// Where it has the parameters of the engine.
const PARAMETERS: usize = 72;
const PARAMETERS_LENGTH: usize = 567;
/// The session that attaches databases.
const SESSION: u16 = 5;
/// The path is UTF-16.
const UTF16: u8 = 8;
/// Characters of a path at most.
const PATH: usize = 259;
