use crate::keys::{self, NtHash};
use crate::session::{Role, Session};
use crate::{Authenticate, Challenge, Error, Negotiate, Response, av_pair, field, flags};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use dcerpc::security::{Accepted, Identity, SecurityError};
use subtle::ConstantTimeEq;

/// What the server is called, as clients see it in the challenge.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// NetBIOS name of this machine.
    pub netbios_computer: String,
    /// NetBIOS name of the domain; the machine's own outside a domain.
    pub netbios_domain: String,
    /// Full DNS name of this machine.
    pub dns_computer: String,
    /// DNS name of the domain.
    pub dns_domain: String,
}

/// A user as the server knows it.
#[derive(Debug, Clone)]
pub struct User {
    /// Account name as configured: the identity that a proof gives.
    pub name: String,
    /// Domain as configured; may be empty.
    pub domain: String,
    /// What the proof is checked with.
    pub hash: NtHash,
}

/// Looks up users.
pub trait Users: Send + Sync {
    /// The user of these names, as the client spells them; `domain` may be empty.
    fn user(&self, domain: &str, user: &str) -> Option<User>;
}

/// The server's side: CHALLENGE for the client's NEGOTIATE, then the check of the AUTHENTICATE.
///
/// Refused: anonymous, LM and NTLMv1 responses, messages without [`flags::REQUIRED`], a wrong proof, and a
/// wrong MIC where the client says that there is one. Proof and MIC are compared in constant time,
/// and an unknown user costs the same computation as a known one.
///
/// A captured AUTHENTICATE is of no use with another acceptor, because it answers another challenge.
///
/// Source: [MS-NLMP] 3.2.5.1.
///
/// [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/c0250a97-2940-40c7-82fb-20d208c71e96
pub struct Acceptor {
    host: Arc<Host>,
    users: Arc<dyn Users>,
    server_challenge: [u8; 8],
    timestamp: u64,
    state: State,
}

enum State {
    Start,
    Challenged { negotiate: Vec<u8>, challenge: Vec<u8>, granted: u32 },
    Over,
}

impl Acceptor {
    /// `server_challenge` is random and for this acceptor only; `timestamp` is the FILETIME of now.
    pub fn new(host: Arc<Host>, users: Arc<dyn Users>, server_challenge: [u8; 8], timestamp: u64) -> Self {
        Self { host, users, server_challenge, timestamp, state: State::Start }
    }

    fn challenge(&self, offered: u32) -> Result<(Vec<u8>, u32), SecurityError> {
        check_flags("NEGOTIATE", offered)?;
        // Windows' clients expect no MsvAvFlags here: with it, their MIC does not fit.
        let names = [
            (av_pair::NB_DOMAIN_NAME, &self.host.netbios_domain),
            (av_pair::NB_COMPUTER_NAME, &self.host.netbios_computer),
            (av_pair::DNS_DOMAIN_NAME, &self.host.dns_domain),
            (av_pair::DNS_COMPUTER_NAME, &self.host.dns_computer),
        ]
        .map(|(id, name)| (id, field::utf16(name)));
        let timestamp = self.timestamp.to_le_bytes();
        let pairs = names.iter().map(|(id, name)| (*id, name.as_slice()));
        let target_info = av_pair::encode(pairs.chain([(av_pair::TIMESTAMP, timestamp.as_slice())]))?;

        let granted = offered & flags::OFFERED | ALWAYS;
        let challenge = Challenge {
            flags: granted,
            server_challenge: self.server_challenge,
            target_name: self.host.netbios_computer.clone(),
            target_info: &target_info,
            version: flags::OUR_VERSION,
        };
        Ok((challenge.encode()?, granted))
    }

    fn check(
        &self,
        negotiate: &[u8],
        challenge: &[u8],
        granted: u32,
        token: &[u8],
    ) -> Result<(Session, Identity), SecurityError> {
        let message = Authenticate::decode(token)?;
        let Authenticate { domain, user, nt_response, .. } = &message;
        if user.is_empty() || message.flags & flags::ANONYMOUS != 0 {
            return Err(SecurityError::Denied("anonymous NTLM logons are not accepted".to_string()));
        }
        if nt_response.len() <= NTLM_V1 {
            return Err(denied(&message, "it sent an LM or NTLMv1 response, only NTLMv2 is accepted"));
        }
        let flags = message.flags & granted;
        check_flags("AUTHENTICATE", flags)?;
        let response = Response::decode(nt_response)?;
        let pairs = av_pair::decode(response.pairs)?;

        let known = self.users.user(domain, user);
        let hash = known.as_ref().map_or(NtHash::new([0; 16]), |known| known.hash.clone());
        let response_key = keys::response_key(&hash, user, domain);
        let proof = keys::proof(&response_key, &self.server_challenge, response.client_challenge);
        let proved = proof.ct_eq(&response.proof);
        let (Some(known), true) = (known, bool::from(proved)) else {
            return Err(denied(&message, "the user is unknown or the password is wrong"));
        };

        let exchanged: &[u8; 16] = message.session_key.try_into().map_err(|_| Error::Invalid {
            what: "EncryptedRandomSessionKey Len",
            value: u64::try_from(message.session_key.len()).unwrap_or(u64::MAX),
            expected: 16,
        })?;
        let session_key = keys::rc4(&keys::session_base_key(&response_key, &proof), exchanged);
        if has_mic(&pairs)? {
            let expected = keys::mic(&session_key, [negotiate, challenge, &without_mic(token)]);
            let fits = message.mic.is_some_and(|mic| bool::from(mic.ct_eq(&expected)));
            if !fits {
                return Err(denied(&message, "the MIC does not fit: a message was altered on its way"));
            }
        }
        let identity = Identity { user: known.name, domain: known.domain, mechanism: "NTLM" };
        Ok((Session::new(Role::Server, &session_key, flags), identity))
    }
}

impl dcerpc::security::Acceptor for Acceptor {
    fn step(&mut self, token: &[u8]) -> Result<Accepted, SecurityError> {
        match mem::replace(&mut self.state, State::Over) {
            State::Start => {
                let (challenge, granted) = self.challenge(Negotiate::decode(token)?.flags)?;
                self.state =
                    State::Challenged { negotiate: token.to_vec(), challenge: challenge.clone(), granted };
                Ok(Accepted::Continue(challenge))
            }
            State::Challenged { negotiate, challenge, granted } => {
                let (session, identity) = self.check(&negotiate, &challenge, granted, token)?;
                Ok(Accepted::Done { token: Vec::new(), protection: Box::new(session), identity })
            }
            State::Over => Err(SecurityError::Malformed("the NTLM exchange is over".to_string())),
        }
    }
}

/// Whether the client says that its message has a MIC. The proof covers what it says.
fn has_mic(pairs: &[av_pair::AvPair<'_>]) -> Result<bool, Error> {
    match av_pair::find(pairs, av_pair::FLAGS) {
        Some(value) => Ok(field::number(value, 0, "MsvAvFlags")? & av_pair::HAS_MIC != 0),
        None => Ok(false),
    }
}

/// The message as it was when its MIC was computed: with zeros in its place.
fn without_mic(token: &[u8]) -> Vec<u8> {
    let mut message = token.to_vec();
    for byte in message.iter_mut().skip(Authenticate::MIC_AT).take(16) {
        *byte = 0;
    }
    message
}

fn check_flags(message: &str, found: u32) -> Result<(), SecurityError> {
    let missing = flags::REQUIRED & !found;
    if missing == 0 {
        return Ok(());
    }
    Err(SecurityError::Denied(format!(
        "NegotiateFlags of the client's {message} lack 0x{missing:08x}: NTLMv2 with signing and 128-bit keys is required"
    )))
}

/// For the server's log; names come from the peer, so they are quoted.
fn denied(message: &Authenticate<'_>, why: &str) -> SecurityError {
    SecurityError::Denied(format!(
        "NTLM logon of {:?} in domain {:?} from {:?}: {why}",
        message.user, message.domain, message.workstation
    ))
}

/// What the challenge always says.
const ALWAYS: u32 = flags::REQUEST_TARGET | flags::TARGET_TYPE_SERVER | flags::TARGET_INFO | flags::VERSION;
/// Length of an NTLMv1 response; NTLMv2's are longer, LM-only clients send none.
const NTLM_V1: usize = 24;
