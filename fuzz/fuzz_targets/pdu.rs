//! PDUs: decoded or refused, printed, and what was decoded encodes to the same PDU.
#![no_main]

use dcerpc::pdu::{Flags, Packet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for pdu in [bytes.to_vec(), csbackup_fuzz::framed(bytes)] {
        let Ok(packet) = Packet::decode(&pdu) else { continue };
        let _ = packet.to_string();
        let mut again = Vec::new();
        // A maximal PDU whose padding was shorter than ours does not fit.
        if packet.encode(&mut again).is_err() {
            assert!(pdu.len() > usize::from(u16::MAX) - 16 && again.is_empty());
            continue;
        }
        let decoded = Packet::decode(&again).expect("an encoded PDU decodes");
        // The flag of an object follows the body.
        let is_odd = packet.flags.contains(Flags::OBJECT_UUID) != decoded.flags.contains(Flags::OBJECT_UUID);
        if !is_odd {
            assert_eq!(decoded, packet);
        }
    }
});
