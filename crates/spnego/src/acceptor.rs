use crate::{NegState, NegTokenResp, Oid, Token, mech_list};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::mem;
use dcerpc::security::{Accepted, Protection, SecurityError};

/// A mechanism that an [`Acceptor`] serves.
pub struct Service {
    /// Its names.
    pub oids: &'static [Oid<'static>],
    /// The mechanism, not yet started.
    pub acceptor: Box<dyn dcerpc::security::Acceptor>,
}

/// The server's side of the negotiation.
///
/// It takes the first mechanism of the client's list that is served. If that is the first of the
/// list, the client's optimistic token is used; if not, `mechListMIC` is required at the end, because
/// somebody in between may have changed the list. Otherwise the client may leave it out, as impacket
/// does; when the client sends one, it has to fit and is answered.
///
/// Windows sends NTLM without the negotiation when it can do nothing else: that is taken too.
///
/// Source: [RFC 4178] 3.2 and 5; [MS-SPNG] 3.3.5.
///
/// [RFC 4178]: https://www.rfc-editor.org/rfc/rfc4178#section-5
/// [MS-SPNG]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-spng/b87587b3-9d72-4027-8131-b76b5368115f
pub struct Acceptor {
    services: Vec<Service>,
    state: State,
}

enum State {
    Start,
    Running(Running),
    Bare(Box<dyn dcerpc::security::Acceptor>),
    Over,
}

struct Running {
    acceptor: Box<dyn dcerpc::security::Acceptor>,
    mech_list: Vec<u8>,
    needs_mic: bool,
}

impl Acceptor {
    /// A negotiation over these mechanisms. The client's preference decides.
    pub fn new(services: impl IntoIterator<Item = Service>) -> Self {
        Self { services: services.into_iter().collect(), state: State::Start }
    }

    fn open(&mut self, token: &[u8]) -> Result<Accepted, SecurityError> {
        if token.starts_with(NTLM_SIGNATURE) {
            let (_, acceptor) = self.take(&[Oid::NTLM])?;
            return self.bare(acceptor, token);
        }
        let Token::Init(offer) = Token::decode(token)? else {
            return Err(SecurityError::Malformed("the client's first token is a negTokenResp".to_string()));
        };
        let oids = mech_list::decode(offer.mech_types)?;
        let (oid, acceptor) = self.take(&oids)?;
        let needs_mic = oids.first() != Some(&oid);
        let running = Running { acceptor, mech_list: offer.mech_types.to_vec(), needs_mic };
        let answer = NegTokenResp { supported_mech: Some(oid), ..NegTokenResp::default() };
        match offer.mech_token {
            Some(token) if !needs_mic => self.run(running, token, None, answer),
            _ => {
                let state = if needs_mic { NegState::RequestMic } else { NegState::AcceptIncomplete };
                self.state = State::Running(running);
                Ok(Accepted::Continue(NegTokenResp { state: Some(state), ..answer }.encode()))
            }
        }
    }

    /// The client's first mechanism that is served, under the client's name for it.
    fn take(
        &mut self,
        oids: &[Oid<'_>],
    ) -> Result<(Oid<'static>, Box<dyn dcerpc::security::Acceptor>), SecurityError> {
        let found = oids.iter().find_map(|wanted| {
            self.services.iter().enumerate().find_map(|(position, service)| {
                service.oids.iter().find(|oid| *oid == wanted).map(|oid| (position, *oid))
            })
        });
        let (position, oid) = found.ok_or_else(|| {
            let (first, more) = oids.split_at(oids.len().min(NAMED));
            let more = if more.is_empty() { "" } else { " and more" };
            SecurityError::Denied(format!("none of the client's mechTypes {first:?}{more} is served"))
        })?;
        Ok((oid, self.services.swap_remove(position).acceptor))
    }

    /// Lets the mechanism take its token; `answer` is the frame of the reply.
    fn run(
        &mut self,
        mut running: Running,
        token: &[u8],
        mic: Option<&[u8]>,
        answer: NegTokenResp<'_>,
    ) -> Result<Accepted, SecurityError> {
        let (token, mut protection, identity) = match running.acceptor.step(token)? {
            Accepted::Done { token, protection, identity } => (token, protection, identity),
            Accepted::Continue(token) => {
                self.state = State::Running(running);
                let answer = NegTokenResp {
                    state: Some(NegState::AcceptIncomplete),
                    response_token: Some(&token),
                    ..answer
                };
                return Ok(Accepted::Continue(answer.encode()));
            }
        };
        let mic = match mic {
            Some(mic) => {
                check_mic(protection.as_mut(), &running.mech_list, mic)?;
                Some(protection.mic(&running.mech_list)?)
            }
            None if running.needs_mic => return Err(no_mic()),
            None => None,
        };
        let answer = NegTokenResp {
            state: Some(NegState::AcceptCompleted),
            response_token: Some(&*token).filter(|token| !token.is_empty()),
            mech_list_mic: mic.as_deref(),
            ..answer
        };
        Ok(Accepted::Done { token: answer.encode(), protection, identity })
    }

    /// A mechanism without the negotiation around it.
    fn bare(
        &mut self,
        mut acceptor: Box<dyn dcerpc::security::Acceptor>,
        token: &[u8],
    ) -> Result<Accepted, SecurityError> {
        let accepted = acceptor.step(token)?;
        self.state = State::Bare(acceptor);
        Ok(accepted)
    }
}

impl dcerpc::security::Acceptor for Acceptor {
    fn step(&mut self, token: &[u8]) -> Result<Accepted, SecurityError> {
        match mem::replace(&mut self.state, State::Over) {
            State::Start => self.open(token),
            State::Running(running) => {
                let Token::Resp(response) = Token::decode(token)? else {
                    return Err(SecurityError::Malformed("a negTokenInit came a second time".to_string()));
                };
                if response.state == Some(NegState::Reject) {
                    return Err(SecurityError::Denied("the client's negState is reject".to_string()));
                }
                let input = response.response_token.unwrap_or_default();
                self.run(running, input, response.mech_list_mic, NegTokenResp::default())
            }
            State::Bare(acceptor) => self.bare(acceptor, token),
            State::Over => Err(over()),
        }
    }
}

/// Checks the peer's MIC over the list as the initiator sent it.
pub(crate) fn check_mic(
    protection: &mut dyn Protection,
    mech_list: &[u8],
    mic: &[u8],
) -> Result<(), SecurityError> {
    protection.check_mic(mech_list, mic).map_err(|error| match error {
        SecurityError::Altered => SecurityError::Denied(
            "mechListMIC does not fit: the list of mechanisms was altered on its way".to_string(),
        ),
        error => error,
    })
}

pub(crate) fn no_mic() -> SecurityError {
    SecurityError::Denied("mechListMIC is missing: the list of mechanisms may have been altered".to_string())
}

pub(crate) fn over() -> SecurityError {
    SecurityError::Malformed("the negotiation is over".to_string())
}

/// Mechanisms that a refusal names: everybody can have it logged.
const NAMED: usize = 5;
const NTLM_SIGNATURE: &[u8] = b"NTLMSSP\0";
