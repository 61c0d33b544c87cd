use dtyp::Guid;
use ndr::{Error, Reader, Writer};

const GUID: Guid = Guid::new(0x0102_0304, 0x0506, 0x0708, [9, 10, 11, 12, 13, 14, 15, 16]);

fn written() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.u8(0x11);
    writer.u16(0x2222);
    writer.u8(0x33);
    writer.u32(0x4444_4444);
    writer.u8(0x55);
    writer.i32(-2);
    writer.u64(0x6666_6666_6666_6666);
    writer.u8(0x77);
    writer.guid(GUID);
    writer.finish()
}

const GOLDEN: [u8; 56] = [
    0x11, 0, // u8, pad
    0x22, 0x22, // u16
    0x33, 0, 0, 0, // u8, pad
    0x44, 0x44, 0x44, 0x44, // u32
    0x55, 0, 0, 0, // u8, pad
    0xfe, 0xff, 0xff, 0xff, // i32
    0, 0, 0, 0, // pad
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, // u64
    0x77, 0, 0, 0, // u8, pad: a GUID is aligned to 4, not to 8
    4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16, // GUID, first three parts little-endian
    0xff, 0xff, 0xff, 0xff, // not ours
];

fn read(bytes: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(bytes);
    assert_eq!(reader.u8("a")?, 0x11);
    assert_eq!(reader.u16("b")?, 0x2222);
    assert_eq!(reader.u8("c")?, 0x33);
    assert_eq!(reader.u32("d")?, 0x4444_4444);
    assert_eq!(reader.u8("e")?, 0x55);
    assert_eq!(reader.i32("f")?, -2);
    assert_eq!(reader.u64("g")?, 0x6666_6666_6666_6666);
    assert_eq!(reader.u8("h")?, 0x77);
    assert_eq!(reader.guid("i")?, GUID);
    assert_eq!((reader.position(), reader.remaining()), (52, bytes.len() - 52));
    Ok(())
}

#[test]
fn values_are_aligned_to_their_size() {
    assert_eq!(written(), GOLDEN[..52]);
    read(&GOLDEN).unwrap();
}

#[test]
fn garbage_in_the_padding_is_ignored() {
    let mut bytes = GOLDEN;
    for pad in [1, 5, 6, 7, 13, 14, 15, 20, 21, 22, 23, 33, 34, 35] {
        assert_eq!(bytes[pad], 0);
        bytes[pad] = 0xbf;
    }
    read(&bytes).unwrap();
}

#[test]
fn a_cut_at_any_byte_names_the_field() {
    for end in 0..52 {
        let Err(Error::Short { left, .. }) = read(&GOLDEN[..end]) else { panic!("cut at {end}") };
        assert!(left < 16);
    }
    let error = read(&GOLDEN[..51]).unwrap_err().to_string();
    assert_eq!(error, "i at offset 36 needs 16 bytes, 15 are left");
}

#[test]
fn a_long_value_is_aligned_to_eight() {
    let mut writer = Writer::with_capacity(16);
    assert!(writer.is_empty());
    writer.u32(1);
    writer.u64(2);
    assert_eq!(writer.len(), 16);
    let bytes = writer.finish();
    assert_eq!(bytes, [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    let mut reader = Reader::new(&bytes);
    assert_eq!((reader.u32("a"), reader.u64("b")), (Ok(1), Ok(2)));
}

#[test]
fn padding_may_be_missing_at_the_end() {
    let mut reader = Reader::new(&[1]);
    assert_eq!(reader.u8("a"), Ok(1));
    reader.align(8);
    assert_eq!((reader.position(), reader.rest()), (1, [].as_slice()));
    reader.align(0);
    assert!(reader.u8("b").is_err());
}

#[test]
fn pointers_get_ids_of_their_own() {
    let mut writer = Writer::new();
    writer.referent(true);
    writer.referent(false);
    writer.u8(1);
    writer.referent(true);
    let bytes = writer.finish();
    assert_eq!(bytes, [0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 2, 0]);
    let mut reader = Reader::new(&bytes);
    assert_eq!((reader.referent("p"), reader.referent("q")), (Ok(true), Ok(false)));
    assert_eq!((reader.u8("u"), reader.present("r")), (Ok(1), Ok(())));
    let error = Reader::new(&[0; 4]).present("s").unwrap_err();
    assert_eq!(error, Error::Invalid { what: "s", at: 0, value: 0 });
}
