//! The fields of headers: name, place, type. Everything that the format digest knows, in the order of the file.

use ese::{DbState, Generation, LogPosition, LogTime, Signature};
use serde_json::Value;

/// One field of a header.
pub(super) struct HeaderField {
    pub(super) at: usize,
    pub(super) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Numbers of 1, 2, 4 and 8 bytes.
    Number(usize),
    /// The same in hexadecimal digits.
    Hex(usize),
    Position,
    Time,
    Signature,
    State,
    /// `BKINFO`: position, time, generations.
    Backup,
    /// Text up to a zero, in so many bytes.
    Text(usize),
}

const fn field(at: usize, name: &'static str, kind: Kind) -> HeaderField {
    HeaderField { at, name, kind }
}

impl HeaderField {
    /// The value for people; a field behind the end reads as zero.
    pub(super) fn value(&self, bytes: &[u8]) -> String {
        let at = |length: usize| bytes.get(self.at..).and_then(|tail| tail.get(..length)).unwrap_or(&[]);
        match self.kind {
            Kind::Number(length) => number(at(length)).to_string(),
            Kind::Hex(length) => format!("{:#x}", number(at(length))),
            Kind::Position => position(at(8)).to_string(),
            Kind::Time => LogTime::new(at(8).try_into().unwrap_or_default()).to_string(),
            Kind::Signature => match Signature::new(at(28).try_into().unwrap_or_default()) {
                signature if signature.is_set() => signature.to_string(),
                _ => "none".to_owned(),
            },
            Kind::State => {
                let number = u32::from_le_bytes(at(4).try_into().unwrap_or_default());
                format!("{number} ({})", DbState::from(number))
            }
            Kind::Backup => {
                let all = at(24);
                if all.iter().all(|&byte| byte == 0) {
                    return "none".to_owned();
                }
                let part = |from: usize, to: usize| all.get(from..to).unwrap_or(&[]);
                let time = LogTime::new(part(8, 16).try_into().unwrap_or_default());
                let (mark, low, high) = (position(part(0, 8)), number(part(16, 20)), number(part(20, 24)));
                format!("mark {mark}, {time}, generations {low:#x}-{high:#x}")
            }
            Kind::Text(length) => {
                let text = at(length).split(|&byte| byte == 0).next().unwrap_or(&[]);
                csbackup::shown_name(&String::from_utf8_lossy(text))
            }
        }
    }

    /// The value for programs.
    pub(super) fn json(&self, bytes: &[u8]) -> Value {
        let value = self.value(bytes);
        match self.kind {
            Kind::Number(_) => value.parse::<u64>().map_or(Value::Null, Value::from),
            _ => Value::from(value),
        }
    }
}

/// A little-endian number.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn position(bytes: &[u8]) -> LogPosition {
    let [ib0, ib1, sector0, sector1, generation @ ..]: [u8; 8] = bytes.try_into().unwrap_or_default();
    LogPosition {
        generation: Generation(u32::from_le_bytes(generation)),
        sector: u16::from_le_bytes([sector0, sector1]),
        offset: u16::from_le_bytes([ib0, ib1]),
    }
}

/// Fields as `place type name`.
macro_rules! fields {
    ($($at:literal $kind:ident $name:literal;)*) => { &[$(field($at, $name, $kind)),*] };
}

const U8: Kind = Kind::Number(1);
const U16: Kind = Kind::Number(2);
const U32: Kind = Kind::Number(4);
const U64: Kind = Kind::Number(8);
const X8: Kind = Kind::Hex(1);
const X32: Kind = Kind::Hex(4);
const X64: Kind = Kind::Hex(8);
const POSITION: Kind = Kind::Position;
const TIME: Kind = Kind::Time;
const SIGNATURE: Kind = Kind::Signature;
const STATE: Kind = Kind::State;
const BACKUP: Kind = Kind::Backup;
const PATH: Kind = Kind::Text(261);

/// Format digest section 4.
pub(super) const DATABASE: &[HeaderField] = fields! {
    0 X32 "checksum"; 4 X32 "magic"; 8 X32 "version"; 12 U32 "attrib"; 16 U64 "dbtimeDirtied";
    24 SIGNATURE "signDb"; 52 STATE "state"; 56 POSITION "lgposConsistent"; 64 TIME "logtimeConsistent";
    72 TIME "logtimeAttach"; 80 POSITION "lgposAttach"; 88 TIME "logtimeDetach"; 96 POSITION "lgposDetach";
    104 U32 "dbid"; 108 SIGNATURE "signLog"; 136 BACKUP "bkinfoFullPrev"; 160 BACKUP "bkinfoIncPrev";
    184 BACKUP "bkinfoFullCur"; 208 X32 "flags"; 212 U32 "objidLast"; 216 U32 "osMajor"; 220 U32 "osMinor";
    224 U32 "osBuild"; 228 U32 "osServicePack"; 232 U32 "updateMajor"; 236 U32 "cbPage";
    240 U32 "repairCount"; 244 TIME "logtimeRepair"; 252 SIGNATURE "signSLV"; 280 U64 "dbtimeLastScrub";
    288 TIME "logtimeScrub"; 296 X32 "lGenMinRequired"; 300 X32 "lGenMaxRequired";
    304 U32 "cpgUpgrade55Format"; 308 U32 "cpgUpgradeFreePages"; 312 U32 "cpgUpgradeSpaceMapPages";
    316 BACKUP "bkinfoSnapshotCur"; 340 X32 "createVersion"; 344 U32 "createUpdate";
    348 TIME "logtimeGenMaxCreate"; 356 U32 "bkinfoTypeFullPrev"; 360 U32 "bkinfoTypeIncPrev";
    364 U32 "repairCountOld"; 368 U32 "eccFixSuccess"; 372 TIME "logtimeEccFixSuccess";
    380 U32 "eccFixSuccessOld"; 384 U32 "eccFixFail"; 388 TIME "logtimeEccFixFail"; 396 U32 "eccFixFailOld";
    400 U32 "badChecksum"; 404 TIME "logtimeBadChecksum"; 412 U32 "badChecksumOld";
    416 X32 "lGenMaxCommitted"; 420 BACKUP "bkinfoCopyPrev"; 444 BACKUP "bkinfoDiffPrev";
    468 U32 "bkinfoTypeCopyPrev"; 472 U32 "bkinfoTypeDiffPrev"; 476 U32 "incrementalReseedCount";
    480 TIME "logtimeIncrementalReseed"; 488 U32 "incrementalReseedCountOld"; 492 U32 "pagePatchCount";
    496 TIME "logtimePagePatch"; 504 U32 "pagePatchCountOld"; 508 X64 "sortVersion";
    516 TIME "logtimeScanPrev"; 524 TIME "logtimeScanStart"; 532 U32 "pgnoScanMax";
    536 X32 "lGenRecovering"; 540 U32 "extendCount"; 544 TIME "logtimeLastExtend"; 552 U32 "shrinkCount";
    556 TIME "logtimeLastShrink"; 564 TIME "logtimeLastReAttach"; 572 POSITION "lgposLastReAttach";
    580 U32 "trimCount"; 584 SIGNATURE "signDbHdrFlush"; 612 SIGNATURE "signFlushMapHdrFlush";
    640 X32 "lGenMinConsistent"; 644 U32 "updateMinor"; 648 U32 "efvMaxBinAttach"; 652 U32 "pgnoScanHighest";
    656 POSITION "lgposLastResize"; 667 U32 "fileType"; 672 TIME "logtimeGenMaxRequired";
    680 X32 "lGenPreRedoMinConsistent"; 684 X32 "lGenPreRedoMinRequired"; 688 SIGNATURE "signRBSHdrFlush";
    716 U32 "revertCount"; 720 TIME "logtimeRevertFrom"; 728 TIME "logtimeRevertTo";
    736 U32 "revertPageCount"; 740 POSITION "lgposCommitBeforeRevert";
};

/// Format digest section 18.
pub(super) const TRAILER: &[HeaderField] = fields! {
    0 X32 "checksum"; 40 BACKUP "bkinfo"; 64 SIGNATURE "signDb"; 92 SIGNATURE "signLog";
    120 X32 "lgenMinReq"; 124 X32 "lgenMaxReq"; 128 X32 "lgenMaxCommitted"; 132 TIME "logtimeGenMaxRequired";
    140 TIME "logtimeGenMaxCommitted";
};

/// Format digest section 13.1.
pub(super) const LOG: &[HeaderField] = fields! {
    0 X32 "checksum"; 4 X32 "lGeneration"; 8 U16 "cbSec"; 10 U16 "csecHeader"; 12 U16 "csecLGFile";
    14 U16 "cbPage"; 16 TIME "tmCreate"; 24 TIME "tmPrevGen"; 32 U32 "versionMajor"; 36 U32 "versionMinor";
    40 U32 "updateMajor"; 44 SIGNATURE "signLog"; 72 PATH "systemPath"; 333 PATH "logPath";
    594 X8 "envFlags"; 595 U32 "sessions"; 599 U32 "openTables"; 603 U32 "versionPages"; 607 U32 "cursors";
    611 U32 "logBuffers"; 615 U32 "sectorsPerLog"; 619 U32 "cacheSizeMax"; 639 X8 "fLGFlags";
    640 POSITION "lgposCheckpoint"; 648 U32 "updateMinor"; 652 U8 "sectorSizeMismatch";
    653 X64 "checksumPrevGen"; 661 U32 "efv"; 667 U32 "fileType";
};

/// Format digest section 16.
pub(super) const CHECKPOINT: &[HeaderField] = fields! {
    0 X32 "checksum"; 4 POSITION "lgposLastFullBackupCheckpoint"; 12 POSITION "lgposCheckpoint";
    20 SIGNATURE "signLog"; 48 PATH "systemPath"; 309 PATH "logPath"; 570 X8 "envFlags"; 571 U32 "sessions";
    575 U32 "openTables"; 579 U32 "versionPages"; 583 U32 "cursors"; 587 U32 "logBuffers";
    591 U32 "sectorsPerLog"; 595 U32 "cacheSizeMax"; 615 POSITION "lgposFullBackup";
    623 TIME "logtimeFullBackup"; 631 POSITION "lgposIncBackup"; 639 TIME "logtimeIncBackup";
    647 X8 "fVersion"; 648 POSITION "lgposDbConsistency"; 667 U32 "fileType";
};

/// Format digest section 5.1.
pub(super) const PAGE: &[HeaderField] = fields! {
    0 X64 "checksum"; 8 U64 "dbtimeDirtied"; 16 U32 "pgnoPrev"; 20 U32 "pgnoNext"; 24 U32 "objidFDP";
    28 U16 "cbFree"; 30 U16 "cbUncommittedFree"; 32 U16 "ibMicFree"; 34 U16 "itagState"; 36 X32 "flags";
};

/// What pages above 8 KiB have besides.
pub(super) const LARGE_PAGE: &[HeaderField] = fields! {
    40 X64 "checksum1"; 48 X64 "checksum2"; 56 X64 "checksum3"; 64 U32 "pgno";
};
