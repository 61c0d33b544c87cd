//! The management interface of somebody else's RPC server, sealed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use dcerpc::client::{Association, Bound, Call, Config, Event, Security};
use dcerpc::security::{Initiator, Level};
use dcerpc::{HEADER_LEN, Syntax, frag_len};
use dtyp::Guid;

/// `mgmt` 1.0, which every RPC server has.
const MANAGEMENT: Syntax = Syntax {
    uuid: Guid::new(0xafa8_bd80, 0x7d8a, 0x11c9, [0xbe, 0xf4, 0x08, 0x00, 0x2b, 0x10, 0x29, 0x89]),
    major: 1,
    minor: 0,
};
const IS_SERVER_LISTENING: u16 = 2;

/// One bit of a request that is changed after it was protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tamper {
    Nothing,
    /// `alloc_hint`.
    Head,
    Body,
}

/// One connection.
pub(crate) struct Session {
    stream: TcpStream,
    association: Association,
    bound: Option<Bound>,
}

impl Session {
    pub(crate) fn new(server: SocketAddr, header_signing: bool) -> Self {
        let stream = TcpStream::connect(server).expect("connect to the DC");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set an option of a socket");
        let config = Config { header_signing, ..Config::default() };
        Self { stream, association: Association::new(config), bound: None }
    }

    /// Binds with a security context at privacy.
    pub(crate) fn log_on(&mut self, initiator: Box<dyn Initiator>) -> Result<(), String> {
        let mut out = Vec::new();
        let security = Security { initiator, level: Level::Privacy };
        self.association.bind(&[MANAGEMENT], Some(security), &mut out).map_err(chain)?;
        match self.event(out)? {
            Event::Bound(bound) => {
                self.bound = Some(bound);
                Ok(())
            }
            other => Err(format!("{other:?}")),
        }
    }

    /// The answer to `is_server_listening`.
    pub(crate) fn is_listening(&mut self, tamper: Tamper) -> Result<Vec<u8>, String> {
        let bound = self.bound.as_ref().expect("bound");
        let context = bound.context(0).map_err(chain)?;
        let call =
            Call { context, security: bound.security, opnum: IS_SERVER_LISTENING, object: None, stub: &[] };
        let mut out = Vec::new();
        self.association.call(call, &mut out).map_err(chain)?;
        match tamper {
            Tamper::Nothing => {}
            Tamper::Head => out[16] ^= 1,
            Tamper::Body => out[24] ^= 1,
        }
        match self.event(out)? {
            Event::Reply { stub, .. } => Ok(stub),
            other => Err(format!("{other:?}")),
        }
    }

    fn event(&mut self, mut out: Vec<u8>) -> Result<Event, String> {
        loop {
            self.stream.write_all(&out).map_err(chain)?;
            out.clear();
            let mut pdu = vec![0; HEADER_LEN];
            self.stream.read_exact(&mut pdu).map_err(chain)?;
            let length = frag_len(pdu.first_chunk().expect("a header")).map_err(chain)?;
            pdu.resize(length, 0);
            self.stream.read_exact(&mut pdu[HEADER_LEN..]).map_err(chain)?;
            let event = self.association.receive(&mut pdu, &mut out).map_err(chain)?;
            if let Some(event) = event {
                self.stream.write_all(&out).map_err(chain)?;
                return Ok(event);
            }
        }
    }
}

/// An error with what caused it.
fn chain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
