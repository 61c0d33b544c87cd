//! Verification trailers.

use dcerpc::client::{self, ContextId};
use dcerpc::pdu::Packet;
use dcerpc::security::Level;
use dcerpc::verification::Facts;
use dcerpc::{Error, Syntax};

use crate::mechanism::Legs;
use crate::pair::{FIRST, Pair, SECOND, security, server_config, stub};

const FACTS: Facts = Facts {
    header_signing: true,
    interface: FIRST,
    transfer: Syntax::NDR,
    call_id: 0x0102_0304,
    context: 5,
    opnum: 20,
};

/// [MS-RPCE] 2.2.2.13.
#[rustfmt::skip]
const BYTES: [u8; 80] = [
    0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71, // signature
    0x01, 0x00, 0x04, 0x00,                         // command BITMASK_1, length
    0x01, 0x00, 0x00, 0x00,                         // bits: CLIENT_SUPPORT_HEADER_SIGNING
    0x02, 0x00, 0x28, 0x00,                         // command PCONTEXT, length
    0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x03, 0x00, // InterfaceId
    0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04,
    0x00, 0x00, 0x00, 0x00,
    0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, // TransferSyntax
    0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60,
    0x02, 0x00, 0x00, 0x00,
    0x03, 0x40, 0x10, 0x00,                         // command HEADER2 | END, length
    0x00, 0x00, 0x00, 0x00,                         // PTYPE request, Reserved1, Reserved2
    0x10, 0x00, 0x00, 0x00,                         // drep
    0x04, 0x03, 0x02, 0x01,                         // call_id
    0x05, 0x00, 0x14, 0x00,                         // p_context_id, opnum
];

fn strip(facts: Facts, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut stub = bytes.to_vec();
    facts.strip(&mut stub).map(|()| stub)
}

#[test]
fn golden_bytes_behind_a_stub_of_any_length() {
    for (len, padded) in [(0, 0), (1, 4), (3, 4), (4, 4), (2000, 2000)] {
        let mut bytes = stub(len);
        FACTS.append(&mut bytes);
        assert_eq!(bytes[padded..], BYTES);
        let mut expected = stub(len);
        expected.resize(padded, 0);
        assert_eq!(strip(FACTS, &bytes).unwrap(), expected);
    }
}

#[test]
fn a_stub_without_trailer_stays() {
    for len in [0, 3, 7, 8, 1023, 1024, 5000] {
        assert_eq!(strip(FACTS, &stub(len)).unwrap(), stub(len));
    }
    let unaligned = [&[0, 0][..], &BYTES].concat();
    assert_eq!(strip(FACTS, &unaligned).unwrap(), unaligned, "not at a multiple of 4");
}

#[test]
fn padding_behind_the_trailer_is_dropped() {
    assert_eq!(strip(FACTS, &[&BYTES[..], &[9; 5]].concat()).unwrap(), []);
}

#[test]
fn each_fact_is_checked() {
    let wrong = |facts: Facts| match strip(facts, &BYTES) {
        Err(Error::Verification(command)) => command,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(Facts { header_signing: false, ..FACTS }), "rpc_sec_vt_bitmask");
    assert_eq!(wrong(Facts { interface: SECOND, ..FACTS }), "rpc_sec_vt_pcontext");
    assert_eq!(wrong(Facts { transfer: Syntax::NDR64, ..FACTS }), "rpc_sec_vt_pcontext");
    assert_eq!(wrong(Facts { call_id: 1, ..FACTS }), "rpc_sec_vt_header2");
    assert_eq!(wrong(Facts { context: 1, ..FACTS }), "rpc_sec_vt_header2");
    assert_eq!(wrong(Facts { opnum: 1, ..FACTS }), "rpc_sec_vt_header2");
}

#[test]
fn a_changed_or_missing_byte_of_the_commands_is_refused() {
    // Reserved bytes of header2 are ignored, and the upper bits of the bitmask are nobody's.
    let free = [13, 14, 15, 65, 66, 67];
    // The number of a command: it becomes an unknown one, or MUST_PROCESS, which it is anyway. Twelve
    // is an unknown bit of the bitmask.
    let harmless = [8, 9, 12, 16, 17, 60, 61];
    for at in (8..BYTES.len()).filter(|at| !free.contains(at)) {
        let mut bytes = BYTES;
        bytes[at] ^= 0x80;
        let result = strip(FACTS, &bytes);
        assert_eq!(result.is_ok(), harmless.contains(&at), "{at}: {result:?}");
    }
    for len in 8..BYTES.len() {
        let error = strip(FACTS, &BYTES[..len]).unwrap_err();
        assert_eq!(error.to_string(), "the verification trailer's end does not fit the request", "{len}");
    }
}

#[test]
fn unknown_commands_are_skipped_unless_they_must_be_processed() {
    let with = |command: [u8; 2]| [&BYTES[..8], &command, &[2, 0, 0xaa, 0xaa], &BYTES[8..]].concat();
    assert_eq!(strip(FACTS, &with([0x09, 0x00])).unwrap(), []);
    let error = strip(FACTS, &with([0x09, 0x80])).unwrap_err();
    assert!(matches!(error, Error::Verification("command")));
}

#[test]
fn it_is_sent_where_headers_are_not_signed_and_found_by_the_server() {
    for (header_signing, verification_trailer, level, expected) in [
        (false, true, Level::Privacy, true),
        (false, true, Level::Integrity, true),
        (false, true, Level::Connect, false),
        (false, false, Level::Integrity, false),
        (true, true, Level::Integrity, false),
    ] {
        let config = client::Config { header_signing, verification_trailer, ..Default::default() };
        let mut pair = Pair::new(config, server_config());
        let security = pair.bind(&[FIRST], Some(security(Legs::Three, level))).unwrap().security;
        pair.wire.clear();
        pair.call(ContextId(0), security, &stub(64)).unwrap();
        assert_eq!(pair.request().stub, stub(64));
        // 40 bytes of header, 16 and 8 of token and trailer.
        let sent = pair.wire[0].len() - 40 - if level > Level::Connect { 24 } else { 0 };
        assert_eq!(sent, if expected { 64 + 80 } else { 64 }, "{level:?}");
        let clear = String::from_utf8_lossy(&pair.wire[0]).contains("q\u{2}");
        assert_eq!(clear, expected && level != Level::Privacy);
        Packet::decode(&pair.wire[0]).unwrap();
    }
}
