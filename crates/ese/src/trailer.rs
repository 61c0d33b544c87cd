//! The trailer page: the last page of a streamed database.

use crate::bytes::Fields;
use crate::checksum::xor32;
use crate::header::{BackupInfo, DatabaseHeader};
use crate::numbers::Generation;
use crate::time::{LogTime, Signature};

/// The last page of a streamed database (ESE "patch header").
///
/// ```text
///   0   4  checksum           XOR-32 over the page
///   4  36  zero               the rest of a page header
///  40  24  bkinfo             as in the header, with genHigh filled in
///  64  28  signDb
///  92  28  signLog
/// 120   4  lgenMinReq, 4 lgenMaxReq, 4 lgenMaxCommitted     since efv 9300, else 0
/// 132   8  time of log lgenMaxReq, 8 time of log lgenMaxCommitted
/// ```
///
/// Source: format digest section 18.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Trailer {
    /// The backup; `high` is the generation that was current when the last page was read.
    pub info: BackupInfo,
    /// Identity of the database (`signDb`).
    pub db_signature: Signature,
    /// Identity of the log stream (`signLog`).
    pub log_signature: Signature,
    /// Generations needed for consistency; newer than those of the header.
    pub required: Option<(Generation, Generation)>,
    /// Highest generation needed to lose nothing.
    pub committed: Option<Generation>,
    /// Creation times of the highest required and of the committed log.
    pub times: (LogTime, LogTime),
}

/// What the last page of a stream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LastPage {
    /// A trailer with a right checksum.
    Trailer(Trailer),
    /// Shaped like a trailer, but the checksum is wrong.
    Damaged { stored: u32, computed: u32 },
    /// A page of the database.
    Data,
}

impl LastPage {
    pub(crate) fn classify(page: &[u8]) -> Self {
        let fields = Fields(page);
        let (stored, computed) = (fields.u32(0), xor32(page));
        // A page header of which only the checksum is set; a few flipped bits do not matter.
        let set_bits: u32 = fields.bytes(4, 36).iter().map(|byte| byte.count_ones()).sum();
        let has_content = fields.bytes(40, 80).iter().any(|&byte| byte != 0);
        if set_bits > MAX_FLIPPED || !has_content {
            return Self::Data;
        }
        if stored != computed || set_bits != 0 {
            return Self::Damaged { stored, computed };
        }
        Self::Trailer(Trailer::from_fields(fields))
    }
}

impl Trailer {
    fn from_fields(f: Fields<'_>) -> Self {
        let (low, high) = (Generation(f.u32(120)), Generation(f.u32(124)));
        let committed = Generation(f.u32(128));
        Self {
            info: BackupInfo::at(f, 40),
            db_signature: Signature::at(f, 64),
            log_signature: Signature::at(f, 92),
            required: (!low.is_none() && !high.is_none()).then_some((low, high)),
            committed: (!committed.is_none()).then_some(committed),
            times: (LogTime::at(f, 132), LogTime::at(f, 140)),
        }
    }

    /// The first field in which the trailer and the header of the same stream differ.
    pub(crate) fn mismatch(&self, header: &DatabaseHeader) -> Option<&'static str> {
        let own = &self.info;
        let other = &header.full_cur;
        let pairs = [
            (self.db_signature == header.signature, "signDb"),
            (self.log_signature == header.log_signature, "signLog"),
            (own.mark == other.mark, "lgposMark"),
            (own.time == other.time, "logtimeMark"),
            (own.low == other.low, "genLow"),
        ];
        pairs.iter().find(|(same, _)| !same).map(|&(_, name)| name)
    }
}

/// So few set bits in an otherwise empty page header are damage, not a page.
const MAX_FLIPPED: u32 = 4;
