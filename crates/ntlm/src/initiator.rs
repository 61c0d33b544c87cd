use crate::keys::{self, NtHash};
use crate::session::{Role, Session};
use crate::{Authenticate, Challenge, Error, Negotiate, Response, av_pair, field, flags};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;
use dcerpc::security::{AuthService, Initiated, SecurityError};
use zeroize::Zeroizing;

/// Who logs on, from where, to what.
#[derive(Debug, Clone)]
pub struct Client {
    /// Account name. A name with `@` goes with an empty domain.
    pub user: String,
    /// NetBIOS or DNS domain; empty for accounts of the server itself.
    pub domain: String,
    /// Name of this machine; peers log it.
    pub workstation: String,
    /// The proof.
    pub hash: NtHash,
    /// SPN of the server (`RPCSS/host`): goes into `MsvAvTargetName`.
    pub target: String,
}

/// What has to be new for every session.
///
/// There is no `Debug`.
pub struct Fresh {
    /// `ChallengeFromClient`: random.
    pub client_challenge: [u8; 8],
    /// `ExportedSessionKey`: random and secret.
    pub session_key: Zeroizing<[u8; 16]>,
    /// FILETIME of now; used only when the server does not tell its own time.
    pub timestamp: u64,
}

/// The client's side: NEGOTIATE, then AUTHENTICATE for the server's CHALLENGE.
///
/// NTLMv2 only: a server that does not grant [`flags::REQUIRED`] and sealing gets no proof. The LM
/// response is zeros, the AUTHENTICATE message always has a MIC and says so.
///
/// Source: [MS-NLMP] 3.1.5.1.
///
/// [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/c0250a97-2940-40c7-82fb-20d208c71e96
pub struct Initiator {
    client: Client,
    fresh: Fresh,
    state: State,
}

enum State {
    Start,
    Negotiated(Vec<u8>),
    Over,
}

impl Initiator {
    /// A session to be made. `fresh` is for this one only.
    pub fn new(client: Client, fresh: Fresh) -> Self {
        Self { client, fresh, state: State::Start }
    }

    fn answer(&self, negotiate: &[u8], challenge_bytes: &[u8]) -> Result<(Vec<u8>, Session), SecurityError> {
        let challenge = Challenge::decode(challenge_bytes)?;
        check_flags(challenge.flags)?;
        let (timestamp, pairs) = self.pairs(&challenge)?;
        let covered = Response::encode_client_challenge(timestamp, self.fresh.client_challenge, &pairs);

        let Client { user, domain, workstation, hash, .. } = &self.client;
        let response_key = keys::response_key(hash, user, domain);
        let proof = keys::proof(&response_key, &challenge.server_challenge, &covered);
        let session_key = &self.fresh.session_key;
        let exchanged = keys::rc4(&keys::session_base_key(&response_key, &proof), session_key);

        let flags = challenge.flags & flags::OFFERED;
        let mut message = Authenticate {
            flags,
            lm_response: &[0; 24],
            nt_response: &[proof.as_slice(), &covered].concat(),
            domain: domain.clone(),
            user: user.clone(),
            workstation: workstation.clone(),
            session_key: &*exchanged,
            version: flags::OUR_VERSION,
            mic: Some([0; 16]),
        };
        message.mic = Some(keys::mic(session_key, [negotiate, challenge_bytes, &message.encode()?]));
        Ok((message.encode()?, Session::new(Role::Client, session_key, flags)))
    }

    /// `TimeStamp` and `AvPairs` of the response: the server's pairs and ours.
    fn pairs(&self, challenge: &Challenge<'_>) -> Result<(u64, Vec<u8>), Error> {
        use av_pair::{CHANNEL_BINDINGS, FLAGS, HAS_MIC, TARGET_NAME, TIMESTAMP};
        let theirs = av_pair::decode(challenge.target_info)?;
        let number = |id| av_pair::find(&theirs, id);
        let timestamp = match number(TIMESTAMP) {
            Some(value) => u64::from_le_bytes(field::array(value, 0, "MsvAvTimestamp")?),
            None => self.fresh.timestamp,
        };
        let flags = match number(FLAGS) {
            Some(value) => field::number(value, 0, "MsvAvFlags")?,
            None => 0,
        };
        let flags = (flags | HAS_MIC).to_le_bytes();
        let target = field::utf16(&self.client.target);
        let ours = [
            (FLAGS, flags.as_slice()),
            (CHANNEL_BINDINGS, &[0; 16]), // No channel below RPC.
            (TARGET_NAME, &target),
        ];
        let kept = theirs.iter().copied().filter(|pair| ours.iter().all(|our| our.0 != pair.0));
        Ok((timestamp, av_pair::encode(kept.chain(ours))?))
    }
}

impl dcerpc::security::Initiator for Initiator {
    fn service(&self) -> AuthService {
        AuthService::Ntlm
    }

    fn step(&mut self, token: &[u8]) -> Result<Initiated, SecurityError> {
        match mem::replace(&mut self.state, State::Over) {
            State::Start => {
                let negotiate = Negotiate { flags: flags::OFFERED }.encode();
                self.state = State::Negotiated(negotiate.clone());
                Ok(Initiated::Continue(negotiate))
            }
            State::Negotiated(negotiate) => {
                let (token, session) = self.answer(&negotiate, token)?;
                Ok(Initiated::Done { token, protection: Box::new(session) })
            }
            State::Over => Err(SecurityError::Malformed("the NTLM exchange is over".to_string())),
        }
    }
}

/// A server that grants less than we need would leave the session open to somebody in between.
fn check_flags(granted: u32) -> Result<(), SecurityError> {
    let needed = flags::REQUIRED | flags::SEAL | flags::TARGET_INFO;
    let missing = needed & !granted;
    if missing == 0 {
        return Ok(());
    }
    Err(SecurityError::Denied(format!(
        "the server's NTLM challenge does not grant NegotiateFlags 0x{missing:08x}: NTLMv2 with signing, sealing \
         and 128-bit keys is required"
    )))
}
