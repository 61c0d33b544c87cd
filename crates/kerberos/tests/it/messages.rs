//! Tokens byte for byte.

use crate::forge::{Forged, first, pair};
use dcerpc::security::{Level, Message};

#[test]
fn the_first_token_is_a_bare_ap_req() {
    let token = first(&Forged::default().client());
    assert_eq!(token[..2], [0x6E, 0x82], "[APPLICATION 14], length in two bytes");
    assert_eq!(
        token[4..33],
        [
            0x30, 0x82, token[6], token[7], // SEQUENCE
            0xA0, 0x03, 0x02, 0x01, 0x05, // pvno 5
            0xA1, 0x03, 0x02, 0x01, 0x0E, // msg-type 14
            0xA2, 0x07, 0x03, 0x05, 0x00, 0x20, 0x00, 0x00, 0x00, // ap-options: mutual-required
            0xA3, 0x82, token[29], token[30], 0x61, 0x82, // ticket
        ]
    );
    let ticket = Forged::default().ticket().len();
    assert!(token.len() > ticket + 100);
}

#[test]
fn token_headers_have_the_layout_of_rfc_4121() {
    let mut pair = pair();
    let mic = pair.server.mic(b"").unwrap();
    let sequence: [u8; 8] = mic[8..16].try_into().unwrap();
    assert_eq!(mic[..8], [0x04, 0x04, 0x05, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "by acceptor, acceptor's subkey");
    let mut token = [0; 76];
    let message = Message { header: &[], body: &mut [1; 5], trailer: &[], signs_header: false };
    pair.client.protect(Level::Privacy, message, &mut token).unwrap();
    assert_eq!(token[..8], [0x05, 0x04, 0x06, 0xFF, 0x00, 0x10, 0x00, 0x1C], "sealed, EC 16, RRC 28");
    let mut token = [0; 76];
    let message = Message { header: &[], body: &mut [1; 5], trailer: &[], signs_header: false };
    pair.server.protect(Level::Privacy, message, &mut token).unwrap();
    let next = u64::from_be_bytes(token[8..16].try_into().unwrap());
    assert_eq!(next, u64::from_be_bytes(sequence) + 1, "MICs and fragments share their numbers");
}
