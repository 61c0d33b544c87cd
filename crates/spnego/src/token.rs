use crate::{Error, Oid, der, mech_list};
use alloc::vec::Vec;

/// `NegotiationToken`: what both sides send each other.
///
/// Source: [RFC 4178] 4.2.
///
/// [RFC 4178]: https://www.rfc-editor.org/rfc/rfc4178#section-4.2
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'a> {
    /// The first token of the initiator.
    Init(NegTokenInit<'a>),
    /// Each other token.
    Resp(NegTokenResp<'a>),
}

impl<'a> Token<'a> {
    /// Reads a token, with GSS-API's frame or without.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        let bytes = match bytes.first() {
            Some(&der::APPLICATION_0) => unframed(bytes)?,
            _ => bytes,
        };
        let ((tag, _), _) = der::split(bytes, "NegotiationToken")?;
        match tag {
            NEG_TOKEN_RESP => {
                let content = der::only(bytes, NEG_TOKEN_RESP, "negTokenResp")?;
                NegTokenResp::decode(der::only(content, der::SEQUENCE, "NegTokenResp")?).map(Self::Resp)
            }
            _ => {
                let content = der::only(bytes, NEG_TOKEN_INIT, "negTokenInit")?;
                NegTokenInit::decode(der::only(content, der::SEQUENCE, "NegTokenInit")?).map(Self::Init)
            }
        }
    }
}

/// `NegTokenInit`: what the initiator can do, and the first token of what it likes best.
///
/// ```text
/// 60                      GSS-API's frame
///    06 06 OID            1.3.6.1.5.5.2
///    a0 30                negTokenInit, SEQUENCE
///       a0 30             mechTypes, see `mech_list`
///       a1 03             reqFlags, ignored, not sent
///       a2 04             mechToken, OCTET STRING
///       a3 04             mechListMIC, not sent at this point
/// ```
///
/// `NegTokenInit2` of [MS-SPNG] 2.2.1 has negHints in the place of `[3]` and the MIC at `[4]`: both
/// are passed over.
///
/// Source: [RFC 4178] 4.2.1.
///
/// [RFC 4178]: https://www.rfc-editor.org/rfc/rfc4178#section-4.2.1
/// [MS-SPNG]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-spng/8e71cf53-e867-4b79-b5b5-38c92be3d472
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegTokenInit<'a> {
    /// `mechTypes`, encoded: [`mech_list`] reads and writes it.
    pub mech_types: &'a [u8],
    /// `mechToken` of the first mechanism.
    pub mech_token: Option<&'a [u8]>,
}

impl<'a> NegTokenInit<'a> {
    fn decode(sequence: &'a [u8]) -> Result<Self, Error> {
        let [mech_types, _, mech_token, _] =
            der::fields(sequence, ["mechTypes", "reqFlags", "mechToken", "mechListMIC"])?;
        let mech_types = mech_types.ok_or(Error::Missing { what: "mechTypes" })?;
        mech_list::decode(mech_types)?;
        Ok(Self { mech_types, mech_token: octets(mech_token, "mechToken")? })
    }

    /// Writes the token in GSS-API's frame.
    pub fn encode(&self) -> Vec<u8> {
        let [types, _, token, _] = der::CONTEXT;
        let mech_types = der::element(types, &[self.mech_types]);
        let mech_token = field(token, der::OCTET_STRING, self.mech_token);
        let sequence = der::element(der::SEQUENCE, &[&mech_types, &mech_token]);
        let oid = der::element(der::OID, &[Oid::SPNEGO.0]);
        der::element(der::APPLICATION_0, &[&oid, &der::element(NEG_TOKEN_INIT, &[&sequence])])
    }
}

/// How far the negotiation is (`negState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NegState {
    /// `accept-completed` (0).
    AcceptCompleted,
    /// `accept-incomplete` (1).
    AcceptIncomplete,
    /// `reject` (2).
    Reject,
    /// `request-mic` (3): as incomplete, and `mechListMIC` is wanted at the end.
    RequestMic,
}

impl NegState {
    const ALL: [(Self, u8); 4] =
        [(Self::AcceptCompleted, 0), (Self::AcceptIncomplete, 1), (Self::Reject, 2), (Self::RequestMic, 3)];

    fn decode(content: &[u8]) -> Result<Self, Error> {
        let value = der::only(content, der::ENUMERATED, "negState")?;
        Self::ALL
            .into_iter()
            .find(|(_, code)| value == [*code])
            .map(|(state, _)| state)
            .ok_or(Error::Invalid { what: "negState", value: value.first().copied().unwrap_or_default() })
    }

    fn code(self) -> Option<u8> {
        Self::ALL.into_iter().find(|(state, _)| *state == self).map(|(_, code)| code)
    }
}

/// `NegTokenResp`: everything after the first token.
///
/// ```text
/// a1 30       negTokenResp, SEQUENCE
///    a0 0a    negState, ENUMERATED; left out by Samba's and impacket's clients
///    a1 06    supportedMech, in the acceptor's first answer
///    a2 04    responseToken, OCTET STRING
///    a3 04    mechListMIC, OCTET STRING
/// ```
///
/// Source: [RFC 4178] 4.2.2.
///
/// [RFC 4178]: https://www.rfc-editor.org/rfc/rfc4178#section-4.2.2
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NegTokenResp<'a> {
    /// `negState`.
    pub state: Option<NegState>,
    /// `supportedMech`: what the acceptor chose.
    pub supported_mech: Option<Oid<'a>>,
    /// `responseToken` of the chosen mechanism.
    pub response_token: Option<&'a [u8]>,
    /// `mechListMIC`.
    pub mech_list_mic: Option<&'a [u8]>,
}

impl<'a> NegTokenResp<'a> {
    fn decode(sequence: &'a [u8]) -> Result<Self, Error> {
        let [state, mech, token, mic] =
            der::fields(sequence, ["negState", "supportedMech", "responseToken", "mechListMIC"])?;
        let oid = |content| der::only(content, der::OID, "supportedMech").map(Oid);
        Ok(Self {
            state: state.map(NegState::decode).transpose()?,
            supported_mech: mech.map(oid).transpose()?,
            response_token: octets(token, "responseToken")?,
            mech_list_mic: octets(mic, "mechListMIC")?,
        })
    }

    /// Writes the token.
    pub fn encode(&self) -> Vec<u8> {
        let [state, mech, token, mic] = der::CONTEXT;
        let code = self.state.and_then(NegState::code).map(|code| [code]);
        let sequence = der::element(
            der::SEQUENCE,
            &[
                &field(state, der::ENUMERATED, code.as_ref().map(<[u8; 1]>::as_slice)),
                &field(mech, der::OID, self.supported_mech.map(|oid| oid.0)),
                &field(token, der::OCTET_STRING, self.response_token),
                &field(mic, der::OCTET_STRING, self.mech_list_mic),
            ],
        );
        der::element(NEG_TOKEN_RESP, &[&sequence])
    }
}

/// What GSS-API's frame of this mechanism contains.
fn unframed(bytes: &[u8]) -> Result<&[u8], Error> {
    let content = der::only(bytes, der::APPLICATION_0, "InitialContextToken")?;
    let ((found, oid), inner) = der::split(content, "thisMech")?;
    if found != der::OID {
        return Err(Error::Tag { what: "thisMech", found, expected: der::OID });
    }
    if oid != Oid::SPNEGO.0 {
        return Err(Error::Invalid { what: "thisMech", value: oid.first().copied().unwrap_or_default() });
    }
    Ok(inner)
}

fn octets<'a>(field: Option<&'a [u8]>, what: &'static str) -> Result<Option<&'a [u8]>, Error> {
    field.map(|content| der::only(content, der::OCTET_STRING, what)).transpose()
}

fn field(context: u8, tag: u8, content: Option<&[u8]>) -> Vec<u8> {
    content.map(|content| der::element(context, &[&der::element(tag, &[content])])).unwrap_or_default()
}

const NEG_TOKEN_INIT: u8 = 0xa0;
const NEG_TOKEN_RESP: u8 = 0xa1;
