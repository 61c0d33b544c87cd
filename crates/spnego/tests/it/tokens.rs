//! The bytes.

use spnego::{Error, NegState, NegTokenInit, NegTokenResp, Oid, Token, mech_list};

/// A first token as Windows sends it: Kerberos twice, NEGOEX left out, NTLM.
const INIT: &[u8] = &[
    0x60, 0x39, // GSS-API's frame
    0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02, // 1.3.6.1.5.5.2
    0xa0, 0x2f, // negTokenInit
    0x30, 0x2d, // SEQUENCE
    0xa0, 0x24, // mechTypes
    0x30, 0x22, // SEQUENCE OF
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02, // 1.2.840.48018.1.2.2
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, // 1.2.840.113554.1.2.2
    0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a, // NTLM
    0xa2, 0x05, // mechToken
    0x04, 0x03, 0x61, 0x62, 0x63, // OCTET STRING
];

const RESP: &[u8] = &[
    0xa1, 0x22, // negTokenResp
    0x30, 0x20, // SEQUENCE
    0xa0, 0x03, // negState
    0x0a, 0x01, 0x03, // request-mic
    0xa1, 0x0c, // supportedMech
    0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a, // NTLM
    0xa2, 0x04, // responseToken
    0x04, 0x02, 0x78, 0x79, // OCTET STRING
    0xa3, 0x05, // mechListMIC
    0x04, 0x03, 0x6d, 0x69, 0x63, // OCTET STRING
];

fn init(bytes: &[u8]) -> NegTokenInit<'_> {
    match Token::decode(bytes) {
        Ok(Token::Init(token)) => token,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_first_token_reads_and_writes() {
    let token = init(INIT);
    assert_eq!(mech_list::decode(token.mech_types).unwrap(), [Oid::MS_KERBEROS, Oid::KERBEROS, Oid::NTLM]);
    assert_eq!(mech_list::encode([Oid::MS_KERBEROS, Oid::KERBEROS, Oid::NTLM]), token.mech_types);
    assert_eq!(token.mech_token, Some(&b"abc"[..]));
    assert_eq!(token.encode(), INIT);
    assert_eq!(init(&INIT[10..]), token, "without the frame");
}

#[test]
fn a_response_reads_and_writes() {
    let token = NegTokenResp {
        state: Some(NegState::RequestMic),
        supported_mech: Some(Oid::NTLM),
        response_token: Some(b"xy"),
        mech_list_mic: Some(b"mic"),
    };
    assert_eq!(Token::decode(RESP), Ok(Token::Resp(token)));
    assert_eq!(token.encode(), RESP);
}

/// Samba and impacket leave negState out of the client's last token.
#[test]
fn a_response_may_be_a_token_alone() {
    let bytes = [0xa1, 0x08, 0x30, 0x06, 0xa2, 0x04, 0x04, 0x02, 0x78, 0x79];
    let token = NegTokenResp { response_token: Some(b"xy"), ..NegTokenResp::default() };
    assert_eq!(Token::decode(&bytes), Ok(Token::Resp(token)));
    assert_eq!(token.encode(), bytes);
}

/// `NegTokenInit2`: negHints stand where the MIC is, and reqFlags and unknown fields are passed over.
#[test]
fn hints_flags_and_later_fields_are_passed_over() {
    let bytes = [
        0xa0, 0x26, 0x30, 0x24, // negTokenInit2
        0xa0, 0x0e, 0x30, 0x0c, // mechTypes
        0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a, // NTLM
        0xa1, 0x04, 0x03, 0x02, 0x01, 0x06, // reqFlags
        0xa3, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x1b, 0x01, 0x68, // negHints: hintName "h"
        0xa4, 0x03, 0x04, 0x01, 0x6d, // mechListMIC
    ];
    assert_eq!(mech_list::decode(init(&bytes).mech_types).unwrap(), [Oid::NTLM]);
    assert_eq!(init(&bytes).mech_token, None);
}

#[test]
fn lengths_have_up_to_four_bytes() {
    for length in [0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
        let token = vec![7; length];
        let resp = NegTokenResp { response_token: Some(&token), ..NegTokenResp::default() };
        assert_eq!(Token::decode(&resp.encode()), Ok(Token::Resp(resp)));
    }
    assert_eq!(
        Token::decode(&[0xa1, 0x80, 0x30, 0x00]),
        Err(Error::Length { what: "NegotiationToken", first: 0x80 })
    );
    assert!(matches!(Token::decode(&[0xa1, 0x85, 0, 0, 0, 0, 0]), Err(Error::Length { .. })));
    assert!(matches!(Token::decode(&[0xa1, 0x84, 0xff, 0xff, 0xff, 0xff]), Err(Error::Short { .. })));
    assert!(Token::decode(&[0xa1, 0x82, 0x00, 0x02, 0x30, 0x00]).is_ok(), "longer than needed");
}

#[test]
fn each_cut_is_short_and_each_addition_too_long() {
    for bytes in [INIT, RESP] {
        for cut in 0..bytes.len() {
            assert!(matches!(Token::decode(&bytes[..cut]), Err(Error::Short { .. })), "{cut}");
        }
        assert!(matches!(Token::decode(&[bytes, &[0]].concat()), Err(Error::Trailing { left: 1, .. })));
    }
}

#[test]
fn an_error_names_the_field() {
    let changed = |at: usize, value| {
        let mut bytes = RESP.to_vec();
        bytes[at] = value;
        Token::decode(&bytes).unwrap_err().to_string()
    };
    assert_eq!(changed(8, 4), "negState is 0x04");
    assert_eq!(changed(6, 2), "negState has tag 0x02, expected 0x0a");
    assert_eq!(changed(9, 0xa0), "negState appears twice");
    assert_eq!(changed(26, 1), "1 bytes follow responseToken");
    let mut bytes = INIT.to_vec();
    bytes[9] = 3;
    assert_eq!(Token::decode(&bytes).unwrap_err().to_string(), "thisMech is 0x2b");
    assert_eq!(Token::decode(&[0xa0, 2, 0x30, 0]), Err(Error::Missing { what: "mechTypes" }));
    let many = mech_list::encode([Oid::NTLM; 33]);
    assert_eq!(mech_list::decode(&many), Err(Error::TooMany { what: "mechTypes", limit: 32 }));
}

#[test]
fn names_are_dotted() {
    assert_eq!(Oid::SPNEGO.to_string(), "1.3.6.1.5.5.2");
    assert_eq!(Oid::KERBEROS.to_string(), "1.2.840.113554.1.2.2");
    assert_eq!(Oid::MS_KERBEROS.to_string(), "1.2.840.48018.1.2.2");
}
