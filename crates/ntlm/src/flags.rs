//! `NegotiateFlags`: what both sides want of the session.
//!
//! Source: [MS-NLMP] 2.2.2.5 NEGOTIATE.
//!
//! [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/99d90ff4-957f-4c8a-80e4-5bfe5a9a9832

/// Text is UTF-16 (`NTLMSSP_NEGOTIATE_UNICODE`).
pub const UNICODE: u32 = 0x0000_0001;
/// The server names itself in the challenge (`NTLMSSP_REQUEST_TARGET`).
pub const REQUEST_TARGET: u32 = 0x0000_0004;
/// Messages may be signed (`NTLMSSP_NEGOTIATE_SIGN`).
pub const SIGN: u32 = 0x0000_0010;
/// Messages may be encrypted (`NTLMSSP_NEGOTIATE_SEAL`).
pub const SEAL: u32 = 0x0000_0020;
/// The client wants no identity (`NTLMSSP_ANONYMOUS`).
pub const ANONYMOUS: u32 = 0x0000_0800;
/// The NTLM protocol, as opposed to LAN Manager's (`NTLMSSP_NEGOTIATE_NTLM`).
pub const NTLM: u32 = 0x0000_0200;
/// A session key exists whatever is signed (`NTLMSSP_NEGOTIATE_ALWAYS_SIGN`).
pub const ALWAYS_SIGN: u32 = 0x0000_8000;
/// `TargetName` of the challenge is a domain (`NTLMSSP_TARGET_TYPE_DOMAIN`).
pub const TARGET_TYPE_DOMAIN: u32 = 0x0001_0000;
/// `TargetName` of the challenge is a server (`NTLMSSP_TARGET_TYPE_SERVER`).
pub const TARGET_TYPE_SERVER: u32 = 0x0002_0000;
/// HMAC-MD5 signatures and a key per direction (`NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY`).
pub const EXTENDED_SESSION_SECURITY: u32 = 0x0008_0000;
/// The challenge carries AV pairs (`NTLMSSP_NEGOTIATE_TARGET_INFO`).
pub const TARGET_INFO: u32 = 0x0080_0000;
/// `Version` is filled in (`NTLMSSP_NEGOTIATE_VERSION`).
pub const VERSION: u32 = 0x0200_0000;
/// Sealing keys of 128 bits (`NTLMSSP_NEGOTIATE_128`).
pub const KEY_128: u32 = 0x2000_0000;
/// The client chooses the session key (`NTLMSSP_NEGOTIATE_KEY_EXCH`).
pub const KEY_EXCHANGE: u32 = 0x4000_0000;
/// Sealing keys of 56 bits (`NTLMSSP_NEGOTIATE_56`); named for peers that want to see it.
pub const KEY_56: u32 = 0x8000_0000;

/// Without these there is no session with us: a peer that leaves one out is refused.
pub const REQUIRED: u32 = UNICODE | SIGN | NTLM | EXTENDED_SESSION_SECURITY | KEY_128 | KEY_EXCHANGE;

/// What our initiator asks for.
pub const OFFERED: u32 = REQUIRED | SEAL | REQUEST_TARGET | ALWAYS_SIGN | TARGET_INFO | VERSION | KEY_56;

/// `Version` of our messages: a product number that peers know, and revision 15 of NTLM.
///
/// ```text
/// 0 1 ProductMajorVersion  10
/// 1 1 ProductMinorVersion  0
/// 2 2 ProductBuild         0
/// 4 3 Reserved             0
/// 7 1 NTLMRevisionCurrent  15
/// ```
///
/// Source: [MS-NLMP] 2.2.2.10 VERSION.
///
/// [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/b1a6ceb2-f8ad-462b-b5af-f18527c48175
pub const OUR_VERSION: [u8; 8] = [10, 0, 0, 0, 0, 0, 0, 15];
