//! PDUs without an association, and the proof that the server lives.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use certsrv::Server;
use csra::method::{BackupCloseFile, BackupGetAttachmentInformation, BackupOpenFile};
use dcerpc::pdu::{Auth, Bind, Body, Flags, Offer, Packet, Request};
use dcerpc::{Framer, Syntax};
use dcom::iid;

use crate::wire::Client;

/// A socket with nothing around it.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    framer: Framer,
}

impl Raw {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream, framer: Framer::new() }
    }

    /// Bound to the resolver's interface for signs of life.
    pub(crate) fn bound(address: SocketAddr) -> Self {
        let mut raw = Self::open(address);
        assert!(raw.send(&bind(0)));
        assert!(matches!(Packet::decode(&raw.next().unwrap()).unwrap().body, Body::BindAck(_)));
        raw
    }

    /// False when the server is gone.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        match self.stream.write_all(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("neither taken nor closed")
            }
            sent => sent.is_ok(),
        }
    }

    /// The server's next PDU; `None` when it has closed.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(pdu) = self.framer.next_pdu().unwrap() {
                return Some(pdu.to_vec());
            }
            let mut bytes = [0; 65536];
            match self.stream.read(&mut bytes) {
                Ok(count @ 1..) => self.framer.push(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("still open"),
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// Nothing but an end comes from the server, whatever it says before.
    pub(crate) fn assert_closed(mut self) {
        while self.next().is_some() {}
    }
}

pub(crate) fn encoded(body: Body<'_>, flags: Flags, auth: Option<Auth<'_>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    Packet { flags, call_id: 1, body, auth }.encode(&mut bytes).unwrap();
    bytes
}

pub(crate) fn offer(context: u16) -> Bind {
    let (major, minor) = dcom::INTERFACE_VERSION;
    let interface = Syntax { uuid: iid::OBJECT_EXPORTER, major, minor };
    let offers = vec![Offer { context, interface, transfers: [Syntax::NDR].into() }];
    Bind { max_xmit: dcerpc::MAX_FRAGMENT, max_recv: dcerpc::MAX_FRAGMENT, group: 0, offers }
}

pub(crate) fn bind(context: u16) -> Vec<u8> {
    encoded(Body::Bind(offer(context)), Flags::ONLY, None)
}

pub(crate) fn alter(context: u16, auth: Option<Auth<'_>>) -> Vec<u8> {
    encoded(Body::AlterContext(offer(context)), Flags::ONLY, auth)
}

/// A fragment of a request to the resolver.
pub(crate) fn request(opnum: u16, flags: Flags, alloc_hint: u32, stub: &[u8]) -> Vec<u8> {
    encoded(Body::Request(Request { alloc_hint, context: 0, opnum, object: None, stub }), flags, None)
}

/// Somebody honest gets all he wants.
#[track_caller]
pub(crate) fn assert_serves(server: &Server) {
    let mut client = Client::new(server, "backup");
    client.prepare().unwrap();
    let listed = client.call(&BackupGetAttachmentInformation).unwrap();
    let list = certadm::FileList::decode_tagged(listed.0).unwrap();
    let path = Some(list.files()[0].name.clone());
    let size = usize::try_from(client.call(&BackupOpenFile { path }).unwrap().0).unwrap();
    assert_eq!(client.read(1 << 20).len(), size);
    client.call(&BackupCloseFile).unwrap();
    client.end().unwrap();
}
