use ndr::{Error, Reader, Writer};

/// `[string, unique] wchar_t *` leading to "Hä", then a 32-bit number.
const GOLDEN: [u8; 28] = [
    0, 0, 2, 0, // referent
    3, 0, 0, 0, // max_count
    0, 0, 0, 0, // offset
    3, 0, 0, 0, // actual_count
    0x48, 0, 0xe4, 0, 0, 0, 0, 0, // units with the NUL, pad
    7, 0, 0, 0, // what follows
];

fn read(bytes: &[u8]) -> Result<(Option<String>, u32), Error> {
    let mut reader = Reader::new(bytes);
    Ok((reader.unique_wide_string("s")?, reader.u32("n")?))
}

fn broken(at: usize, value: u8) -> Error {
    let mut bytes = GOLDEN;
    bytes[at] = value;
    read(&bytes).unwrap_err()
}

#[test]
fn a_string_has_three_counts_and_a_nul() {
    let mut writer = Writer::new();
    writer.unique_wide_string(Some("Hä"));
    writer.u32(7);
    assert_eq!(writer.finish(), GOLDEN);
    assert_eq!(read(&GOLDEN), Ok((Some("Hä".into()), 7)));
}

#[test]
fn no_string_is_a_null_pointer() {
    let mut writer = Writer::new();
    writer.unique_wide_string(None);
    writer.u32(7);
    let bytes = writer.finish();
    assert_eq!(bytes, [0, 0, 0, 0, 7, 0, 0, 0]);
    assert_eq!(read(&bytes), Ok((None, 7)));
}

#[test]
fn a_cut_at_any_byte_is_an_error() {
    for end in 0..GOLDEN.len() {
        assert!(matches!(read(&GOLDEN[..end]), Err(Error::Short { .. })), "cut at {end}");
    }
}

#[test]
fn counts_that_lie_are_refused() {
    assert_eq!(broken(8, 1), Error::Invalid { what: "s", at: 4, value: 1 }, "offset");
    assert_eq!(broken(4, 2), Error::Invalid { what: "s", at: 4, value: 2 }, "max_count below actual_count");
    assert!(
        matches!(broken(15, 0x80), Error::Short { need: 0x1_0000_0006, .. }),
        "actual_count beyond the end"
    );
}

#[test]
fn a_roomier_maximum_is_fine() {
    let mut bytes = GOLDEN;
    bytes[7] = 0xff;
    assert_eq!(read(&bytes), Ok((Some("Hä".into()), 7)));
}

#[test]
fn text_must_be_utf_16_and_end_with_its_only_nul() {
    let text = Error::Text { what: "s", at: 4 };
    assert_eq!(broken(20, 1), text, "no NUL");
    assert_eq!(broken(16, 0), text, "NUL within");
    assert_eq!(broken(19, 0xd8), text, "lone surrogate");
    let mut none = GOLDEN;
    none[12] = 0;
    assert_eq!(read(&none).unwrap_err(), text, "not even a NUL");
    assert_eq!(text.to_string(), "s at offset 4 is not a NUL-terminated UTF-16 string");
}

#[test]
fn an_empty_string_is_its_nul() {
    let mut writer = Writer::new();
    writer.wide_string("");
    let bytes = writer.finish();
    assert_eq!(bytes, [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(Reader::new(&bytes).wide_string("s").as_deref(), Ok(""));
}
