//! A connection to one share: dialect, log-on, tree.

use std::io;
use std::sync::Arc;

use smb2::client::Connection;
use smb2::transport::ConnectOptions;
use smb2::types::status::NtStatus;
use smb2::{Session, Tree};

use crate::failure::Failure;
use crate::greeting::greet;
use crate::hosts::Host;
use crate::login::Login;

/// A share that is ready to be read. Clones share the connection.
///
/// INVARIANT: what is sent is signed, and encrypted where the server demands it.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) connection: Connection,
    pub(crate) tree: Arc<Tree>,
}

/// Why there is no link.
pub(crate) enum NoLink {
    /// The server refused the credentials. Asking again may lock the account.
    Refused(Failure),
    Failed(Failure),
}

impl Link {
    pub(crate) async fn open(
        host: &Host,
        share: &str,
        login: &Login,
        options: ConnectOptions,
    ) -> Result<Self, NoLink> {
        let at = format!("host `{}` ({}) for the share `{share}`", host.name(), host.address());
        let mut connection = greet(host, options)
            .await
            .map_err(|error| NoLink::Failed(Failure::new(&format!("cannot connect to {at}"), &error)))?;

        let doing = format!("cannot log on to {at}");
        let session = login.setup(&mut connection, host).await.map_err(|error| {
            let failure = Failure::new(&doing, &error);
            match error.kind() {
                smb2::ErrorKind::AuthRequired | smb2::ErrorKind::GuestSessionRefused => {
                    NoLink::Refused(failure)
                }
                _ => NoLink::Failed(failure),
            }
        })?;
        if !session.should_sign {
            let reason = "the server gave a session without signing";
            return Err(NoLink::Refused(Failure::because(io::ErrorKind::PermissionDenied, &doing, reason)));
        }

        let tree = Tree::connect(&mut connection, share).await.map_err(|error| {
            let failure = Failure::new(&format!("cannot open the share on {at}"), &error);
            let cipher = connection.params().and_then(|params| params.cipher);
            NoLink::Failed(match error.status() {
                Some(NtStatus::ACCESS_DENIED) if cipher.is_none() => failure.with_hint(
                    "no encryption could be agreed with this server: if it demands encryption, it answers so",
                ),
                _ => failure,
            })
        })?;
        if tree.encrypt_data && !connection.should_encrypt() {
            encrypt(&mut connection, &session).ok_or_else(|| {
                let reason = "the share demands encryption, which SMB 2 does not have";
                NoLink::Failed(Failure::because(io::ErrorKind::Unsupported, &at, reason))
            })?;
        }
        Ok(Self { connection, tree: Arc::new(tree) })
    }

    pub(crate) async fn close(mut self) {
        // Whatever the server says to it, the connection ends here.
        let _ = self.tree.disconnect(&mut self.connection).await;
    }
}

/// Encrypts everything from here on, with the cipher that was agreed or, before SMB 3.1.1, the only one.
fn encrypt(connection: &mut Connection, session: &Session) -> Option<()> {
    let (out, back) = (session.encryption_key.clone()?, session.decryption_key.clone()?);
    let agreed = connection.params().and_then(|params| params.cipher);
    connection.activate_encryption(out, back, agreed.unwrap_or(smb2::client::Cipher::Aes128Ccm));
    Some(())
}
