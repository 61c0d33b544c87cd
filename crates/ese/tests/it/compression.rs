//! Each scheme against published vectors, against a small compressor, and against damage.

use ese::{CompressionError, decompress};
use proptest::prelude::*;

/// No value is longer than this here.
const LIMIT: usize = 1 << 16;

#[test]
fn ms_xca_example_without_matches() {
    let mut data = vec![0x3f, 0, 0, 0];
    data.extend(b'a'..=b'z');
    let plain: Vec<u8> = (b'a'..=b'z').collect();
    assert_eq!(decompress(&with_size(XPRESS, 26, &data), LIMIT), Ok(plain));
}

#[test]
fn ms_xca_example_with_a_long_match() {
    let data = [0xff, 0xff, 0xff, 0x1f, 0x61, 0x62, 0x63, 0x17, 0x00, 0x0f, 0xff, 0x26, 0x01];
    assert_eq!(decompress(&with_size(XPRESS, 300, &data), LIMIT), Ok(b"abc".repeat(100)));
}

#[test]
fn xpress_length_of_32_bits() {
    // One literal, then one match of 40,000 bytes: nibble 15, byte 255, u16 0, u32.
    let mut data = vec![0xff, 0xff, 0xff, 0x7f, b'x', 0x07, 0x00, 0x0f, 0xff, 0, 0];
    data.extend((40_000_u32 - 3).to_le_bytes());
    assert_eq!(decompress(&with_size(XPRESS, 40_001, &data), LIMIT), Ok(vec![b'x'; 40_001]));
}

#[test]
fn xpress_match_before_the_first_byte_is_damage() {
    let data = [0xff, 0xff, 0xff, 0x7f, b'x', 0x08, 0x00];
    assert_eq!(decompress(&with_size(XPRESS, 4, &data), LIMIT), Err(CompressionError::Damaged));
}

#[test]
fn lz4_match_at_distance_zero_is_damage() {
    assert_eq!(decompress(&with_size(LZ4, 9, &[0x14, b'x', 0, 0]), LIMIT), Err(CompressionError::Damaged));
}

#[test]
fn seven_bit_text() {
    // "AB": 1000001 then 1000010, lowest bits first; 6 bits of the second byte are used.
    assert_eq!(decompress(&[1 << 3 | 5, 0x41, 0x21], LIMIT), Ok(b"AB".to_vec()));
    assert_eq!(decompress(&[2 << 3 | 5, 0x41, 0x21], LIMIT), Ok(b"A\0B\0".to_vec()));
}

#[test]
fn bits_that_make_no_whole_character_are_left_out() {
    assert_eq!(decompress(&[1 << 3 | 7, 0x41, 0x21], LIMIT), Ok(b"AB".to_vec()));
}

#[test]
fn seven_bit_without_data_is_damage() {
    assert_eq!(decompress(&[1 << 3], LIMIT), Err(CompressionError::Damaged));
    assert_eq!(decompress(&[2 << 3], LIMIT), Err(CompressionError::Damaged));
}

#[test]
fn nothing_is_damage() {
    assert_eq!(decompress(&[], LIMIT), Err(CompressionError::Damaged));
}

#[test]
fn schemes_that_are_not_read_are_named() {
    let text = |bytes: &[u8]| decompress(bytes, LIMIT).unwrap_err().to_string();
    assert_eq!(text(&[5 << 3, 1, 2]), "the value is compressed with XPRESS9 (scheme 5), not read here");
    assert_eq!(
        text(&[6 << 3, 1, 2]),
        "the value is compressed with XPRESS10 (scheme 6), whose bit stream is not published"
    );
    assert_eq!(text(&[31 << 3]), "the value is compressed with unknown scheme 31");
    assert_eq!(text(&[0]), "the value is compressed with unknown scheme 0");
    assert_eq!(decompress(&[4 << 3, b'l', b'l'], LIMIT), Err(CompressionError::Scrubbed));
}

#[test]
fn nothing_becomes_longer_than_the_limit() {
    let plain = b"a value that says the same, says the same, says the same".to_vec();
    for packed in [xpress(&plain), lz4(&plain), ascii(&plain), unicode(&plain)] {
        let size = decompress(&packed, LIMIT).unwrap().len();
        assert!(decompress(&packed, size).is_ok());
        assert_eq!(decompress(&packed, size - 1), Err(CompressionError::TooLong));
    }
}

#[test]
fn every_truncation_and_every_flipped_bit_ends() {
    let plain = b"0123456789 and again 0123456789 and again, and again 0123456789".repeat(3);
    for packed in [xpress(&plain), lz4(&plain), ascii(&plain), unicode(&plain)] {
        for end in 0..packed.len() {
            let cut = decompress(&packed[..end], LIMIT);
            let allowed = cut.as_ref().map_or(true, |cut| packed[0] >> 3 < XPRESS || *cut == plain);
            assert!(allowed, "cut at {end}: {cut:?}");
        }
        for bit in 0..packed.len() * 8 {
            let mut flipped = packed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(value) = decompress(&flipped, LIMIT) {
                assert!(value.len() <= LIMIT);
            }
        }
    }
}

proptest! {
    #[test]
    fn compressed_comes_back(plain in text_like()) {
        prop_assert_eq!(decompress(&xpress(&plain), plain.len()), Ok(plain.clone()));
        prop_assert_eq!(decompress(&lz4(&plain), plain.len()), Ok(plain.clone()));
        let low: Vec<u8> = plain.iter().map(|byte| byte & 0x7f).collect();
        prop_assert_eq!(decompress(&ascii(&low), low.len()), Ok(low.clone()));
        let wide: Vec<u8> = low.iter().flat_map(|&byte| [byte, 0]).collect();
        prop_assert_eq!(decompress(&unicode(&low), wide.len()), Ok(wide.clone()));
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..300), scheme in 0_u8..8, limit in 0_usize..9000) {
        let mut bytes = bytes;
        bytes.insert(0, scheme << 3);
        if let Ok(value) = decompress(&bytes, limit) {
            prop_assert!(value.len() <= limit);
        }
    }
}

/// Pieces from a small alphabet, some of them repeated far and often, some random.
fn text_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(b'a'..b'd', 1..40),
        prop::collection::vec(any::<u8>(), 1..40),
        (any::<u8>(), 1_usize..2000).prop_map(|(byte, count)| vec![byte; count]),
        (prop::collection::vec(b'a'..b'd', 2..9), 1_usize..60).prop_map(|(unit, count)| unit.repeat(count)),
    ];
    prop::collection::vec(piece, 1..20).prop_map(|pieces| pieces.concat())
}

const XPRESS: u8 = 3;
const LZ4: u8 = 7;

fn with_size(scheme: u8, size: u16, data: &[u8]) -> Vec<u8> {
    let mut packed = vec![scheme << 3];
    packed.extend(size.to_le_bytes());
    packed.extend(data);
    packed
}

/// Longest earlier occurrence of what stands at `at`, near enough: (distance, length).
fn longest_match(plain: &[u8], at: usize, farthest: usize, least: usize) -> Option<(usize, usize)> {
    let candidates = (at.saturating_sub(farthest)..at).rev().take(300);
    let found = candidates.map(|from| {
        let length = plain[from..].iter().zip(&plain[at..]).take_while(|(a, b)| a == b).count();
        (at - from, length)
    });
    found.filter(|&(_, length)| length >= least).max_by_key(|&(_, length)| length)
}

fn xpress(plain: &[u8]) -> Vec<u8> {
    let (mut out, mut flags_at, mut bits, mut half, mut at) = (Vec::new(), 0, 32, None, 0);
    while at < plain.len() {
        if bits == 32 {
            (flags_at, bits) = (out.len(), 0);
            out.extend([0xff; 4]);
        }
        let found = longest_match(plain, at, 8192, 3);
        if let Some((distance, length)) = found {
            xpress_match(&mut out, &mut half, distance, length);
            at += length;
        } else {
            out.push(plain[at]);
            at += 1;
            let flags = u32::from_le_bytes(out[flags_at..flags_at + 4].try_into().unwrap());
            out[flags_at..flags_at + 4].copy_from_slice(&(flags & !(1 << (31 - bits))).to_le_bytes());
        }
        bits += 1;
    }
    with_size(XPRESS, u16::try_from(plain.len()).unwrap(), &out)
}

fn xpress_match(out: &mut Vec<u8>, half: &mut Option<usize>, distance: usize, length: usize) {
    let rest = length - 3;
    let short = rest.min(7);
    out.extend(u16::try_from((distance - 1) << 3 | short).unwrap().to_le_bytes());
    if short < 7 {
        return;
    }
    let nibble = u8::try_from((rest - 7).min(15)).unwrap();
    match half.take() {
        Some(place) => out[place] |= nibble << 4,
        None => {
            *half = Some(out.len());
            out.push(nibble);
        }
    }
    if nibble < 15 {
        return;
    }
    if let Some(byte) = u8::try_from(rest - 22).ok().filter(|&byte| byte < 255) {
        out.push(byte);
    } else {
        out.push(255);
        out.extend(u16::try_from(rest).unwrap().to_le_bytes());
    }
}

fn lz4(plain: &[u8]) -> Vec<u8> {
    let (mut out, mut start, mut at) = (Vec::new(), 0, 0);
    while at < plain.len() {
        let Some((distance, length)) = longest_match(plain, at, 65_535, 4) else {
            at += 1;
            continue;
        };
        lz4_sequence(&mut out, &plain[start..at], length - 4);
        out.extend(u16::try_from(distance).unwrap().to_le_bytes());
        lz4_length(&mut out, length - 4);
        at += length;
        start = at;
    }
    lz4_sequence(&mut out, &plain[start..], 0);
    with_size(LZ4, u16::try_from(plain.len()).unwrap(), &out)
}

fn lz4_sequence(out: &mut Vec<u8>, literals: &[u8], length: usize) {
    out.push(u8::try_from(literals.len().min(15) << 4 | length.min(15)).unwrap());
    lz4_length(out, literals.len());
    out.extend(literals);
}

fn lz4_length(out: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(15) else { return };
    while rest >= 255 {
        out.push(255);
        rest -= 255;
    }
    out.push(u8::try_from(rest).unwrap());
}

fn ascii(text: &[u8]) -> Vec<u8> {
    seven_bit(1, text)
}

fn unicode(text: &[u8]) -> Vec<u8> {
    seven_bit(2, text)
}

fn seven_bit(scheme: u8, text: &[u8]) -> Vec<u8> {
    let bits = text.len() * 7;
    let mut packed = vec![0; 1 + bits.div_ceil(8)];
    packed[0] = scheme << 3 | u8::try_from((bits - 1) % 8).unwrap();
    for (number, bit) in (0..bits).map(|bit| (bit, text[bit / 7] >> (bit % 7) & 1)) {
        packed[1 + number / 8] |= bit << (number % 8);
    }
    packed
}
