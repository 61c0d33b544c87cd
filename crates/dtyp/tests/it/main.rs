//! Golden bytes and defects of `dtyp`.

use dtyp::HResult;
use dtyp::multi_string::{self, Error};

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn codes_print_as_hex_and_name() {
    assert_eq!(HResult::MISSING_FULL_BACKUP.to_string(), "0xC8000230 (hrMissingFullBackup)");
    assert_eq!(HResult(0x8123_4567).to_string(), "0x81234567");
    assert!(HResult::OK.is_success());
    assert!(!HResult(1).is_success(), "positive values are failures for this interface");
}

#[test]
fn list_round_trips() {
    for list in [vec![], vec!["a"], vec!["!\\\\CA\\c$\\edb00001.log", "ü\u{1F511}"]] {
        assert_eq!(
            multi_string::decode(&multi_string::encode(list.iter().copied())).as_deref(),
            Ok(&list.iter().map(ToString::to_string).collect::<Vec<_>>()[..])
        );
    }
    assert_eq!(multi_string::encode(["ab"]), units("ab\0\0"));
    assert_eq!(multi_string::encode([]), units("\0\0"));
}

#[test]
fn empty_lists_in_every_spelling() {
    for bytes in [units(""), units("\0"), units("\0\0"), units("\0\0\0\0")] {
        assert_eq!(multi_string::decode(&bytes), Ok(vec![]));
    }
}

#[test]
fn a_cut_list_is_an_error_wherever_it_was_cut() {
    assert_eq!(multi_string::decode(&units("ab\0cd\0")), Err(Error::Unended { entries: 2 }));
    assert_eq!(multi_string::decode(&units("ab\0cd")), Err(Error::Unterminated { entry: 1 }));
}

#[test]
fn odd_length_trailing_data_and_lone_surrogates_are_errors() {
    assert_eq!(multi_string::decode(&[0x41, 0, 0]), Err(Error::OddLength { bytes: 3 }));
    assert_eq!(multi_string::decode(&units("a\0\0b\0\0")), Err(Error::TrailingData { offset: 6, bytes: 12 }));
    assert_eq!(multi_string::decode(&[0x00, 0xD8, 0, 0, 0, 0]), Err(Error::IllFormed { entry: 0 }));
}
