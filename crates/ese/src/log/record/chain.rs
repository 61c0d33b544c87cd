//! Format 7: how far the chain of `LRCHECKSUM` records proves the bytes of a log.

use super::reader::LogReadError;
use super::stream::{Behind, Stream};
use crate::bytes::{Fields, index};
use crate::database::Origin;
use crate::finding::FindingKind;
use crate::log::{LogHeader, LogVerifier};
use crate::source::PageSource;

/// The records of a log of format 7.
///
/// Source: format digest section 14.
pub(super) fn stream<S: PageSource>(source: &S, header: &LogHeader) -> Result<Stream, LogReadError> {
    let size = header.file_size().min(source.size());
    // Never more than 32 MiB: both factors are of 16 bits, and a sector has 512 bytes.
    let mut bytes = alloc::vec![0; usize::try_from(size).unwrap_or(0)];
    source.read_at(0, &mut bytes)?;
    let mut verifier = LogVerifier::new(Origin::Raw, None);
    verifier.push(&bytes);
    let report = verifier.finish();
    let has = |wanted: fn(&FindingKind) -> bool| report.findings.iter().any(|finding| wanted(&finding.kind));
    let end = covered(&bytes, report.segments.valid);
    let behind = if has(|kind| matches!(kind, FindingKind::RangeChecksum { .. } | FindingKind::RangeMissing))
    {
        Behind::Damage
    } else if has(|kind| matches!(kind, FindingKind::Torn { .. })) {
        Behind::Torn
    } else {
        Behind::Nothing
    };
    Ok(Stream::ranges(header.generation, bytes, (LogHeader::LENGTH, end), behind))
}

/// Where the bytes end that the first `links` records of the chain cover.
fn covered(bytes: &[u8], links: u32) -> usize {
    let mut at = LogHeader::LENGTH;
    let mut end = at;
    for _ in 0..links {
        let f = Fields(bytes.get(at..).unwrap_or(&[]));
        let behind = at.saturating_add(RECORD);
        end = behind.saturating_add(index(f.u32(5)));
        at = behind.saturating_add(index(f.u32(9)));
    }
    end.min(bytes.len())
}

/// Bytes of an `LRCHECKSUM` record.
const RECORD: usize = 22;
