use crate::{NegState, NegTokenInit, NegTokenResp, Oid, Token, acceptor, mech_list};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::mem;
use dcerpc::security::{AuthService, Initiated, Protection, SecurityError};

/// A mechanism that an [`Initiator`] offers.
pub struct Offer {
    /// Its names; the first is preferred. Not empty.
    pub oids: &'static [Oid<'static>],
    /// The mechanism, not yet started.
    pub initiator: Box<dyn dcerpc::security::Initiator>,
}

/// The client's side of the negotiation.
///
/// The first mechanism sends its first token along with the offer. One that turns out to be
/// [`SecurityError::Unavailable`] at that point is not offered. The server may choose another one of
/// the offer, which is then started.
///
/// A `mechListMIC` goes with the last token of the mechanism and the server has to answer it with its own:
/// it covers the offer, so that nobody in between can take a mechanism out of it. Windows and Samba
/// answer it for NTLM and for Kerberos.
///
/// Source: [RFC 4178] 3.2 and 5; [MS-SPNG] 3.1.5.
///
/// [RFC 4178]: https://www.rfc-editor.org/rfc/rfc4178#section-5
/// [MS-SPNG]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-spng/b87587b3-9d72-4027-8131-b76b5368115f
pub struct Initiator {
    /// The first is the one in use.
    offers: VecDeque<Offer>,
    mech_list: Vec<u8>,
    state: State,
}

enum State {
    Start,
    Waiting(Waiting),
    Over,
}

/// What is known while the server's answer is awaited.
#[derive(Default)]
struct Waiting {
    /// The server has named its choice.
    chosen: bool,
    /// It was not our first.
    second_choice: bool,
    /// The mechanism is established.
    protection: Option<Box<dyn Protection>>,
    /// Our MIC is sent: the server's is due.
    mic_sent: bool,
    /// The server's MIC was seen and fits.
    mic_checked: bool,
}

impl Initiator {
    /// A negotiation of these mechanisms, best first.
    pub fn new(offers: impl IntoIterator<Item = Offer>) -> Self {
        Self { offers: offers.into_iter().collect(), mech_list: Vec::new(), state: State::Start }
    }

    /// The offer, with the first token of the first mechanism that can run.
    fn open(&mut self) -> Result<Initiated, SecurityError> {
        let mut waiting = Waiting::default();
        let mech_token = loop {
            let first = self.offers.front_mut().ok_or_else(nothing_offered)?;
            match first.initiator.step(&[]) {
                Ok(Initiated::Continue(token)) => break token,
                Ok(Initiated::Done { token, protection }) => {
                    waiting.protection = Some(protection);
                    break token;
                }
                Err(SecurityError::Unavailable(_)) if self.offers.len() > 1 => {
                    self.offers.pop_front();
                }
                Err(error) => return Err(error),
            }
        };
        self.mech_list = mech_list::encode(self.offers.iter().flat_map(|offer| offer.oids.iter().copied()));
        self.state = State::Waiting(waiting);
        let offer = NegTokenInit { mech_types: &self.mech_list, mech_token: Some(&mech_token) };
        Ok(Initiated::Continue(offer.encode()))
    }

    fn answer(&mut self, mut waiting: Waiting, token: &[u8]) -> Result<Initiated, SecurityError> {
        let Token::Resp(response) = Token::decode(token)? else {
            return Err(SecurityError::Malformed("the server's token is a negTokenInit".to_string()));
        };
        if response.state == Some(NegState::Reject) {
            return Err(SecurityError::Denied("the server's negState is reject".to_string()));
        }
        let input = self.choose(&mut waiting, &response)?;
        let completed = response.state == Some(NegState::AcceptCompleted);
        let (output, mut protection) = match waiting.protection.take() {
            Some(_) if !input.is_empty() => {
                return Err(SecurityError::Malformed(
                    "the responseToken comes after the end of its mechanism".to_string(),
                ));
            }
            Some(protection) => (Vec::new(), protection),
            None => match self.offers.front_mut().ok_or_else(nothing_offered)?.initiator.step(input)? {
                Initiated::Done { token, protection } => (token, protection),
                Initiated::Continue(_) if completed => {
                    return Err(SecurityError::Malformed(
                        "negState is accept-completed before the mechanism is".to_string(),
                    ));
                }
                Initiated::Continue(token) => {
                    self.state = State::Waiting(waiting);
                    let answer = NegTokenResp { response_token: Some(&token), ..NegTokenResp::default() };
                    return Ok(Initiated::Continue(answer.encode()));
                }
            },
        };

        if let Some(mic) = response.mech_list_mic {
            acceptor::check_mic(protection.as_mut(), &self.mech_list, mic)?;
            waiting.mic_checked = true;
        }
        if completed && output.is_empty() {
            if (waiting.mic_sent || waiting.second_choice) && !waiting.mic_checked {
                return Err(acceptor::no_mic());
            }
            return Ok(Initiated::Done { token: output, protection });
        }
        if waiting.mic_sent {
            return Err(SecurityError::Malformed("negState is not accept-completed at the end".to_string()));
        }
        let mic = protection.mic(&self.mech_list)?;
        self.state = State::Waiting(Waiting { protection: Some(protection), mic_sent: true, ..waiting });
        let answer = NegTokenResp {
            response_token: Some(&*output).filter(|token| !token.is_empty()),
            mech_list_mic: Some(&mic),
            ..NegTokenResp::default()
        };
        Ok(Initiated::Continue(answer.encode()))
    }

    /// Follows the server's choice; the answer is the input of the mechanism.
    fn choose<'a>(
        &mut self,
        waiting: &mut Waiting,
        response: &NegTokenResp<'a>,
    ) -> Result<&'a [u8], SecurityError> {
        let input = response.response_token.unwrap_or_default();
        let first_answer = !mem::replace(&mut waiting.chosen, true);
        let Some(oid) = response.supported_mech else {
            return Ok(input);
        };
        let chosen = self.offers.iter().position(|offer| offer.oids.contains(&oid));
        match chosen {
            Some(0) => Ok(input),
            Some(position) if first_answer => {
                self.offers.drain(..position);
                waiting.second_choice = true;
                waiting.protection = None;
                Ok(&[])
            }
            _ => Err(SecurityError::Malformed(format!("supportedMech {oid} was not offered"))),
        }
    }
}

impl dcerpc::security::Initiator for Initiator {
    fn service(&self) -> AuthService {
        AuthService::Negotiate
    }

    fn step(&mut self, token: &[u8]) -> Result<Initiated, SecurityError> {
        match mem::replace(&mut self.state, State::Over) {
            State::Start => self.open(),
            State::Waiting(waiting) => self.answer(waiting, token),
            State::Over => Err(acceptor::over()),
        }
    }
}

fn nothing_offered() -> SecurityError {
    SecurityError::Denied("there is no mechanism to offer".to_string())
}
