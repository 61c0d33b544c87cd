use ndr::{Error, Reader, Writer};

#[test]
fn arrays_of_bytes_and_units_carry_their_count() {
    let mut writer = Writer::new();
    writer.byte_array(&[1, 2, 3]);
    writer.unit_array(&[0x0102, 0xd800]);
    writer.u32(7);
    let bytes = writer.finish();
    let golden = [
        3, 0, 0, 0, 1, 2, 3, 0, // max_count, bytes, pad
        2, 0, 0, 0, 2, 1, 0, 0xd8, // max_count, units
        7, 0, 0, 0, // what follows
    ];
    assert_eq!(bytes, golden);
    let mut reader = Reader::new(&bytes);
    assert_eq!(reader.byte_array("a"), Ok([1, 2, 3].as_slice()));
    assert_eq!(reader.unit_array("b"), Ok(vec![0x0102, 0xd800]));
    assert_eq!(reader.u32("c"), Ok(7));
    for end in 0..golden.len() {
        let mut reader = Reader::new(&golden[..end]);
        let all = reader
            .byte_array("a")
            .map(drop)
            .and_then(|()| reader.unit_array("b"))
            .and_then(|_| reader.u32("c"));
        assert!(matches!(all, Err(Error::Short { .. })), "cut at {end}");
    }
}

#[test]
fn more_elements_than_bytes_are_refused_before_they_are_read() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    let short = |need| Error::Short { what: "n", at: 0, need, left: 4 };
    assert_eq!(Reader::new(&huge).byte_array("n"), Err(short(0xffff_ffff)));
    assert_eq!(Reader::new(&huge).unit_array("n"), Err(short(0x1_ffff_fffe)));
    assert_eq!(Reader::new(&huge).count("n", 16), Err(short(0xf_ffff_fff0)));
    assert_eq!(Reader::new(&huge).count("n", usize::MAX), Err(short(u64::MAX)));
    assert_eq!(Reader::new(&huge).count("n", 0), Err(short(0xffff_ffff)), "no element is free");
    assert_eq!(
        Reader::new(&[2, 0, 0, 0, 1, 2, 3]).unit_array("n"),
        Err(Error::Short { what: "n", at: 0, need: 4, left: 3 })
    );
}

#[test]
fn raw_bytes_are_taken_as_they_are() {
    let mut writer = Writer::new();
    writer.raw(&[1]);
    writer.raw(&[2, 3]);
    let bytes = writer.finish();
    let mut reader = Reader::new(&bytes);
    assert_eq!(reader.raw("a", 1), Ok([1].as_slice()));
    assert_eq!(reader.array::<2>("b"), Ok([2, 3]));
    assert!(reader.raw("c", usize::MAX).is_err());
    assert_eq!(reader.raw("d", 0), Ok([].as_slice()));
}
