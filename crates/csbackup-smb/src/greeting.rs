//! The first exchange of a connection, with encryption offered in both ways that servers look for.
//!
//! smb2 0.39 offers its ciphers in a negotiate context but leaves `SMB2_GLOBAL_CAP_ENCRYPTION` out of
//! `Capabilities`. Samba goes by that bit, chooses no cipher, and then refuses every share that
//! demands encryption. So the bit is set on the way out, and the hash over the first exchange, from
//! which the keys of SMB 3.1.1 come, is made again over what was really sent.
//!
//! ```text
//!  0  4  ProtocolId        0xFE 'S' 'M' 'B'
//! 12  2  Command           0x0000 NEGOTIATE
//! 64  2  StructureSize     36
//! 66  2  DialectCount
//! 68  2  SecurityMode
//! 70  2  Reserved
//! 72  4  Capabilities      little-endian; 0x00000040 is SMB2_GLOBAL_CAP_ENCRYPTION
//! ```
//!
//! Source: [MS-SMB2] 2.2.1.2 (header), 2.2.3 (NEGOTIATE request), 3.2.5.2 (hash of the exchange).
//!
//! [MS-SMB2]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-smb2/5606ad47-5ee0-437a-817e-70c366052962

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use smb2::Error;
use smb2::client::Connection;
use smb2::crypto::kdf::PreauthHasher;
use smb2::transport::{ConnectOptions, ReceiveProgress, TcpTransport, TransportReceive, TransportSend};

use crate::hosts::Host;

/// Connects to a server and agrees on a dialect; nobody is logged on yet.
pub(crate) async fn greet(host: &Host, options: ConnectOptions) -> Result<Connection, Error> {
    let response_timeout = options.timeout;
    let wire = Arc::new(Wire {
        tcp: TcpTransport::connect_with(host.address(), options).await?,
        asked: OnceLock::new(),
        answered: OnceLock::new(),
    });
    let mut connection =
        Connection::from_transport(Box::new(Arc::clone(&wire)), Box::new(Arc::clone(&wire)), host.name());
    // Less for a hostile server to play with, and CA files hardly shrink.
    connection.set_compression_requested(false);
    connection.set_response_timeout(Some(response_timeout));
    connection.negotiate().await?;
    connection.with_preauth_hasher_mut(|hasher| {
        *hasher = PreauthHasher::new();
        for message in [&wire.asked, &wire.answered].into_iter().filter_map(OnceLock::get) {
            hasher.update(message);
        }
    });
    Ok(connection)
}

struct Wire {
    tcp: TcpTransport,
    /// The first message out, as sent.
    asked: OnceLock<Vec<u8>>,
    /// The first message in.
    answered: OnceLock<Vec<u8>>,
}

#[async_trait]
impl TransportSend for Wire {
    async fn send(&self, data: &[u8]) -> Result<(), Error> {
        if self.asked.get().is_some() {
            return self.tcp.send(data).await;
        }
        self.tcp.send(self.asked.get_or_init(|| offer_encryption(data))).await
    }
}

#[async_trait]
impl TransportReceive for Wire {
    async fn receive(&self) -> Result<Vec<u8>, Error> {
        let data = self.tcp.receive().await?;
        self.answered.get_or_init(|| data.clone());
        Ok(data)
    }

    fn receive_progress(&self) -> Option<Arc<ReceiveProgress>> {
        self.tcp.receive_progress()
    }
}

fn offer_encryption(negotiate: &[u8]) -> Vec<u8> {
    let mut negotiate = negotiate.to_vec();
    if let Some(capabilities) = negotiate.get_mut(CAPABILITIES) {
        *capabilities |= CAP_ENCRYPTION;
    }
    negotiate
}

/// Offset of the lowest byte of `Capabilities` in a NEGOTIATE request.
const CAPABILITIES: usize = 72;

/// `SMB2_GLOBAL_CAP_ENCRYPTION`.
const CAP_ENCRYPTION: u8 = 0x40;
