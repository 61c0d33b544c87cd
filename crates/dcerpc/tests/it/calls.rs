//! Calls: every level, every fragment size, every cut.

use dcerpc::client::{self, Call, ContextId, Event};
use dcerpc::pdu::{Features, Header};
use dcerpc::security::Level;
use dcerpc::{Error, Status, server};

use crate::mechanism::{ALL_LEGS, Legs};
use crate::pair::{Cut, FIRST, NO_METHOD, Pair, SECOND, echo, security, server_config, stub};

const LEVELS: [Level; 5] = [Level::Connect, Level::Call, Level::Packet, Level::Integrity, Level::Privacy];

#[test]
fn every_level_and_every_handshake_carries_calls_of_every_length() {
    for level in LEVELS {
        for legs in ALL_LEGS {
            for header_signing in [false, true] {
                let config = client::Config { header_signing, max_fragment: 2048, ..Default::default() };
                let mut pair = Pair::new(config, server_config());
                let bound = pair.bind(&[FIRST], Some(security(legs, level))).unwrap();
                assert_eq!(bound.secondary_address, "49152");
                for len in [0, 1, 15, 16, 17, 1999, 2000, 2001, 40_000] {
                    let stub = stub(len);
                    let reply = pair.call(ContextId(0), bound.security, &stub).unwrap();
                    // A verification trailer aligns the stub to 4, and its padding stays.
                    assert!(reply.ends_with(&echo(&stub)), "{level:?} {legs:?} {len}");
                    assert!(reply.len() - len < if header_signing { 1 } else { 4 });
                    let info = pair.request().security.clone().unwrap();
                    assert_eq!((info.level, info.identity.to_string()), (level, "TEST\\key51".into()));
                }
            }
        }
    }
}

#[test]
fn without_security_the_dispatcher_learns_that_there_is_none() {
    let mut pair = Pair::new(client::Config::default(), server_config());
    pair.bind(&[FIRST], None).unwrap();
    assert_eq!(pair.call(ContextId(0), None, &stub(100)).unwrap(), echo(&stub(100)));
    let request = pair.request();
    assert_eq!(request.security, None);
    assert_eq!((request.opnum, request.interface), (20, FIRST));
    assert_eq!(request.object.unwrap().to_string(), "00000005-0006-0007-0808-080808080808");
}

#[test]
fn every_fragment_size_from_the_minimum() {
    for level in [Level::None, Level::Integrity, Level::Privacy] {
        for max_fragment in (2040..4200).step_by(8).chain([5840, 32_768, 65_528]) {
            let config = client::Config { max_fragment, ..Default::default() };
            let mut pair = Pair::new(config, server_config());
            let with = (level > Level::None).then(|| security(Legs::Three, level));
            let security = pair.bind(&[FIRST], with).unwrap().security;
            let agreed = max_fragment.max(2048);
            assert_eq!(pair.server.max_fragment(), agreed);
            let stub = stub(9000);
            assert_eq!(pair.call(ContextId(0), security, &stub).unwrap(), echo(&stub));
            let longest = pair.wire.iter().map(|pdu| Header::decode(pdu).unwrap().frag_len).max();
            assert!(longest.unwrap() <= agreed);
        }
    }
}

#[test]
fn odd_lengths_are_rounded_down_and_the_servers_limit_counts() {
    let config = client::Config { max_fragment: 5847, ..Default::default() };
    let mut pair = Pair::new(config, server_config());
    pair.bind(&[FIRST], None).unwrap();
    assert_eq!(pair.server.max_fragment(), 5840);

    let server = server::Config { max_fragment: 4280, ..server_config() };
    let mut pair = Pair::new(client::Config::default(), server);
    pair.bind(&[FIRST], None).unwrap();
    pair.call(ContextId(0), None, &stub(20_000)).unwrap();
    assert_eq!(pair.server.max_fragment(), 4280);
    assert!(pair.wire.iter().all(|pdu| pdu.len() <= 4280));
}

#[test]
fn every_cut_of_every_message_gives_the_same() {
    let run = |cut| {
        let config = client::Config { max_fragment: 2048, ..Default::default() };
        let mut pair = Pair::new(config, server_config());
        pair.cut = cut;
        let security = pair.bind(&[FIRST], Some(security(Legs::Four, Level::Privacy))).unwrap().security;
        assert_eq!(pair.call(ContextId(0), security, &stub(2500)).unwrap(), echo(&stub(2500)));
        pair.wire
    };
    let whole = run(Cut::Whole);
    assert_eq!(run(Cut::Bytes), whole);
    let longest = 2 * 2048 + 8;
    (0..longest).for_each(|at| assert_eq!(run(Cut::At(at)), whole, "cut at {at}"));
}

#[test]
fn a_reply_can_be_sent_fragment_by_fragment() {
    let (mut pair, security) = Pair::bound(Legs::Three, Level::Privacy);
    let mut request = Vec::new();
    let call = Call { context: ContextId(0), security: Some(security), opnum: 1, object: None, stub: &[] };
    let id = pair.client.call(call, &mut request).unwrap();
    let event = pair.server.receive(&mut request, &mut Vec::new()).unwrap();
    assert!(matches!(event, Some(server::Event::Request(_))));
    let stub = stub(200_000);
    let mut fragments = pair.server.respond(id, &stub).unwrap();
    let (mut out, mut count) = (Vec::new(), 0);
    let mut last = None;
    while fragments.append_next(&mut out).unwrap() {
        assert!(last.is_none());
        last = pair.client.receive(&mut out, &mut Vec::new()).unwrap();
        out.clear();
        count += 1;
    }
    assert_eq!(count, 4);
    let Some(Event::Reply { stub: received, .. }) = last else { panic!("{last:?}") };
    assert_eq!(received, stub);
    assert!(matches!(pair.server.respond(id, &[]), Err(Error::Sequence { method: "respond", .. })));
}

#[test]
fn a_fault_ends_the_call_and_not_the_association() {
    let (mut pair, security) = Pair::bound(Legs::Three, Level::Privacy);
    let security = Some(security);
    let call = Call { context: ContextId(0), security, opnum: NO_METHOD, object: None, stub: &[] };
    match pair.raw_call(call).unwrap() {
        Event::Fault { status, did_not_execute, .. } => {
            assert_eq!((status, did_not_execute), (Status::OP_RANGE, false));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(Status::OP_RANGE.to_string(), "0x1C010002 (nca_s_op_rng_error)");
    pair.call(ContextId(0), security, &stub(3)).unwrap();
}

#[test]
fn another_interface_and_another_security_context_join_by_alter_context() {
    for legs in ALL_LEGS {
        let (mut pair, first) = Pair::bound(Legs::Three, Level::Privacy);
        let bound = pair.alter(&[SECOND], None).unwrap();
        let second_interface = bound.context(0).unwrap();
        assert_eq!((second_interface, bound.security), (ContextId(1), None));
        let second = pair.alter(&[], Some(security(legs, Level::Integrity))).unwrap().security.unwrap();
        assert_ne!(first, second);
        for round in 0..3 {
            pair.call(ContextId(0), Some(second), &stub(round)).unwrap();
            assert_eq!(pair.request().security.as_ref().unwrap().level, Level::Integrity);
            pair.call(second_interface, Some(first), &stub(round)).unwrap();
            assert_eq!(pair.request().security.as_ref().unwrap().level, Level::Privacy);
            assert_eq!(pair.request().interface, SECOND);
        }
    }
}

#[test]
fn security_may_begin_after_an_anonymous_bind() {
    let mut pair = Pair::new(client::Config::default(), server_config());
    pair.bind(&[FIRST], None).unwrap();
    pair.call(ContextId(0), None, &stub(1)).unwrap();
    let security = pair.alter(&[], Some(security(Legs::Three, Level::Privacy))).unwrap().security;
    pair.call(ContextId(0), security, &stub(1)).unwrap();
    assert!(pair.lines().iter().any(|line| line.starts_with("alter_context_resp call 3 flags 0x07")));
    assert_eq!(pair.request().security.as_ref().unwrap().level, Level::Privacy);
}

#[test]
fn features_are_negotiated_when_asked_for() {
    for (offered, granted) in [(Features::NONE, Features::NONE), (Features::ALL, Features::KEEP_ON_ORPHAN)] {
        let server = server::Config { features: Features::KEEP_ON_ORPHAN, ..server_config() };
        let config = client::Config { features: offered, ..Default::default() };
        let mut pair = Pair::new(config, server);
        let bound = pair.bind(&[FIRST], Some(security(Legs::Four, Level::Privacy))).unwrap();
        assert_eq!((bound.features, bound.contexts.len()), (granted, 1));
        let second = pair.alter(&[SECOND], None).unwrap().context(0).unwrap();
        pair.call(second, bound.security, &stub(9)).unwrap();
    }
}

#[test]
fn co_cancel_reaches_the_dispatcher_and_orphaned_silences_it() {
    let (mut pair, security) = Pair::bound(Legs::Three, Level::Privacy);
    let call = Call { context: ContextId(0), security: Some(security), opnum: 1, object: None, stub: &[] };
    let (mut out, mut back) = (Vec::new(), Vec::new());
    assert!(matches!(pair.client.cancel(&mut out), Err(Error::Sequence { .. })));
    let id = pair.client.call(call, &mut out).unwrap();
    pair.server.receive(&mut out, &mut back).unwrap();
    let mut cancel = Vec::new();
    pair.client.cancel(&mut cancel).unwrap();
    let event = pair.server.receive(&mut cancel, &mut back).unwrap();
    assert!(matches!(event, Some(server::Event::Cancelled { call_id }) if call_id == id));
    let mut orphan = Vec::new();
    pair.client.orphan(&mut orphan).unwrap();
    let event = pair.server.receive(&mut orphan.clone(), &mut back).unwrap();
    assert!(matches!(event, Some(server::Event::Orphaned { call_id }) if call_id == id));
    assert!(pair.server.receive(&mut orphan, &mut back).unwrap().is_none(), "the second says nothing new");
    pair.server.respond(id, &stub(9)).unwrap().append_all(&mut back).unwrap();
    assert!(back.is_empty());
    assert!(matches!(pair.client.cancel(&mut out), Err(Error::Sequence { state: "closed", .. })));
}

#[test]
fn orphaned_between_fragments_frees_the_association_for_the_next_call() {
    let config = client::Config { max_fragment: 2048, ..Default::default() };
    let mut pair = Pair::new(config, server_config());
    pair.bind(&[FIRST], None).unwrap();
    let (mut out, mut orphan, mut back) = (Vec::new(), Vec::new(), Vec::new());
    let stub = stub(5000);
    let call = Call { context: ContextId(0), security: None, opnum: 1, object: None, stub: &stub };
    pair.client.call(call, &mut out).unwrap();
    assert!(pair.server.receive(&mut out[..2040], &mut back).unwrap().is_none());
    pair.client.orphan(&mut orphan).unwrap();
    assert!(pair.server.receive(&mut orphan, &mut back).unwrap().is_none());
    // A call of another id, from its first fragment.
    let mut next = out[..2040].to_vec();
    (next[3], next[12]) = (3, 77);
    let event = pair.server.receive(&mut next, &mut back).unwrap();
    assert!(matches!(event, Some(server::Event::Request(request)) if request.call_id == 77));
    assert!(back.is_empty());
}

#[test]
fn shutdown_is_told() {
    let (mut pair, security) = Pair::bound(Legs::Three, Level::Privacy);
    let mut out = Vec::new();
    pair.server.shut_down(&mut out).unwrap();
    assert!(matches!(pair.client.receive(&mut out, &mut Vec::new()), Ok(Some(Event::Shutdown))));
    pair.call(ContextId(0), Some(security), &stub(1)).unwrap();
}

#[test]
fn associations_can_move_between_threads() {
    fn sendable<T: Send>() {}
    sendable::<client::Association>();
    sendable::<server::Association>();
}

#[test]
fn one_thing_at_a_time() {
    let (mut pair, security) = Pair::bound(Legs::Three, Level::Privacy);
    let mut out = Vec::new();
    let call = Call { context: ContextId(0), security: Some(security), opnum: 1, object: None, stub: &[] };
    let other = Call { context: ContextId(5), ..call };
    assert!(matches!(pair.client.call(other, &mut out), Err(Error::Context { what: "presentation", id: 5 })));
    let other = Call { security: Some(client::SecurityId(9)), ..call };
    assert!(matches!(pair.client.call(other, &mut out), Err(Error::Context { what: "security", id: 9 })));
    assert!(matches!(pair.client.bind(&[FIRST], None, &mut out), Err(Error::Sequence { .. })));
    assert!(out.is_empty());
    pair.client.call(call, &mut out).unwrap();
    let sent = out.len();
    assert!(matches!(pair.client.call(call, &mut out), Err(Error::Sequence { state: "calling", .. })));
    assert!(matches!(pair.client.alter(&[SECOND], None, &mut out), Err(Error::Sequence { .. })));
    assert_eq!(out.len(), sent);
    let event = pair.drive(out).unwrap();
    assert!(matches!(event, Some(Event::Reply { .. })), "the refusals changed nothing");
}
