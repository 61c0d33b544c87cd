//! A client and a server in memory.

use std::sync::Arc;

use dcerpc::client::{self, Bound, Call, ContextId, Security, SecurityId};
use dcerpc::pdu::Packet;
use dcerpc::security::Level;
use dcerpc::server;
use dcerpc::{Error, Framer, Status, Syntax};
use dtyp::Guid;

use crate::mechanism::{Client, Legs, PASSWORD, Users};

pub(crate) const FIRST: Syntax = Syntax { uuid: Guid::new(1, 2, 3, [4; 8]), major: 0, minor: 0 };
pub(crate) const SECOND: Syntax = Syntax { uuid: Guid::new(9, 2, 3, [4; 8]), major: 3, minor: 1 };
pub(crate) const UNSERVED: Syntax = Syntax { uuid: Guid::new(7, 2, 3, [4; 8]), major: 0, minor: 0 };
/// The server answers this method with a fault.
pub(crate) const NO_METHOD: u16 = 99;

/// How a message is cut into pieces on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    Whole,
    Bytes,
    At(usize),
}

impl Cut {
    fn pieces(self, bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Whole => vec![bytes],
            Self::Bytes => bytes.chunks(1).collect(),
            Self::At(at) => {
                let (head, tail) = bytes.split_at(at.min(bytes.len()));
                vec![head, tail]
            }
        }
    }
}

pub(crate) struct Pair {
    pub(crate) client: client::Association,
    pub(crate) server: server::Association,
    pub(crate) cut: Cut,
    to_server: Framer,
    to_client: Framer,
    /// Requests and other events the server saw, newest last.
    pub(crate) served: Vec<server::Event>,
    /// Every PDU that went over the wire, in clear or not.
    pub(crate) wire: Vec<Vec<u8>>,
}

pub(crate) fn server_config() -> server::Config {
    server::Config {
        interfaces: vec![FIRST, SECOND],
        secondary_address: "49152".into(),
        ..server::Config::default()
    }
}

pub(crate) fn security(legs: Legs, level: Level) -> Security {
    Security { initiator: Box::new(Client::new(legs, PASSWORD, 0x33)), level }
}

/// A stub whose bytes tell their place.
pub(crate) fn stub(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

pub(crate) fn echo(stub: &[u8]) -> Vec<u8> {
    stub.iter().rev().copied().collect()
}

impl Pair {
    pub(crate) fn new(client: client::Config, server: server::Config) -> Self {
        Self {
            client: client::Association::new(client),
            server: server::Association::new(Arc::new(server), Arc::new(Users), 0x1234),
            cut: Cut::Whole,
            to_server: Framer::new(),
            to_client: Framer::new(),
            served: Vec::new(),
            wire: Vec::new(),
        }
    }

    /// Bound to `FIRST`, protected at `level`.
    pub(crate) fn bound(legs: Legs, level: Level) -> (Self, SecurityId) {
        let mut pair = Self::new(client::Config::default(), server_config());
        let bound = pair.bind(&[FIRST], Some(security(legs, level))).unwrap();
        (pair, bound.security.unwrap())
    }

    pub(crate) fn bind(&mut self, interfaces: &[Syntax], security: Option<Security>) -> Result<Bound, Error> {
        let mut out = Vec::new();
        self.client.bind(interfaces, security, &mut out)?;
        self.bound_event(out)
    }

    pub(crate) fn alter(
        &mut self,
        interfaces: &[Syntax],
        security: Option<Security>,
    ) -> Result<Bound, Error> {
        let mut out = Vec::new();
        self.client.alter(interfaces, security, &mut out)?;
        self.bound_event(out)
    }

    fn bound_event(&mut self, out: Vec<u8>) -> Result<Bound, Error> {
        match self.drive(out)? {
            Some(client::Event::Bound(bound)) => Ok(bound),
            other => panic!("{other:?}"),
        }
    }

    /// A call that the server echoes backwards.
    pub(crate) fn call(
        &mut self,
        context: ContextId,
        security: Option<SecurityId>,
        stub: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let object = Some(Guid::new(5, 6, 7, [8; 8]));
        let call = Call { context, security, opnum: 20, object, stub };
        match self.raw_call(call)? {
            client::Event::Reply { stub, .. } => Ok(stub),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn raw_call(&mut self, call: Call<'_>) -> Result<client::Event, Error> {
        let mut out = Vec::new();
        let id = self.client.call(call, &mut out)?;
        let event = self.drive(out)?.expect("an answer");
        match &event {
            client::Event::Reply { call_id, .. } | client::Event::Fault { call_id, .. } => {
                assert_eq!(*call_id, id);
            }
            _ => {}
        }
        Ok(event)
    }

    /// Carries bytes to and fro until the client has an event or everything is still. The server's
    /// error is only kept in `served`... it shows by what the client gets.
    pub(crate) fn drive(&mut self, mut to_server: Vec<u8>) -> Result<Option<client::Event>, Error> {
        loop {
            let mut to_client = Vec::new();
            for piece in self.cut.pieces(&to_server) {
                self.to_server.push(piece);
                while let Some(pdu) = self.to_server.next_pdu().unwrap() {
                    self.wire.push(pdu.to_vec());
                    let event = self.server.receive(pdu, &mut to_client);
                    let Ok(Some(event)) = event else { continue };
                    answer(&mut self.server, &event, &mut to_client);
                    self.served.push(event);
                }
            }
            to_server.clear();
            let mut happened = None;
            for piece in self.cut.pieces(&to_client) {
                self.to_client.push(piece);
                while let Some(pdu) = self.to_client.next_pdu().unwrap() {
                    self.wire.push(pdu.to_vec());
                    if let Some(event) = self.client.receive(pdu, &mut to_server)? {
                        assert!(happened.is_none(), "two events at once");
                        happened = Some(event);
                    }
                }
            }
            if to_server.is_empty() {
                return Ok(happened);
            }
            if let Some(event) = happened {
                // auth3: nothing comes back.
                assert!(self.drive(to_server)?.is_none());
                return Ok(Some(event));
            }
        }
    }

    /// The last request served.
    pub(crate) fn request(&self) -> &server::Request {
        let request = self.served.iter().rev().find_map(|event| match event {
            server::Event::Request(request) => Some(request),
            _ => None,
        });
        request.expect("a request")
    }

    /// The PDUs that went over the wire since the last look, in one line each.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        self.wire.drain(..).map(|pdu| Packet::decode(&pdu).unwrap().to_string()).collect()
    }
}

pub(crate) fn answer(server: &mut server::Association, event: &server::Event, out: &mut Vec<u8>) {
    if let server::Event::Request(request) = event {
        if request.opnum == NO_METHOD {
            server.fault(request.call_id, Status::OP_RANGE, out).unwrap();
        } else {
            let stub = echo(&request.stub);
            server.respond(request.call_id, &stub).unwrap().append_all(out).unwrap();
        }
    }
}
