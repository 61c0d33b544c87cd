//! Decoders and associations never panic, whatever arrives.

use std::sync::Arc;

use dcerpc::client::{self, Call, ContextId};
use dcerpc::pdu::{Line, Packet};
use dcerpc::security::Level;
use dcerpc::server;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::mechanism::{Legs, Users};
use crate::pair::{FIRST, Pair, server_config};

/// Bytes with a common header that fits them, so that what follows is reached.
fn pdus() -> impl Strategy<Value = Vec<u8>> {
    (0..20_u8, any::<u8>(), 0..60_u16, vec(any::<u8>(), 0..300)).prop_map(|(kind, flags, auth, body)| {
        let len = (16 + body.len() as u16).to_le_bytes();
        let auth = auth.saturating_sub(20).to_le_bytes();
        let header = [5, 0, kind, flags, 0x10, 0, 0, 0, len[0], len[1], auth[0], auth[1], 2, 0, 0, 0];
        [&header[..], &body].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn decoding_never_panics_and_what_decodes_survives_a_round_trip(pdu in pdus()) {
        let _ = Line(&pdu).to_string();
        let Ok(packet) = Packet::decode(&pdu) else { return Ok(()) };
        let mut bytes = Vec::new();
        packet.encode(&mut bytes).unwrap();
        prop_assert_eq!(Packet::decode(&bytes).unwrap(), packet);
    }

    #[test]
    fn associations_never_panic(pdus in vec(pdus(), 1..6), level in 0..2) {
        let config = Arc::new(server_config());
        let mut fresh = server::Association::new(config, Arc::new(Users), 1);
        let (mut pair, security) = Pair::bound(
            Legs::Four,
            if level == 0 { Level::Connect } else { Level::Privacy },
        );
        let mut binding = client::Association::new(client::Config::default());
        binding.bind(&[FIRST], None, &mut Vec::new()).unwrap();
        let call =
            Call { context: ContextId(0), security: Some(security), opnum: 1, object: None, stub: &[] };
        pair.client.call(call, &mut Vec::new()).unwrap();
        for pdu in pdus {
            let mut out = Vec::new();
            let _ = fresh.receive(&mut pdu.clone(), &mut out);
            let _ = pair.server.receive(&mut pdu.clone(), &mut out);
            let _ = pair.client.receive(&mut pdu.clone(), &mut out);
            let _ = binding.receive(&mut pdu.clone(), &mut out);
        }
    }
}
