//! AV pairs: what a server says of itself, and what a client adds to it.
//!
//! ```text
//! 0 2 AvId
//! 2 2 AvLen
//! 4 - Value
//! ```
//!
//! The list ends with `MsvAvEOL`, 0 and 0.
//!
//! Source: [MS-NLMP] 2.2.2.1 AV_PAIR.
//!
//! [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/83f5e789-660d-4781-8491-5f8c6641f75e

use crate::Error;
use alloc::vec::Vec;

/// `MsvAvNbComputerName`: NetBIOS name of the server, UTF-16.
pub const NB_COMPUTER_NAME: u16 = 1;
/// `MsvAvNbDomainName`: NetBIOS name of its domain, UTF-16.
pub const NB_DOMAIN_NAME: u16 = 2;
/// `MsvAvDnsComputerName`: full DNS name of the server, UTF-16.
pub const DNS_COMPUTER_NAME: u16 = 3;
/// `MsvAvDnsDomainName`: DNS name of its domain, UTF-16.
pub const DNS_DOMAIN_NAME: u16 = 4;
/// `MsvAvFlags`: u32; set by clients, see [`HAS_MIC`].
pub const FLAGS: u16 = 6;
/// `MsvAvTimestamp`: FILETIME of the server.
pub const TIMESTAMP: u16 = 7;
/// `MsvAvTargetName`: the SPN the client wants to reach, UTF-16.
pub const TARGET_NAME: u16 = 9;
/// `MsvAvChannelBindings`: MD5 of the channel, zeros when there is none.
pub const CHANNEL_BINDINGS: u16 = 10;

/// Bit of [`FLAGS`]: the AUTHENTICATE message carries a MIC.
pub const HAS_MIC: u32 = 2;

/// One pair: `AvId` and `Value`.
pub type AvPair<'a> = (u16, &'a [u8]);

/// Reads a list; what follows its end is ignored.
///
/// # Errors
/// [`Error::Short`] for a list without an end, [`Error::Long`] for more than 64 pairs.
pub fn decode(bytes: &[u8]) -> Result<Vec<AvPair<'_>>, Error> {
    let mut pairs = Vec::new();
    let mut rest = bytes;
    loop {
        let at = bytes.len().saturating_sub(rest.len());
        let short = |what, need| Error::Short { what, at, need, length: bytes.len() };
        let ([i0, i1, l0, l1], tail) = rest.split_first_chunk::<4>().ok_or(short("AvId", 4))?;
        let id = u16::from_le_bytes([*i0, *i1]);
        if id == EOL {
            return Ok(pairs);
        }
        let length = usize::from(u16::from_le_bytes([*l0, *l1]));
        let (value, tail) = tail.split_at_checked(length).ok_or(short("Value", length))?;
        if pairs.len() >= MOST_PAIRS {
            return Err(Error::Long { what: "TargetInfo", length: pairs.len() });
        }
        pairs.push((id, value));
        rest = tail;
    }
}

/// The value of the first pair with this id.
pub fn find<'a>(pairs: &[AvPair<'a>], id: u16) -> Option<&'a [u8]> {
    pairs.iter().find(|pair| pair.0 == id).map(|pair| pair.1)
}

/// Writes a list and its end.
///
/// # Errors
/// [`Error::Long`] when a value has more than 65,535 bytes.
pub fn encode<'a>(pairs: impl IntoIterator<Item = AvPair<'a>>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    for (id, value) in pairs {
        let length =
            u16::try_from(value.len()).map_err(|_| Error::Long { what: "Value", length: value.len() })?;
        bytes.extend(id.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(value);
    }
    bytes.extend([0; 4]); // MsvAvEOL
    Ok(bytes)
}

const EOL: u16 = 0;
const MOST_PAIRS: usize = 64;
