use ndr::{Error, Ndr, Reader, Writer, pickle};

/// A value that is aligned to 8 within its stream.
#[derive(Debug, PartialEq)]
struct Pair(u32, u64);

impl Ndr for Pair {
    fn encode(&self, writer: &mut Writer) {
        writer.u32(self.0);
        writer.u64(self.1);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self(reader.u32("a")?, reader.u64("b")?))
    }
}

#[derive(Debug, PartialEq)]
struct Small(u8);

impl Ndr for Small {
    fn encode(&self, writer: &mut Writer) {
        writer.u8(self.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self(reader.u8("c")?))
    }
}

/// [MS-RPCE] 2.2.6: common header, private header, value.
const GOLDEN: [u8; 32] = [
    1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc, // Version, Endianness, CommonHeaderLength, Filler
    16, 0, 0, 0, 0, 0, 0, 0, // ObjectBufferLength, Filler
    1, 0, 0, 0, 0, 0, 0, 0, // u32, pad: alignment counts from here
    2, 0, 0, 0, 0, 0, 0, 0, // u64
];

#[test]
fn a_value_follows_both_headers() {
    assert_eq!(pickle::encode(&Pair(1, 2)), GOLDEN);
    let rest: &[u8] = &[9];
    assert_eq!(pickle::decode(&[&GOLDEN, rest].concat()), Ok((Pair(1, 2), rest)));
}

#[test]
fn a_short_value_is_padded_to_eight() {
    let bytes = pickle::encode(&Small(5));
    assert_eq!(bytes[8..], [8, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(pickle::decode(&bytes), Ok((Small(5), [].as_slice())));
}

#[test]
fn a_length_without_the_padding_is_read_too() {
    // impacket: ObjectBufferLength is that of the value, its own padding follows.
    let bytes = [&GOLDEN[..8], &[1, 0, 0, 0, 0xcc, 0xcc, 0xcc, 0xcc, 5, 0xfa, 0xfa]].concat();
    assert_eq!(pickle::decode(&bytes), Ok((Small(5), [0xfa, 0xfa].as_slice())));
}

#[test]
fn a_cut_at_any_byte_is_an_error() {
    for end in 0..GOLDEN.len() {
        assert!(matches!(pickle::decode::<Pair>(&GOLDEN[..end]), Err(Error::Short { .. })), "cut at {end}");
    }
}

#[test]
fn other_versions_and_big_endian_are_refused() {
    let broken = |at: usize, value: u8| {
        let mut bytes = GOLDEN;
        bytes[at] = value;
        pickle::decode::<Pair>(&bytes).unwrap_err().to_string()
    };
    assert_eq!(broken(0, 2), "Version at offset 0 is 0x2");
    assert_eq!(broken(1, 0), "Endianness at offset 1 is 0x0");
    assert_eq!(broken(2, 16), "CommonHeaderLength at offset 2 is 0x10");
    assert_eq!(broken(8, 17), "ObjectBufferLength at offset 8 needs 17 bytes, 16 are left");
    assert_eq!(broken(11, 0xff), "ObjectBufferLength at offset 8 needs 4278190096 bytes, 16 are left");
    // Within the value's own length, bytes behind it are out of reach.
    assert_eq!(broken(8, 8), "b at offset 8 needs 8 bytes, 0 are left");
}

#[test]
fn errors_say_what_was_expected() {
    let too_many = Error::TooMany { what: "cIfs", value: 11, limit: 10 };
    assert_eq!(too_many.to_string(), "cIfs is 11, at most 10 are accepted");
    assert_eq!(Error::Missing { what: "ScmReplyInfo" }.to_string(), "ScmReplyInfo is missing");
}
