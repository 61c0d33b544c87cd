//! Bytes of every PDU, both ways, and its line of text.
//!
//! Layouts from [C706] 12.6.4 and [MS-RPCE] 2.2.2. The bind with a token and the request with an object
//! were made by impacket 0.13.1 (`MSRPCBind`, `MSRPCRequestHeader`, `get_packet().hex()`).

use dcerpc::Status;
use dcerpc::Syntax;
use dcerpc::pdu::{
    Auth, Bind, BindAck, BindNak, Body, ContextResult, Fault, Features, Flags, Line, NakReason, Offer,
    Packet, Request, Response,
};
use dtyp::Guid;
use expect_test::{Expect, expect};

fn golden(bytes: &[u8], packet: &Packet<'_>, line: Expect) {
    let mut encoded = vec![0xee];
    packet.encode(&mut encoded).unwrap();
    assert_eq!(encoded[1..], *bytes, "encoding");
    assert_eq!(Packet::decode(bytes).unwrap(), *packet, "decoding");
    line.assert_eq(&Line(bytes).to_string());
}

fn packet(call_id: u32, body: Body<'_>) -> Packet<'_> {
    Packet { flags: Flags::ONLY, call_id, body, auth: None }
}

const SCM: Syntax =
    Syntax { uuid: Guid::new(0x0000_01a0, 0, 0, [0xc0, 0, 0, 0, 0, 0, 0, 0x46]), major: 0, minor: 0 };

#[rustfmt::skip]
const BIND: [u8; 88] = [
    0x05, 0x00, 0x0b, 0x03, // rpc_vers, rpc_vers_minor, PTYPE, pfc_flags
    0x10, 0x00, 0x00, 0x00, // packed_drep
    0x58, 0x00, 0x08, 0x00, // frag_length, auth_length
    0x01, 0x00, 0x00, 0x00, // call_id
    0xd0, 0x16, 0xd0, 0x16, // max_xmit_frag, max_recv_frag
    0x00, 0x00, 0x00, 0x00, // assoc_group_id
    0x01, 0x00, 0x00, 0x00, // n_context_elem, reserved
    0x00, 0x00, 0x01, 0x00, // p_cont_id, n_transfer_syn, reserved
    0xa0, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // abstract_syntax
    0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46,
    0x00, 0x00, 0x00, 0x00,
    0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, // transfer_syntax
    0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60,
    0x02, 0x00, 0x00, 0x00,
    0x0a, 0x06, 0x00, 0x00, // auth_type, auth_level, auth_pad_length, auth_reserved
    0x7f, 0x35, 0x01, 0x00, // auth_context_id
    0x4e, 0x54, 0x4c, 0x4d, 0x53, 0x53, 0x50, 0x00, // auth_value
];

fn bind() -> Bind {
    let offers = vec![Offer { context: 0, interface: SCM, transfers: vec![Syntax::NDR] }];
    Bind { max_xmit: 5840, max_recv: 5840, group: 0, offers }
}

#[test]
fn bind_and_alter_context() {
    let auth = Some(Auth { service: 10, level: 6, context: 79_231, token: b"NTLMSSP\0" });
    golden(
        &BIND,
        &Packet { auth, ..packet(1, Body::Bind(bind())) },
        expect![
            "bind call 1 flags 0x03 max_xmit_frag 5840 max_recv_frag 5840 assoc_group_id 0x0, context 0 is 000001a0-0000-0000-c000-000000000046 v0.0 over 8a885d04-1ceb-11c9-9fe8-08002b104860 v2.0, auth_type 10 level 6 context 79231 token 8 bytes"
        ],
    );
    let mut bytes = BIND;
    bytes[2] = 0x0e; // PTYPE
    golden(
        &bytes,
        &Packet { auth, ..packet(1, Body::AlterContext(bind())) },
        expect![
            "alter_context call 1 flags 0x03 max_xmit_frag 5840 max_recv_frag 5840 assoc_group_id 0x0, context 0 is 000001a0-0000-0000-c000-000000000046 v0.0 over 8a885d04-1ceb-11c9-9fe8-08002b104860 v2.0, auth_type 10 level 6 context 79231 token 8 bytes"
        ],
    );
}

#[rustfmt::skip]
const BIND_ACK: [u8; 108] = [
    0x05, 0x00, 0x0c, 0x07, // rpc_vers, rpc_vers_minor, PTYPE, pfc_flags: header signing
    0x10, 0x00, 0x00, 0x00, // packed_drep
    0x6c, 0x00, 0x00, 0x00, // frag_length, auth_length
    0x02, 0x00, 0x00, 0x00, // call_id
    0xd0, 0x16, 0xd0, 0x16, // max_xmit_frag, max_recv_frag
    0x34, 0x12, 0x00, 0x00, // assoc_group_id
    0x04, 0x00, 0x31, 0x33, // sec_addr: length, "135", NUL
    0x35, 0x00, 0x00, 0x00, // padding
    0x03, 0x00, 0x00, 0x00, // n_results, reserved
    0x00, 0x00, 0x00, 0x00, // result acceptance, reason
    0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, // transfer_syntax
    0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60,
    0x02, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x02, 0x00, // result provider_rejection, reason
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0x03, 0x00, 0x03, 0x00, // result negotiate_ack, Bitmask
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

#[test]
fn bind_ack() {
    let ack = BindAck {
        max_xmit: 5840,
        max_recv: 5840,
        group: 0x1234,
        secondary_address: "135".into(),
        results: vec![
            ContextResult::Accepted(Syntax::NDR),
            ContextResult::ProviderRejected(2),
            ContextResult::Negotiated(Features::ALL),
        ],
    };
    golden(
        &BIND_ACK,
        &Packet { flags: Flags(7), ..packet(2, Body::BindAck(ack)) },
        expect![[
            r#"bind_ack call 2 flags 0x07 max_xmit_frag 5840 max_recv_frag 5840 assoc_group_id 0x1234 sec_addr "135", acceptance of 8a885d04-1ceb-11c9-9fe8-08002b104860 v2.0, provider_rejection, proposed_transfer_syntaxes_not_supported, negotiate_ack 0x3"#
        ]],
    );
}

#[rustfmt::skip]
const ALTER_CONTEXT_RESP: [u8; 56] = [
    0x05, 0x00, 0x0f, 0x03, // rpc_vers, rpc_vers_minor, PTYPE, pfc_flags
    0x10, 0x00, 0x00, 0x00, // packed_drep
    0x38, 0x00, 0x00, 0x00, // frag_length, auth_length
    0x02, 0x00, 0x00, 0x00, // call_id
    0xd0, 0x16, 0xd0, 0x16, // max_xmit_frag, max_recv_frag
    0x34, 0x12, 0x00, 0x00, // assoc_group_id
    0x00, 0x00, 0x00, 0x00, // sec_addr: length; padding
    0x01, 0x00, 0x00, 0x00, // n_results, reserved
    0x01, 0x00, 0x05, 0x00, // result user_rejection, reason
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // transfer_syntax
];

#[test]
fn alter_context_resp() {
    let ack = BindAck {
        max_xmit: 5840,
        max_recv: 5840,
        group: 0x1234,
        secondary_address: String::new(),
        results: vec![ContextResult::UserRejected(5)],
    };
    golden(
        &ALTER_CONTEXT_RESP,
        &packet(2, Body::AlterContextResp(ack)),
        expect![[
            r#"alter_context_resp call 2 flags 0x03 max_xmit_frag 5840 max_recv_frag 5840 assoc_group_id 0x1234 sec_addr "", user_rejection, reason 5"#
        ]],
    );
}

#[rustfmt::skip]
const BIND_NAK: [u8; 21] = [
    0x05, 0x00, 0x0d, 0x03, // rpc_vers, rpc_vers_minor, PTYPE, pfc_flags
    0x10, 0x00, 0x00, 0x00, // packed_drep
    0x15, 0x00, 0x00, 0x00, // frag_length, auth_length
    0x01, 0x00, 0x00, 0x00, // call_id
    0x09, 0x00,             // provider_reject_reason
    0x01, 0x05, 0x00,       // n_protocols, major, minor
];

#[test]
fn bind_nak() {
    let nak = BindNak { reason: NakReason::INVALID_CHECKSUM, versions: vec![(5, 0)] };
    golden(
        &BIND_NAK,
        &packet(1, Body::BindNak(nak)),
        expect!["bind_nak call 1 flags 0x03 provider_reject_reason 9 (invalid_checksum), speaks 5.0"],
    );
}

#[test]
fn bind_nak_without_versions_and_with_extended_error_information() {
    let nak = |versions| packet(1, Body::BindNak(BindNak { reason: NakReason::INVALID_CHECKSUM, versions }));
    let mut short = BIND_NAK[..18].to_vec();
    short[8] = 18;
    assert_eq!(Packet::decode(&short).unwrap(), nak(vec![]));
    let mut long = [&BIND_NAK[..], &[7; 40]].concat();
    long[8] = 61;
    assert_eq!(Packet::decode(&long).unwrap(), nak(vec![(5, 0)]));
}

#[rustfmt::skip]
const AUTH3: [u8; 32] = [
    0x05, 0x00, 0x10, 0x03, // rpc_vers, rpc_vers_minor, PTYPE, pfc_flags
    0x10, 0x00, 0x00, 0x00, // packed_drep
    0x20, 0x00, 0x04, 0x00, // frag_length, auth_length
    0x01, 0x00, 0x00, 0x00, // call_id
    0x00, 0x00, 0x00, 0x00, // pad
    0x0a, 0x06, 0x00, 0x00, // auth_type, auth_level, auth_pad_length, auth_reserved
    0x01, 0x00, 0x00, 0x00, // auth_context_id
    0x01, 0x02, 0x03, 0x04, // auth_value
];

#[test]
fn auth3() {
    let auth = Some(Auth { service: 10, level: 6, context: 1, token: &[1, 2, 3, 4] });
    golden(
        &AUTH3,
        &Packet { auth, ..packet(1, Body::Auth3) },
        expect!["auth3 call 1 flags 0x03, auth_type 10 level 6 context 1 token 4 bytes"],
    );
}

#[rustfmt::skip]
const REQUEST: [u8; 44] = [
    0x05, 0x00, 0x00, 0x83, // rpc_vers, rpc_vers_minor, PTYPE, pfc_flags: object
    0x10, 0x00, 0x00, 0x00, // packed_drep
    0x2c, 0x00, 0x00, 0x00, // frag_length, auth_length
    0x03, 0x00, 0x00, 0x00, // call_id
    0x04, 0x00, 0x00, 0x00, // alloc_hint
    0x00, 0x00, 0x19, 0x00, // p_cont_id, opnum
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, // object
    0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x01, 0x02, 0x03, 0x04, // stub
];

#[rustfmt::skip]
const SIGNED_REQUEST: [u8; 52] = [
    0x05, 0x00, 0x00, 0x01, // rpc_vers, rpc_vers_minor, PTYPE, pfc_flags: first
    0x10, 0x00, 0x00, 0x00, // packed_drep
    0x34, 0x00, 0x04, 0x00, // frag_length, auth_length
    0x03, 0x00, 0x00, 0x00, // call_id
    0x07, 0x00, 0x00, 0x00, // alloc_hint
    0x02, 0x00, 0x04, 0x00, // p_cont_id, opnum
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,             // stub
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // auth padding, to 16 from the stub's start
    0x09, 0x05, 0x09, 0x00, // auth_type, auth_level, auth_pad_length, auth_reserved
    0x01, 0x00, 0x00, 0x00, // auth_context_id
    0xaa, 0xbb, 0xcc, 0xdd, // auth_value
];

#[test]
fn request() {
    let object = Guid::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    let body = Request { alloc_hint: 4, context: 0, opnum: 25, object: Some(object), stub: &[1, 2, 3, 4] };
    golden(
        &REQUEST,
        &Packet { flags: Flags(0x83), ..packet(3, Body::Request(body)) },
        expect![
            "request call 3 flags 0x83 context 0 opnum 25 alloc_hint 4 stub 4 bytes object 03020100-0504-0706-0809-0a0b0c0d0e0f"
        ],
    );
    let body = Request { alloc_hint: 7, context: 2, opnum: 4, object: None, stub: &[1, 2, 3, 4, 5, 6, 7] };
    let auth = Some(Auth { service: 9, level: 5, context: 1, token: &[0xaa, 0xbb, 0xcc, 0xdd] });
    golden(
        &SIGNED_REQUEST,
        &Packet { flags: Flags::FIRST, auth, ..packet(3, Body::Request(body)) },
        expect![
            "request call 3 flags 0x01 context 2 opnum 4 alloc_hint 7 stub 7 bytes, auth_type 9 level 5 context 1 token 4 bytes"
        ],
    );
}

#[rustfmt::skip]
const RESPONSE: [u8; 28] = [
    0x05, 0x00, 0x02, 0x02, // rpc_vers, rpc_vers_minor, PTYPE, pfc_flags: last
    0x10, 0x00, 0x00, 0x00, // packed_drep
    0x1c, 0x00, 0x00, 0x00, // frag_length, auth_length
    0x04, 0x03, 0x02, 0x01, // call_id
    0x04, 0x00, 0x00, 0x00, // alloc_hint
    0x01, 0x00, 0x00, 0x00, // p_cont_id, cancel_count, reserved
    0x00, 0x00, 0x00, 0x80, // stub
];

#[test]
fn response() {
    let body = Response { alloc_hint: 4, context: 1, stub: &[0, 0, 0, 0x80] };
    golden(
        &RESPONSE,
        &Packet { flags: Flags::LAST, ..packet(0x0102_0304, Body::Response(body)) },
        expect!["response call 16909060 flags 0x02 context 1 alloc_hint 4 stub 4 bytes"],
    );
}

#[rustfmt::skip]
const FAULT: [u8; 32] = [
    0x05, 0x00, 0x03, 0x23, // rpc_vers, rpc_vers_minor, PTYPE, pfc_flags: did not execute
    0x10, 0x00, 0x00, 0x00, // packed_drep
    0x20, 0x00, 0x00, 0x00, // frag_length, auth_length
    0x09, 0x00, 0x00, 0x00, // call_id
    0x18, 0x00, 0x00, 0x00, // alloc_hint
    0x01, 0x00, 0x00, 0x00, // p_cont_id, cancel_count, reserved
    0x05, 0x00, 0x00, 0x00, // status
    0x00, 0x00, 0x00, 0x00, // reserved
];

#[test]
fn fault() {
    let body = Fault { context: 1, status: Status::ACCESS_DENIED };
    golden(
        &FAULT,
        &Packet { flags: Flags(0x23), ..packet(9, Body::Fault(body)) },
        expect!["fault call 9 flags 0x23 context 1 status 0x00000005 (ERROR_ACCESS_DENIED)"],
    );
}

#[test]
fn shutdown_co_cancel_and_orphaned_are_headers() {
    for (code, body, line) in [
        (0x11, Body::Shutdown, expect!["shutdown call 9 flags 0x03"]),
        (0x12, Body::CoCancel, expect!["co_cancel call 9 flags 0x03"]),
        (0x13, Body::Orphaned, expect!["orphaned call 9 flags 0x03"]),
    ] {
        let bytes = [5, 0, code, 3, 0x10, 0, 0, 0, 16, 0, 0, 0, 9, 0, 0, 0];
        golden(&bytes, &packet(9, body), line);
    }
}

#[test]
fn a_pdu_cut_anywhere_is_an_error() {
    for golden in [&BIND[..], &BIND_ACK, &ALTER_CONTEXT_RESP, &AUTH3, &REQUEST, &RESPONSE, &FAULT] {
        for len in 0..golden.len() {
            assert!(Packet::decode(&golden[..len]).is_err());
            // Also when frag_length tells of the cut; stubs and the last four bytes of a fault may go.
            let mut cut = golden[..len].to_vec();
            if len >= 16 {
                cut[8] = u8::try_from(len).unwrap();
                let may_go = match golden[2] {
                    0 => len >= 40,
                    2 => len >= 24,
                    3 => len >= 28,
                    // The token ends where frag_length says: what is before it moves.
                    11 | 16 => true,
                    _ => false,
                };
                assert!(may_go || Packet::decode(&cut).is_err(), "{len} of {golden:02x?}");
            }
        }
    }
}

#[test]
fn a_pdu_longer_than_its_length_field_is_not_encoded() {
    let stub = vec![0; 65_536];
    let body = Response { alloc_hint: 0, context: 0, stub: &stub };
    let mut out = vec![1];
    let error = packet(1, Body::Response(body)).encode(&mut out).unwrap_err();
    assert_eq!(error.to_string(), "frag_length is 65560, at most 65535 are taken");
    assert_eq!(out, [1]);
}
