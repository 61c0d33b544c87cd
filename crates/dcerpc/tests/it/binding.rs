//! What a server answers to binds, byte by byte where the specification says so.

use std::sync::Arc;

use dcerpc::client;
use dcerpc::pdu::{
    Auth, Bind, BindAck, BindNak, Body, ContextResult, Features, Flags, NakReason, Offer, Packet, Request,
};
use dcerpc::security::Level;
use dcerpc::{Error, Status, Syntax, server};
use dtyp::Guid;

use crate::mechanism::{Client, Legs, PASSWORD, Users};
use crate::pair::{FIRST, Pair, SECOND, UNSERVED, security, server_config, stub};

const FEATURES: Syntax =
    Syntax { uuid: Guid::new(0x6cb7_1c2c, 0x9812, 0x4540, [3, 0, 0, 0, 0, 0, 0, 0]), major: 1, minor: 0 };

pub(crate) fn server() -> server::Association {
    server::Association::new(Arc::new(server_config()), Arc::new(Users), 0x1234)
}

pub(crate) fn offer(context: u16, interface: Syntax, transfers: &[Syntax]) -> Offer {
    Offer { context, interface, transfers: transfers.to_vec() }
}

pub(crate) fn bind(offers: Vec<Offer>) -> Bind {
    Bind { max_xmit: 5840, max_recv: 5840, group: 0, offers }
}

pub(crate) fn packet<'a>(body: Body<'a>, auth: Option<Auth<'a>>) -> Packet<'a> {
    Packet { flags: Flags::ONLY, call_id: 1, body, auth }
}

/// What the server appends to a PDU, decoded to text, and what it says itself.
pub(crate) fn feed(
    server: &mut server::Association,
    packet: &Packet<'_>,
) -> (Result<Option<server::Event>, Error>, Vec<u8>) {
    let (mut pdu, mut out) = (Vec::new(), Vec::new());
    packet.encode(&mut pdu).unwrap();
    let result = server.receive(&mut pdu, &mut out);
    (result, out)
}

fn results(out: &[u8]) -> Vec<ContextResult> {
    match Packet::decode(out).unwrap().body {
        Body::BindAck(ack) | Body::AlterContextResp(ack) => ack.results,
        other => panic!("{other:?}"),
    }
}

fn reason(out: &[u8]) -> NakReason {
    match Packet::decode(out).unwrap().body {
        Body::BindNak(BindNak { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn status(out: &[u8]) -> Status {
    match Packet::decode(out).unwrap().body {
        Body::Fault(fault) => fault.status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_windows_offers_is_answered_as_windows_answers() {
    let offers = vec![
        offer(0, FIRST, &[Syntax::NDR]),
        offer(1, FIRST, &[Syntax::NDR64]),
        offer(2, FIRST, &[FEATURES]),
        offer(3, UNSERVED, &[Syntax::NDR]),
        offer(4, SECOND, &[Syntax::NDR64, Syntax::NDR]),
    ];
    let (result, out) = feed(&mut server(), &packet(Body::Bind(bind(offers)), None));
    assert!(result.unwrap().is_none());
    assert_eq!(
        Packet::decode(&out).unwrap(),
        packet(
            Body::BindAck(BindAck {
                max_xmit: 5840,
                max_recv: 5840,
                group: 0x1234,
                secondary_address: "49152".into(),
                results: vec![
                    ContextResult::Accepted(Syntax::NDR),
                    ContextResult::ProviderRejected(2),
                    ContextResult::Negotiated(Features::ALL),
                    ContextResult::ProviderRejected(1),
                    ContextResult::Accepted(Syntax::NDR),
                ],
            }),
            None
        )
    );
}

#[test]
fn versions_must_fit_major_exactly_and_minor_at_least() {
    let with = |major, minor| offer(0, Syntax { major, minor, ..SECOND }, &[Syntax::NDR]);
    for (major, minor, expected) in [
        (3, 1, ContextResult::Accepted(Syntax::NDR)),
        (3, 0, ContextResult::Accepted(Syntax::NDR)),
        (3, 2, ContextResult::ProviderRejected(1)),
        (2, 1, ContextResult::ProviderRejected(1)),
    ] {
        let body = Body::Bind(bind(vec![with(major, minor)]));
        assert_eq!(results(&feed(&mut server(), &packet(body, None)).1), [expected]);
    }
}

#[test]
fn a_context_number_keeps_its_interface() {
    let mut server = server();
    let body = Body::Bind(bind(vec![offer(7, FIRST, &[Syntax::NDR])]));
    feed(&mut server, &packet(body, None)).0.unwrap();
    for (interface, expected) in
        [(FIRST, ContextResult::Accepted(Syntax::NDR)), (SECOND, ContextResult::ProviderRejected(0))]
    {
        let body = Body::AlterContext(bind(vec![offer(7, interface, &[Syntax::NDR])]));
        assert_eq!(results(&feed(&mut server, &packet(body, None)).1), [expected]);
    }
}

#[test]
fn presentation_contexts_have_a_limit() {
    let config = server::Config { max_contexts: 3, ..server_config() };
    let mut server = server::Association::new(Arc::new(config), Arc::new(Users), 1);
    let offers = (0..5).map(|id| offer(id, FIRST, &[Syntax::NDR])).collect();
    let results = results(&feed(&mut server, &packet(Body::Bind(bind(offers)), None)).1);
    assert_eq!(results[2], ContextResult::Accepted(Syntax::NDR));
    assert_eq!(results[3..], [ContextResult::ProviderRejected(3); 2]);
}

#[test]
fn security_contexts_have_a_limit() {
    let config = server::Config { max_security_contexts: 3, ..server_config() };
    let mut pair = Pair::new(client::Config::default(), config);
    pair.bind(&[FIRST], Some(security(Legs::Three, Level::Privacy))).unwrap();
    pair.alter(&[], Some(security(Legs::Two, Level::Privacy))).unwrap();
    pair.alter(&[], Some(security(Legs::Four, Level::Privacy))).unwrap();
    let error = pair.alter(&[], Some(security(Legs::Two, Level::Privacy))).unwrap_err();
    assert!(matches!(error, Error::Refused(Status::ACCESS_DENIED)), "{error}");
}

#[test]
fn a_client_gets_the_servers_reason_for_a_rejected_interface() {
    let mut pair = Pair::new(client::Config::default(), server_config());
    let bound = pair.bind(&[UNSERVED, FIRST], None).unwrap();
    let error = bound.context(0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the presentation context was not accepted: provider_rejection, abstract_syntax_not_supported"
    );
    assert_eq!(bound.context(1).unwrap(), client::ContextId(1));
    assert!(matches!(pair.call(client::ContextId(0), None, &[]), Err(Error::Context { .. })));
    pair.call(client::ContextId(1), None, &[]).unwrap();
}

#[test]
fn an_association_group_asked_for_is_kept() {
    let config = client::Config { group: 77, ..Default::default() };
    assert_eq!(Pair::new(config, server_config()).bind(&[FIRST], None).unwrap().group, 77);
    let mut pair = Pair::new(client::Config::default(), server_config());
    assert_eq!(pair.bind(&[FIRST], None).unwrap().group, 0x1234);
}

#[test]
fn another_protocol_version_is_refused_with_the_one_spoken() {
    let mut pdu = Vec::new();
    packet(Body::Bind(bind(vec![])), None).encode(&mut pdu).unwrap();
    pdu[1] = 7;
    let mut out = Vec::new();
    let error = server().receive(&mut pdu, &mut out).unwrap_err();
    assert_eq!(error.to_string(), "rpc_vers is 5.7, only 5.0 and 5.1 are spoken");
    let nak = BindNak { reason: NakReason::PROTOCOL_VERSION, versions: vec![(5, 0)] };
    assert_eq!(Packet::decode(&out).unwrap(), packet(Body::BindNak(nak), None));
}

#[test]
fn minor_version_1_is_taken() {
    let mut pdu = Vec::new();
    packet(Body::Bind(bind(vec![offer(0, FIRST, &[Syntax::NDR])])), None).encode(&mut pdu).unwrap();
    pdu[1] = 1;
    assert!(server().receive(&mut pdu, &mut Vec::new()).is_ok());
}

#[test]
fn a_second_bind_is_refused() {
    let mut server = server();
    let first = packet(Body::Bind(bind(vec![offer(0, FIRST, &[Syntax::NDR])])), None);
    feed(&mut server, &first).0.unwrap();
    let (result, out) = feed(&mut server, &first);
    assert!(matches!(result, Err(Error::Unexpected { .. })));
    assert_eq!(reason(&out), NakReason::NOT_SPECIFIED);
}

#[test]
fn nothing_works_before_the_bind() {
    let request = Request { alloc_hint: 0, context: 0, opnum: 0, object: None, stub: &[] };
    let (result, out) = feed(&mut server(), &packet(Body::Request(request), None));
    assert!(matches!(result, Err(Error::Unexpected { state: "not bound", .. })));
    assert_eq!(status(&out), Status::PROTOCOL);
    let (result, out) = feed(&mut server(), &packet(Body::AlterContext(bind(vec![])), None));
    assert!(result.is_err());
    assert_eq!(status(&out), Status::PROTOCOL);
    let (result, out) = feed(&mut server(), &packet(Body::Auth3, None));
    assert!(result.is_err() && out.is_empty());
}

#[test]
fn mechanisms_and_levels_that_are_not_served_are_refused() {
    for (service, level) in [(9, 6), (16, 6), (68, 6), (0, 6), (10, 1), (10, 0), (10, 7)] {
        let auth = Auth { service, level, context: 1, token: &[b'T', 1, 3, PASSWORD, 1] };
        let (result, out) = feed(&mut server(), &packet(Body::Bind(bind(vec![])), Some(auth)));
        assert!(result.is_err());
        assert_eq!(reason(&out), NakReason::AUTHENTICATION_TYPE, "{service} {level}");
    }
}

/// In two legs and four the server notices at once; in three, at auth3, which has no answer.
#[test]
fn a_wrong_password_is_refused_at_the_earliest_point() {
    let bad = |legs| {
        let initiator = Box::new(Client::new(legs, 0x11, 1));
        Some(client::Security { initiator, level: Level::Privacy })
    };
    for legs in [Legs::One, Legs::Two] {
        let mut pair = Pair::new(client::Config::default(), server_config());
        let error = pair.bind(&[FIRST], bad(legs)).unwrap_err();
        assert!(matches!(error, Error::BindRefused(NakReason::INVALID_CHECKSUM)), "{error}");
        assert!(pair.served.is_empty());
    }
    let mut pair = Pair::new(client::Config::default(), server_config());
    let error = pair.bind(&[FIRST], bad(Legs::Four)).unwrap_err();
    assert!(matches!(error, Error::Refused(Status::ACCESS_DENIED)), "{error}");

    let mut pair = Pair::new(client::Config::default(), server_config());
    let bound = pair.bind(&[FIRST], bad(Legs::Three)).unwrap();
    assert!(matches!(pair.served.pop(), Some(server::Event::Refused(_))));
    let call = client::Call {
        context: client::ContextId(0),
        security: bound.security,
        opnum: 1,
        object: None,
        stub: &[],
    };
    match pair.raw_call(call).unwrap() {
        client::Event::Fault { status, did_not_execute, .. } => {
            assert_eq!((status, did_not_execute), (Status::ACCESS_DENIED, true));
        }
        other => panic!("{other:?}"),
    }
    assert!(pair.served.is_empty(), "nothing was served");
    let error = pair.server.receive(&mut [], &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::Sequence { state: "closed", .. }));
}

#[test]
fn after_a_refused_auth3_even_a_call_without_security_is_refused() {
    let mut server = server();
    let auth = Auth { service: 10, level: 6, context: 1, token: &[b'T', 1, 3, 0, 1] };
    feed(&mut server, &packet(Body::Bind(bind(vec![offer(0, FIRST, &[Syntax::NDR])])), Some(auth)))
        .0
        .unwrap();
    let auth = Auth { token: &[b'T', 3, 3, 0, 1], ..auth };
    assert!(
        matches!(feed(&mut server, &packet(Body::Auth3, Some(auth))), (Ok(Some(server::Event::Refused(_))), out) if out.is_empty())
    );
    let request = Request { alloc_hint: 0, context: 0, opnum: 0, object: None, stub: &[] };
    let (result, out) = feed(&mut server, &packet(Body::Request(request), None));
    assert!(matches!(result, Err(Error::Unauthenticated)));
    assert_eq!(status(&out), Status::ACCESS_DENIED);
}

#[test]
fn a_replayed_token_is_refused() {
    let mut server = server();
    let leg1 = Auth { service: 10, level: 6, context: 1, token: &[b'T', 1, 3, PASSWORD, 1] };
    let leg3 = Auth { token: &[b'T', 3, 3, PASSWORD, 1], ..leg1 };
    feed(&mut server, &packet(Body::Bind(bind(vec![offer(0, FIRST, &[Syntax::NDR])])), Some(leg1)))
        .0
        .unwrap();
    let (result, _) = feed(&mut server, &packet(Body::Auth3, Some(leg3)));
    assert!(matches!(result, Ok(Some(server::Event::Authenticated(_)))));
    let (result, out) = feed(&mut server, &packet(Body::Auth3, Some(leg3)));
    assert!(matches!(result, Err(Error::Context { what: "security", id: 1 })) && out.is_empty());
}

/// Samba's alter_context for another interface carries the finished context's last token.
#[test]
fn a_token_of_an_established_context_is_not_fed_to_the_mechanism_again() {
    let mut server = server();
    let leg1 = Auth { service: 10, level: 6, context: 1, token: &[b'T', 1, 3, PASSWORD, 1] };
    let leg3 = Auth { token: &[b'T', 3, 3, PASSWORD, 1], ..leg1 };
    feed(&mut server, &packet(Body::Bind(bind(vec![offer(0, FIRST, &[Syntax::NDR])])), Some(leg1)))
        .0
        .unwrap();
    feed(&mut server, &packet(Body::Auth3, Some(leg3))).0.unwrap();
    let alter = || Body::AlterContext(bind(vec![offer(1, SECOND, &[Syntax::NDR])]));
    let (result, out) = feed(&mut server, &packet(alter(), Some(leg3)));
    assert!(result.unwrap().is_none());
    let answer = Packet::decode(&out).unwrap();
    assert_eq!((answer.auth, results(&out)), (None, vec![ContextResult::Accepted(Syntax::NDR)]));

    let (result, out) = feed(&mut server, &packet(alter(), Some(Auth { level: 5, ..leg3 })));
    assert!(matches!(result, Err(Error::Mismatch { what: "auth_level", expected: 6, actual: 5 })));
    assert_eq!(status(&out), Status::ACCESS_DENIED);
}

#[test]
fn the_level_cannot_change_between_legs() {
    let mut server = server();
    let leg1 = Auth { service: 10, level: 6, context: 1, token: &[b'T', 1, 4, PASSWORD, 1] };
    feed(&mut server, &packet(Body::Bind(bind(vec![])), Some(leg1))).0.unwrap();
    let leg3 = Auth { level: 2, token: &[b'T', 3, 4, PASSWORD, 1], ..leg1 };
    let (result, out) = feed(&mut server, &packet(Body::AlterContext(bind(vec![])), Some(leg3)));
    assert!(matches!(result, Err(Error::Mismatch { what: "auth_level", .. })));
    assert_eq!(status(&out), Status::ACCESS_DENIED);
}

#[test]
fn header_signing_is_agreed_when_both_have_it() {
    for (offered, flags) in [(true, "0x07"), (false, "0x03")] {
        let config = client::Config { header_signing: offered, ..Default::default() };
        let mut pair = Pair::new(config, server_config());
        pair.bind(&[FIRST], Some(security(Legs::Four, Level::Privacy))).unwrap();
        for line in pair.lines() {
            assert!(line.contains(&format!("flags {flags}")), "{line}");
        }
    }
}

#[test]
fn the_legs_are_what_the_mechanism_needs() {
    for (legs, kinds) in [
        (Legs::One, vec!["bind", "bind_ack"]),
        (Legs::Two, vec!["bind", "bind_ack"]),
        (Legs::Three, vec!["bind", "bind_ack", "auth3"]),
        (Legs::Four, vec!["bind", "bind_ack", "alter_context", "alter_context_resp"]),
    ] {
        let (mut pair, _) = Pair::bound(legs, Level::Privacy);
        let lines = pair.lines();
        let sent: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(sent, kinds);
        assert!(matches!(pair.served[..], [server::Event::Authenticated(_)]));
    }
}

#[test]
fn unknown_presentation_contexts_are_answered_and_survived() {
    let mut server = server();
    feed(&mut server, &packet(Body::Bind(bind(vec![offer(0, FIRST, &[Syntax::NDR])])), None)).0.unwrap();
    let stub = stub(8);
    let request = Request { alloc_hint: 8, context: 3, opnum: 0, object: None, stub: &stub };
    let (result, out) = feed(&mut server, &packet(Body::Request(request), None));
    assert!(result.unwrap().is_none());
    assert_eq!(status(&out), Status::UNKNOWN_INTERFACE);
    let (result, _) = feed(&mut server, &packet(Body::Request(Request { context: 0, ..request }), None));
    assert!(matches!(result, Ok(Some(server::Event::Request(_)))));
}

#[test]
fn later_legs_repeat_one_context_only() {
    let config = client::Config { features: Features::ALL, ..Default::default() };
    let mut pair = Pair::new(config, server_config());
    let bound = pair.bind(&[FIRST, SECOND], Some(security(Legs::Four, Level::Privacy))).unwrap();
    assert_eq!(bound.contexts.len(), 2);
    let counts: Vec<_> = pair.lines().iter().map(|line| line.matches(", context ").count()).collect();
    assert_eq!(counts, [3, 0, 1, 0], "bind, bind_ack, alter_context, alter_context_resp");
}

#[test]
fn header_signing_does_not_change_once_there_is_a_security_context() {
    let mut server = server();
    let token = Auth { service: 10, level: 6, context: 1, token: &[b'T', 1, 1, PASSWORD, 1] };
    feed(&mut server, &packet(Body::Bind(bind(vec![])), Some(token))).0.unwrap();
    let late = Packet { flags: Flags(7), ..packet(Body::AlterContext(bind(vec![])), None) };
    let (result, out) = feed(&mut server, &late);
    assert!(result.unwrap().is_none());
    assert_eq!(Packet::decode(&out).unwrap().flags, Flags::ONLY);
}
