//! Streams into PDUs.

use dcerpc::pdu::{Body, Header, Line};
use dcerpc::{Error, Framer, frag_len};

use crate::binding::packet;

fn header(edit: impl FnOnce(&mut [u8])) -> [u8; 16] {
    let mut pdu = Vec::new();
    packet(Body::CoCancel, None).encode(&mut pdu).unwrap();
    edit(&mut pdu);
    pdu.try_into().unwrap()
}

#[test]
fn the_length_is_in_the_header() {
    assert_eq!(frag_len(&header(|_| ())).unwrap(), 16);
    assert_eq!(frag_len(&header(|bytes| bytes[9] = 0xff)).unwrap(), 0xff10);
}

#[test]
fn a_stream_that_is_not_little_endian_dcerpc_is_refused_at_its_first_header() {
    let text = |bytes: [u8; 16]| frag_len(&bytes).unwrap_err().to_string();
    assert_eq!(text(header(|bytes| bytes[8] = 15)), "frag_length is 15 where 16 bytes are there or needed");
    assert_eq!(
        text(header(|bytes| bytes[4] = 0)),
        "packed_drep is [00, 00, 00, 00], only little-endian, ASCII and IEEE are spoken"
    );
    assert_eq!(
        text(header(|bytes| bytes[4] = 0x11)),
        "packed_drep is [11, 00, 00, 00], only little-endian, ASCII and IEEE are spoken"
    );
    assert_eq!(text(*b"GET / HTTP/1.1\r\n"), "rpc_vers is 71.69, only 5.0 and 5.1 are spoken");
}

#[test]
fn pdus_come_out_whole_whatever_the_pieces() {
    let stream: Vec<u8> = (1..40_u8)
        .flat_map(|len| {
            let mut pdu = header(|bytes| bytes[8] += len).to_vec();
            pdu.resize(16 + usize::from(len), len);
            pdu
        })
        .collect();
    for size in [1, 2, 15, 16, 17, 50, stream.len()] {
        let mut framer = Framer::new();
        let mut lens = Vec::new();
        for piece in stream.chunks(size) {
            framer.push(piece);
            while let Some(pdu) = framer.next_pdu().unwrap() {
                assert!(pdu[16..].iter().all(|byte| usize::from(*byte) == pdu.len() - 16));
                lens.push(pdu.len());
            }
        }
        assert_eq!(lens, (17..56).collect::<Vec<_>>());
    }
}

#[test]
fn a_bad_header_stays_an_error() {
    let mut framer = Framer::new();
    framer.push(&[0; 16]);
    assert!(framer.next_pdu().is_err());
    framer.push(&header(|_| ()));
    assert!(framer.next_pdu().is_err());
}

#[test]
fn a_header_is_only_read_from_exactly_one_pdu() {
    let good = header(|_| ());
    assert!(Header::decode(&good).is_ok());
    assert!(Header::decode(&good[..15]).is_err());
    let longer = [&good[..], &[0]].concat();
    assert!(matches!(Header::decode(&longer), Err(Error::FragLength { announced: 16, needed: 17 })));
    let unknown = header(|bytes| bytes[2] = 7);
    assert!(matches!(Header::decode(&unknown), Err(Error::PacketType(7))));
    let token = header(|bytes| bytes[10] = 1);
    assert_eq!(
        Header::decode(&token).unwrap_err().to_string(),
        "auth_length 1 and auth_pad_length 0 exceed the 0 bytes there"
    );
}

#[test]
fn any_bytes_print_in_one_line() {
    assert_eq!(Line(&header(|_| ())).to_string(), "co_cancel call 1 flags 0x03");
    assert_eq!(Line(&[1, 2, 3]).to_string(), "3 bytes that are no PDU: a PDU does not decode");
}
