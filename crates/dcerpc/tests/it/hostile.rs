//! Peers that lie about lengths, never end, or answer what was not asked.

use std::sync::Arc;

use dcerpc::client::{self, Call, ContextId};
use dcerpc::pdu::{Bind, BindAck, Body, ContextResult, Fault, Flags, Packet, Request, Response};
use dcerpc::security::Level;
use dcerpc::{Error, Status, Syntax, server};

use crate::binding::{bind, feed, offer, packet, status};
use crate::mechanism::{Legs, Users};
use crate::pair::{FIRST, Pair, security, server_config, stub};

/// A server that takes stubs up to `max_request`, bound without security.
fn server(max_request: u32) -> server::Association {
    let config = server::Config { max_request, ..server_config() };
    let mut server = server::Association::new(Arc::new(config), Arc::new(Users), 1);
    let body = Body::Bind(bind(vec![offer(0, FIRST, &[Syntax::NDR])]));
    feed(&mut server, &packet(body, None)).0.unwrap();
    server
}

/// A client that waits for the answer to call 2, and takes stubs up to `max_reply`.
fn client(max_reply: u32) -> client::Association {
    let config = client::Config { max_reply, ..Default::default() };
    let mut pair = Pair::new(config, server_config());
    pair.bind(&[FIRST], None).unwrap();
    let call = Call { context: ContextId(0), security: None, opnum: 1, object: None, stub: &[] };
    assert_eq!(pair.client.call(call, &mut Vec::new()).unwrap(), 2);
    pair.client
}

fn request(flags: Flags, stub: &[u8]) -> Packet<'_> {
    let request = Request { alloc_hint: u32::MAX, context: 0, opnum: 1, object: None, stub };
    Packet { flags, call_id: 2, body: Body::Request(request), auth: None }
}

fn response(flags: Flags, stub: &[u8]) -> Packet<'_> {
    let body = Body::Response(Response { alloc_hint: u32::MAX, context: 0, stub });
    Packet { flags, call_id: 2, body, auth: None }
}

fn answer(client: &mut client::Association, packet: &Packet<'_>) -> Result<Option<client::Event>, Error> {
    let mut pdu = Vec::new();
    packet.encode(&mut pdu).unwrap();
    client.receive(&mut pdu, &mut Vec::new())
}

#[test]
fn requests_that_never_end_are_cut_off_with_fault_5() {
    let mut server = server(10_000);
    let piece = stub(1000);
    feed(&mut server, &request(Flags::FIRST, &piece)).0.unwrap();
    for _ in 1..10 {
        feed(&mut server, &request(Flags(0), &piece)).0.unwrap();
    }
    let (result, out) = feed(&mut server, &request(Flags(0), &[1]));
    assert_eq!(result.unwrap_err().to_string(), "stub length is 10001, at most 10000 are taken");
    assert_eq!(status(&out), Status::ACCESS_DENIED);
}

#[test]
fn responses_that_never_end_are_cut_off() {
    let mut client = client(10_000);
    let piece = stub(1000);
    answer(&mut client, &response(Flags::FIRST, &piece)).unwrap();
    for _ in 1..10 {
        answer(&mut client, &response(Flags(0), &piece)).unwrap();
    }
    let error = answer(&mut client, &response(Flags(0), &[1])).unwrap_err();
    assert_eq!(error.to_string(), "stub length is 10001, at most 10000 are taken");
}

#[test]
fn fragments_that_say_nothing_are_refused() {
    let mut server = server(1000);
    let (result, out) = feed(&mut server, &request(Flags::FIRST, &[]));
    assert_eq!(result.unwrap_err().to_string(), "length of the stub is 0 where 1 is due");
    assert_eq!(status(&out), Status::PROTOCOL);
    assert!(answer(&mut client(1000), &response(Flags::FIRST, &[])).is_err());
    assert!(answer(&mut client(1000), &response(Flags::ONLY, &[])).is_ok());
}

#[test]
fn fragments_out_of_order_are_refused() {
    let one = stub(8);
    for sequence in
        [&[Flags(0)][..], &[Flags::LAST], &[Flags::FIRST, Flags::FIRST], &[Flags::FIRST, Flags::ONLY]]
    {
        let (last, before) = sequence.split_last().unwrap();
        let (mut server, mut client) = (server(1000), client(1000));
        for flags in before {
            feed(&mut server, &request(*flags, &one)).0.unwrap();
            answer(&mut client, &response(*flags, &one)).unwrap();
        }
        let (result, out) = feed(&mut server, &request(*last, &one));
        assert!(matches!(result, Err(Error::Unexpected { .. })));
        assert_eq!(status(&out), Status::PROTOCOL);
        assert!(matches!(answer(&mut client, &response(*last, &one)), Err(Error::Unexpected { .. })));
    }
}

#[test]
fn fragments_of_one_call_agree_in_all_fields() {
    let object = |byte| Some(dtyp::Guid::from_bytes([byte; 16]));
    let with = |context, opnum, object, call_id, flags| {
        let request = Request { alloc_hint: 9, context, opnum, object, stub: &[1; 8] };
        Packet { flags, call_id, body: Body::Request(request), auth: None }
    };
    for (last, is_fine) in [
        (with(0, 1, object(1), 2, Flags::LAST), true),
        (with(0, 1, None, 2, Flags::LAST), true),
        (with(0, 1, object(2), 2, Flags::LAST), false),
        (with(1, 1, object(1), 2, Flags::LAST), false),
        (with(0, 2, object(1), 2, Flags::LAST), false),
        (with(0, 1, object(1), 3, Flags::LAST), false),
    ] {
        let mut server = server(1000);
        feed(&mut server, &with(0, 1, object(1), 2, Flags::FIRST)).0.unwrap();
        let (result, out) = feed(&mut server, &last);
        if is_fine {
            assert!(
                matches!(result, Ok(Some(server::Event::Request(request))) if request.object == object(1))
            );
        } else {
            assert!(result.is_err());
            assert_eq!(status(&out), Status::PROTOCOL, "{last}");
        }
    }
}

#[test]
fn a_second_request_before_the_answer_is_refused() {
    let mut server = server(1000);
    feed(&mut server, &request(Flags::ONLY, &[])).0.unwrap();
    let (result, out) = feed(&mut server, &request(Flags::ONLY, &[]));
    assert!(matches!(result, Err(Error::Unexpected { state: "answering a call", .. })));
    assert_eq!(status(&out), Status::PROTOCOL);
}

#[test]
fn answers_to_another_call_or_context_are_refused() {
    let good = response(Flags::ONLY, &[1]);
    let error = answer(&mut client(9), &Packet { call_id: 3, ..good.clone() }).unwrap_err();
    assert_eq!(error.to_string(), "call_id is 3 where 2 is due");
    let body = Body::Response(Response { alloc_hint: 0, context: 1, stub: &[] });
    let error = answer(&mut client(9), &Packet { body, ..good.clone() }).unwrap_err();
    assert_eq!(error.to_string(), "p_cont_id is 1 where 0 is due");
    let body = Body::Fault(Fault { context: 0, status: Status(1) });
    let error = answer(&mut client(9), &Packet { call_id: 3, body, ..good.clone() }).unwrap_err();
    assert_eq!(error.to_string(), "call_id is 3 where 2 is due");
}

#[test]
fn answers_that_were_not_asked_for_are_refused() {
    let mut pair = Pair::new(client::Config::default(), server_config());
    pair.bind(&[FIRST], None).unwrap();
    let error = answer(&mut pair.client, &response(Flags::ONLY, &[])).unwrap_err();
    assert_eq!(error.to_string(), "response arrived while idle");
    let mut fresh = client::Association::new(client::Config::default());
    let error = answer(&mut fresh, &response(Flags::ONLY, &[])).unwrap_err();
    assert_eq!(error.to_string(), "response arrived while not bound");
    let mut out = Vec::new();
    let mut binding = client::Association::new(client::Config::default());
    binding.bind(&[FIRST], None, &mut out).unwrap();
    let request = Packet { call_id: 1, ..request(Flags::ONLY, &[]) };
    assert!(matches!(answer(&mut binding, &request), Err(Error::Unexpected { .. })));
}

fn ack(edit: impl FnOnce(&mut BindAck)) -> Result<Option<client::Event>, Error> {
    let mut client = client::Association::new(client::Config::default());
    client.bind(&[FIRST], None, &mut Vec::new()).unwrap();
    let mut ack = BindAck {
        max_xmit: 5840,
        max_recv: 5840,
        group: 1,
        secondary_address: String::new(),
        results: vec![ContextResult::Accepted(Syntax::NDR)],
    };
    edit(&mut ack);
    answer(&mut client, &packet(Body::BindAck(ack), None))
}

#[test]
fn a_bind_ack_that_contradicts_the_bind_is_refused() {
    assert!(ack(|_| ()).is_ok());
    let text = |edit: fn(&mut BindAck)| ack(edit).unwrap_err().to_string();
    assert_eq!(text(|ack| ack.results.clear()), "n_results is 0 where 1 is due");
    assert_eq!(text(|ack| ack.results.push(ack.results[0])), "n_results is 2 where 1 is due");
    assert_eq!(text(|ack| ack.max_recv = 64), "max_recv_frag is 64 where 1432 is due");
    assert!(ack(|ack| ack.results = vec![ContextResult::Accepted(Syntax::NDR64)]).is_err());
}

#[test]
fn a_bind_ack_without_the_token_that_is_due_is_refused() {
    let mut client = client::Association::new(client::Config::default());
    client.bind(&[FIRST], Some(security(Legs::Two, Level::Privacy)), &mut Vec::new()).unwrap();
    let results = vec![ContextResult::Accepted(Syntax::NDR)];
    let ack = BindAck { max_xmit: 5840, max_recv: 5840, group: 1, secondary_address: String::new(), results };
    let error = answer(&mut client, &packet(Body::BindAck(ack), None)).unwrap_err();
    assert!(matches!(error, Error::Unprotected));
}

#[test]
fn fragments_longer_than_agreed_are_refused() {
    let mut server = server(100_000);
    assert_eq!(server.max_fragment(), 5840);
    assert!(feed(&mut server, &request(Flags::FIRST, &stub(5840 - 24))).0.is_ok());
    let (result, out) = feed(&mut server, &request(Flags::LAST, &stub(5841 - 24)));
    assert_eq!(result.unwrap_err().to_string(), "frag_length is 5841, at most 5840 are taken");
    assert_eq!(status(&out), Status::PROTOCOL);
    let mut client = client(100_000);
    let error = answer(&mut client, &response(Flags::ONLY, &stub(65_529 - 24))).unwrap_err();
    assert_eq!(error.to_string(), "frag_length is 65529, at most 65528 are taken");
}

#[test]
fn counts_larger_than_the_pdu_are_refused() {
    let body = Body::Bind(Bind { offers: vec![offer(0, FIRST, &[Syntax::NDR])], ..bind(vec![]) });
    let mut pdu = Vec::new();
    packet(body, None).encode(&mut pdu).unwrap();
    for at in [24, 30] {
        let mut lying = pdu.clone();
        lying[at] = 255;
        assert!(matches!(Packet::decode(&lying), Err(Error::Field(_))), "{at}");
        let config = Arc::new(server_config());
        let mut server = server::Association::new(config, Arc::new(Users), 1);
        assert!(server.receive(&mut lying, &mut Vec::new()).is_err());
    }
}

#[test]
fn padding_longer_than_the_body_is_refused() {
    let (mut pair, security) = Pair::bound(Legs::Three, Level::Connect);
    let auth = dcerpc::pdu::Auth { service: 10, level: 2, context: security.0, token: &[0; 4] };
    let with = |pad| {
        let Packet { flags, call_id, body, .. } = request(Flags::ONLY, &[5; 16]);
        let mut pdu = Vec::new();
        Packet { flags, call_id, body, auth: Some(auth) }.encode(&mut pdu).unwrap();
        pdu[24 + 16 + 2] = pad;
        pdu
    };
    let error = pair.server.receive(&mut with(17), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "auth_length 4 and auth_pad_length 17 exceed the 28 bytes there");
    let (mut pair, _) = Pair::bound(Legs::Three, Level::Connect);
    let event = pair.server.receive(&mut with(13), &mut Vec::new()).unwrap();
    assert!(matches!(event, Some(server::Event::Request(request)) if request.stub == [5; 3]));
}
