//! Findings as text: one lower-case clause, expected and actual.

use core::fmt;

use super::{Affected, Finding, FindingKind, Need, Place};

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(self.place, Place::File | Place::Set) {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}", self.kind)?;
        if self.kind.reachability_unknown() { f.write_str("; reachability unknown") } else { Ok(()) }
    }
}

impl fmt::Display for Affected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.table.is_empty() {
            write!(f, "table `{}`, ", self.table)?;
        }
        f.write_str(&self.part)?;
        if self.rows.is_empty() { Ok(()) } else { write!(f, ", {}", self.rows) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("file"),
            Self::PrimaryHeader => f.write_str("primary header"),
            Self::ShadowHeader => f.write_str("shadow header"),
            Self::Pages { first, last, offset } if first == last => {
                write!(f, "page {first} at offset {offset:#x}")
            }
            Self::Pages { first, last, offset } => {
                write!(f, "pages {first} to {last} from offset {offset:#x}")
            }
            Self::Trailer => f.write_str("trailer page"),
            Self::LogHeader => f.write_str("log header"),
            Self::Segments { generation, first, last, offset } if first == last => {
                write!(f, "generation {generation} segment {first} at offset {offset:#x}")
            }
            Self::Segments { generation, first, last, offset } => {
                write!(f, "generation {generation} segments {first} to {last} from offset {offset:#x}")
            }
            Self::Generations { first, last } if first == last => write!(f, "generation {first}"),
            Self::Generations { first, last } => write!(f, "generations {first} to {last}"),
            Self::Set => f.write_str("set"),
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => write!(f, "{error}"),
            Self::NoHeader { primary } => {
                write!(f, "both header copies are unusable ({primary}) and the page size cannot be inferred")
            }
            Self::HeadersDiffer => f.write_str("both header copies are right but differ"),
            Self::TooSmall { size } => write!(f, "file has {size} bytes, less than two header pages"),
            Self::PartialPage { size, page_size } => partial_page(f, *size, page_size.bytes()),
            Self::Size { size, expected } | Self::LogSize { size, expected } => {
                write!(f, "file has {size} bytes, expected {expected}")
            }
            Self::DatabaseVersion(version) => write!(f, "format version is {version:#x}, expected 0x620"),
            Self::State(state) => write!(f, "database state is {state}"),
            Self::EngineCounters { bad_checksums, bits_repaired, bits_not_repaired } => write!(
                f,
                "engine counted {bad_checksums} uncorrectable pages, {bits_repaired} repaired and \
                 {bits_not_repaired} unrepaired bits"
            ),
            Self::HeaderOrder { low, high, committed } => write!(
                f,
                "lGenMinRequired {low}, lGenMaxRequired {high} and lGenMaxCommitted {committed} are not in order"
            ),
            Self::NotABackup => f.write_str("bkinfoFullCur.genLow is 0, not a streamed backup copy"),
            Self::PageChecksum { stored, computed, .. } => checksums(f, *stored, *computed),
            Self::PageMisplaced { owner, or_bit, .. } => {
                write!(f, "page belongs to pgno {owner}")?;
                or_bit.map_or(Ok(()), |bit| write!(f, ", or bit {bit} of the stored checksum is flipped"))
            }
            Self::PageNumberField { stored, .. } => write!(f, "stored page number is {stored}"),
            Self::SingleBit { bit, refused } => {
                write!(f, "bit {} of byte {} is flipped", bit & 7, bit >> 3)?;
                if *refused {
                    f.write_str(", the checksum flag that the engine does not correct")
                } else {
                    Ok(())
                }
            }
            _ => self.fmt_trailer(f),
        }
    }
}

impl FindingKind {
    fn fmt_trailer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrailerMissing => f.write_str("stream does not end with a trailer page"),
            Self::TrailerChecksum { stored, computed } => {
                write!(f, "checksum is {stored:#010x}, computed {computed:#010x}")
            }
            Self::TrailerMismatch { field } => write!(f, "{field} is not that of the header"),
            Self::TrailerOrder { low, required: (min, max), committed, high } => write!(
                f,
                "genLow {low}, required {min} to {max}, committed {committed} and genHigh {high} are not in order"
            ),
            _ => self.fmt_log(f),
        }
    }

    fn fmt_log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogVersion { major, update } => {
                write!(f, "log version {major}, update {update} is newer than this program knows")
            }
            Self::SegmentChecksum { stored, computed } => {
                write!(f, "checksum is {stored:#018x}, computed {computed:#018x}, and valid segments follow")
            }
            Self::SegmentZero => f.write_str("all zero, and valid segments follow"),
            Self::SegmentForeign { generation, sector } => {
                write!(f, "belongs to generation {generation} segment {sector}, and valid segments follow")
            }
            Self::Torn { shadow: true } => f.write_str("torn write, a copy of the segment follows"),
            Self::Torn { shadow: false } => f.write_str("torn write without a copy"),
            Self::LogEmpty => f.write_str("log holds no record"),
            Self::RangeChecksum { stored, computed } => {
                write!(f, "LRCHECKSUM is {stored:#010x}, computed {computed:#010x}")
            }
            Self::RangeMissing => f.write_str("no LRCHECKSUM where the one before points to"),
            Self::LogName { name, named } => write!(f, "file `{name}` is named as generation {named}"),
            Self::LogSignature { signature, expected, .. } => {
                write!(f, "signLog is {signature}, expected {expected}")
            }
            Self::DatabaseSignature { signature } => {
                write!(f, "signLog of the database is {signature}, no log of the set has it")
            }
            Self::LogMissing(need) => write!(f, "no usable log file, {need}"),
            Self::ChainTime { .. } => f.write_str("tmPrevGen is not the creation time of the previous log"),
            Self::ChainChecksum { expected, computed } => {
                write!(
                    f,
                    "segment checksums add up to {computed:#018x}, the next log remembers {expected:#018x}"
                )
            }
            Self::LogDuplicate => f.write_str("log is there more than once"),
            Self::LogSizes { size, expected } => {
                write!(f, "log has {size} bytes, other logs of the set have {expected}")
            }
            Self::TornInside => f.write_str("log ends in a torn write, but later logs follow"),
            Self::CommittedTime => f.write_str("log was not created when the database header says"),
            Self::EndsAtTrailer => {
                f.write_str("set ends at the trailer's generation; later listed logs cannot be excluded")
            }
            Self::Structure(defect) => write!(f, "{defect}"),
            Self::Redo(defect) => write!(f, "{defect}"),
            _ => f.write_str(self.code()),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Required => "required to recover the database",
            Self::Current => "required to recover the database and the current log is not there",
            Self::BackupStart => "below the lowest log of the set but not below genLow of the backup",
            Self::Backup => "inside the range of the backup",
            Self::BackupEnd => "above the highest log of the set but not above genHigh of the trailer",
            Self::Committed => "holds committed transactions",
            Self::Listed => "listed by the server",
            Self::Chain { .. } => "later logs cannot be replayed without it",
            Self::Unneeded => "not needed by the database",
        })
    }
}

/// XOR-32 checksums have 8 digits, those with ECC 16.
fn checksums(f: &mut fmt::Formatter<'_>, stored: u64, computed: u64) -> fmt::Result {
    if (stored | computed) >> 32 == 0 {
        write!(f, "checksum is {stored:#010x}, computed {computed:#010x}")
    } else {
        write!(f, "checksum is {stored:#018x}, computed {computed:#018x}")
    }
}

fn partial_page(f: &mut fmt::Formatter<'_>, size: u64, page_size: u32) -> fmt::Result {
    let page_size = u64::from(page_size);
    let whole = size.checked_div(page_size).unwrap_or(0).saturating_mul(page_size);
    write!(f, "file has {size} bytes, not a multiple of the page size {page_size}; expected {whole} or ")?;
    write!(f, "{}", whole.saturating_add(page_size))
}
