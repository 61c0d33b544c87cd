//! A client's association and any server: no panic, bounded replies.
#![no_main]

use csbackup_fuzz::mechanism::Open;
use csbackup_fuzz::{Pieces, framed};
use dcerpc::Syntax;
use dcerpc::client::{Association, Call, Config, ContextId, Event, Security, SecurityId};
use dcerpc::security::Level;
use dtyp::Guid;
use libfuzzer_sys::fuzz_target;

const LIMIT: u32 = 4096;

fuzz_target!(|bytes: &[u8]| {
    let Some((&mode, bytes)) = bytes.split_first() else { return };
    let mut association = Association::new(Config { max_reply: LIMIT, ..Config::default() });
    let level = if mode & 2 == 0 { Level::Privacy } else { Level::Connect };
    let security = || (mode & 1 == 0).then(|| Security { initiator: Box::new(Open), level });
    let syntax = Syntax { uuid: Guid::from_bytes([0x11; 16]), major: 0, minor: 0 };
    let mut out = Vec::new();
    association.bind(&[syntax], security(), &mut out).expect("a bind is made");
    let mut last = None;
    for piece in Pieces(bytes) {
        out.clear();
        let Ok(event) = association.receive(&mut framed(piece), &mut out) else { return };
        match event {
            Some(Event::Bound(bound)) => last = bound.security,
            Some(Event::Reply { stub, .. }) => assert!(stub.len() <= LIMIT as usize),
            Some(Event::Fault { .. }) => {}
            _ => continue,
        }
        if mode & 1 == 0 && last.is_none() {
            // The driver does not go on without what it asked for.
            return;
        }
        let security = last.filter(|_: &SecurityId| mode & 1 == 0);
        let call = Call { context: ContextId(0), security, opnum: 1, object: None, stub: &[3; 40] };
        if association.call(call, &mut out).is_err() {
            return;
        }
    }
});
