//! The CA's object and any calls: no panic, bounded replies.
#![no_main]

use csbackup_fuzz::{Pieces, toy};
use csra::Interface;
use dcom::{ComVersion, OrpcThis};
use dtyp::Guid;
use libfuzzer_sys::fuzz_target;
use ndr::Ndr;

fuzz_target!(|bytes: &[u8]| {
    let mut object = toy::object();
    let this = OrpcThis::new(ComVersion::OURS, Guid::from_bytes([0x11; 16])).to_bytes();
    for piece in Pieces(bytes) {
        let Some(([kind, opnum], parameters)) = piece.split_first_chunk::<2>() else { continue };
        let interface = if kind & 1 == 0 { Interface::CertAdmin2 } else { Interface::CertAdmin };
        let mut caller = toy::CALLER;
        caller.sealed = kind & 4 == 0;
        let stub = if kind & 2 == 0 { [&this, parameters].concat() } else { parameters.to_vec() };
        if let Ok(reply) = object.dispatch(&caller, interface.iid(), (*opnum).into(), &stub) {
            // The largest read, and no view of a toy is larger.
            assert!(reply.len() <= (4 << 20) + 64 + 16 * stub.len(), "{} bytes of reply", reply.len());
        }
    }
});
