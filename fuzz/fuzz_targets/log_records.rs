//! Any bytes as records, alone and through the dry redo, give an end and no panic.
#![no_main]

use ese::{Block, DatabaseHeader, DryRedo, LogReader, PageNumber, xor_ecc, xor32};
use libfuzzer_sys::fuzz_target;

/// A page of a dirty database that needs generation 1; logs of signature 1 belong to it.
fn header(clean: bool) -> DatabaseHeader {
    let mut page = vec![0_u8; 4096];
    let mut put = |at: usize, value: u32| page[at..at + 4].copy_from_slice(&value.to_le_bytes());
    put(4, 0x89AB_CDEF);
    put(8, 0x620);
    put(52, if clean { 3 } else { 2 });
    put(60, 1);
    put(296, 1);
    put(300, 1);
    put(236, 4096);
    page[24..52].fill(9);
    page[108..136].fill(1);
    let sum = xor32(&page);
    page[..4].copy_from_slice(&sum.to_le_bytes());
    DatabaseHeader::parse(&page).expect("a sound header")
}

/// A log of format 8 that has the input as its records, all checksums right.
fn log(generation: u32, input: &[u8]) -> Vec<u8> {
    let segments: Vec<&[u8]> = input.chunks(4056).collect();
    let sectors = u32::try_from(segments.len() + 2).unwrap_or(2);
    let mut file = vec![0_u8; 4096];
    let mut put = |at: usize, value: u32| file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    put(4, generation);
    put(8, 4096 | 1 << 16);
    put(12, sectors & 0xFFFF);
    put(32, 8);
    put(36, 4000);
    file[44..72].fill(1);
    // Database 1 is attached from the start.
    file[671] = 1;
    file[671 + 36..671 + 64].fill(9);
    let sum = xor32(&file);
    file[..4].copy_from_slice(&sum.to_le_bytes());
    for (number, records) in (1_u32..).zip(segments) {
        let mut segment = vec![0_u8; 4096];
        segment[8..12].copy_from_slice(&(number << 16).to_le_bytes());
        segment[12..16].copy_from_slice(&generation.to_le_bytes());
        segment[40..40 + records.len()].copy_from_slice(records);
        let sum = xor_ecc(&segment, number, Block::WithChecksum).expect("a whole segment");
        segment[..8].copy_from_slice(&sum.to_le_bytes());
        file.extend_from_slice(&segment);
    }
    file.extend_from_slice(&[0; 4096]);
    file
}

fuzz_target!(|input: (bool, bool, &[u8])| {
    let (raw, clean, bytes) = input;
    // The bytes are a log of either format, or the records of one.
    let logs = if raw {
        vec![bytes.to_vec()]
    } else {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        vec![log(1, first), log(2, second)]
    };
    let mut redo = DryRedo::new(&header(clean), |page: PageNumber| Ok(Some(page.0.into())));
    for log in &logs {
        if let Ok(mut reader) = LogReader::open(log.as_slice()) {
            let mut size = 0;
            while let Ok(Some((_, record))) = reader.next_record() {
                size += record.bytes.len();
                record.for_each_page(|_, _| {});
                drop(record.to_string());
            }
            assert!(size <= log.len());
        }
        redo.push_log(log.as_slice()).expect("memory can be read");
    }
    let report = redo.finish();
    report.findings.iter().for_each(|finding| drop((finding.to_string(), finding.hint())));
    assert!(report.pages.iter().all(|page| report.pages.contains(page)));
});
