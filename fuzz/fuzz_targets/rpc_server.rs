//! A server's association and any client: no panic, a bounded answer, and nothing after an error.
#![no_main]

use std::sync::Arc;

use csbackup_fuzz::mechanism::Open;
use csbackup_fuzz::{Pieces, framed};
use dcerpc::server::{Association, Config, Event};
use dcerpc::{Framer, Status, Syntax};
use dtyp::Guid;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let Some((&mode, bytes)) = bytes.split_first() else { return };
    let interfaces = vec![Syntax { uuid: Guid::from_bytes([0x11; 16]), major: 0, minor: 0 }];
    let config = Config {
        interfaces,
        max_request: 4096,
        max_contexts: 4,
        max_security_contexts: 3,
        ..Config::default()
    };
    let mut association = Association::new(Arc::new(config), Arc::new(Open), 1);
    let mut out = Vec::new();
    if mode & 1 == 0 {
        for piece in Pieces(bytes) {
            if !take(&mut association, &mut framed(piece), &mut out, mode) {
                return;
            }
        }
    } else {
        let mut framer = Framer::new();
        for chunk in bytes.chunks(1 + usize::from(mode)) {
            framer.push(chunk);
            while let Ok(Some(pdu)) = framer.next_pdu() {
                if !take(&mut association, pdu, &mut out, mode) {
                    return;
                }
            }
        }
    }
});

fn take(association: &mut Association, pdu: &mut [u8], out: &mut Vec<u8>, mode: u8) -> bool {
    let event = association.receive(pdu, out);
    let is_alive = event.is_ok();
    if let Ok(Some(Event::Request(request))) = event {
        assert!(request.stub.len() <= LIMIT, "a stub of {} bytes", request.stub.len());
        let length = if request.opnum == 0 { 70_000 } else { 10 };
        match mode & 2 == 0 {
            true => association
                .respond(request.call_id, &vec![7; length])
                .and_then(|fragments| fragments.append_all(out))
                .expect("an open call is answered"),
            false => association.fault(request.call_id, Status::OP_RANGE, out).expect("an open call fails"),
        }
    }
    // 255 contexts of 24 bytes at most, or the reply above.
    assert!(out.len() <= 80_000, "{} bytes of answer", out.len());
    let mut framer = Framer::new();
    framer.push(out);
    let mut length = 0;
    while let Some(pdu) = framer.next_pdu().expect("we send PDUs") {
        length += pdu.len();
    }
    assert_eq!(length, out.len(), "half a PDU was sent");
    out.clear();
    is_alive
}
