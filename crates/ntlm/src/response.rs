use crate::Error;
use crate::field;
use alloc::vec::Vec;

/// `NTLMv2_RESPONSE`: the proof of the password and what it covers.
///
/// ```text
///  0 16 Response             NTProofStr
/// 16  1 RespType             1
/// 17  1 HiRespType           1
/// 18  2 Reserved1            0
/// 20  4 Reserved2            0
/// 24  8 TimeStamp            FILETIME
/// 32  8 ChallengeFromClient  nonce
/// 40  4 Reserved3            0
/// 44  - AvPairs              see `av_pair`, then 4 zeros
/// ```
///
/// The proof covers the bytes from offset 16 to the end of the field, whatever they say.
///
/// Source: [MS-NLMP] 2.2.2.7, 2.2.2.8.
///
/// [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/d43e2224-6fc3-449d-9f37-b90b55a29c80
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response<'a> {
    /// `Response` (NTProofStr).
    pub proof: [u8; 16],
    /// What the proof covers: `NTLMv2_CLIENT_CHALLENGE` (`temp` in the specification's algorithm).
    pub client_challenge: &'a [u8],
    /// `AvPairs` and what follows them.
    pub pairs: &'a [u8],
}

impl<'a> Response<'a> {
    /// Reads `NtChallengeResponse`.
    ///
    /// # Errors
    /// See [`Error`]; an NTLMv1 response is [`Error::Short`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        let short = Error::Short { what: "NTLMv2_RESPONSE", at: 0, need: AV_PAIRS_AT, length: bytes.len() };
        let (proof, client_challenge) = bytes.split_first_chunk::<16>().ok_or(short.clone())?;
        let pairs = bytes.get(AV_PAIRS_AT..).ok_or(short)?;
        let types = u16::from_le_bytes(field::array(bytes, 16, "RespType")?);
        if types != V2 {
            return Err(Error::Invalid {
                what: "RespType and HiRespType",
                value: types.into(),
                expected: V2.into(),
            });
        }
        Ok(Self { proof: *proof, client_challenge, pairs })
    }

    /// Writes the part that the proof covers. `pairs` ends with `MsvAvEOL`.
    pub fn encode_client_challenge(timestamp: u64, nonce: [u8; 8], pairs: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(V2.to_le_bytes()); // RespType, HiRespType
        bytes.extend([0; 2]); // Reserved1
        bytes.extend([0; 4]); // Reserved2
        bytes.extend(timestamp.to_le_bytes());
        bytes.extend(nonce);
        bytes.extend([0; 4]); // Reserved3
        bytes.extend(pairs);
        bytes.extend([0; 4]); // Z(4) behind ServerName, MS-NLMP 3.3.2
        bytes
    }
}

const V2: u16 = 0x0101;
const AV_PAIRS_AT: usize = 44;
