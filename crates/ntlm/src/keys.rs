//! The derivations of MS-NLMP 3.3.2 and 3.4.5.

use crate::{Error, field};
use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use hmac::{Hmac, KeyInit, Mac};
use md4::Md4;
use md5::{Digest, Md5};
use rc4::{Rc4, StreamCipher};
use zeroize::Zeroizing;

/// A key of 16 bytes; wiped when dropped.
pub(crate) type Key = Zeroizing<[u8; 16]>;

/// MD4 of a password (`NTOWFv1`): as good as the password itself, for NTLM.
///
/// Wiped when dropped; `Debug` shows nothing of it.
#[derive(Clone)]
pub struct NtHash(Key);

impl NtHash {
    /// The hash of a password.
    pub fn of_password(password: &str) -> Self {
        let unicode = Zeroizing::new(field::utf16(password));
        Self(Zeroizing::new(Md4::digest(&unicode).into()))
    }

    /// A hash that is known.
    pub fn new(hash: [u8; 16]) -> Self {
        Self(Zeroizing::new(hash))
    }

    /// The hash itself, to be kept where it is as safe as the password.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 hexadecimal digits, as dumps and `ntlm` tools print them.
impl FromStr for NtHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (digits, []) = text.as_bytes().as_chunks::<2>() else { return Err(Error::Hash) };
        let digits: &[[u8; 2]; 16] = digits.try_into().map_err(|_| Error::Hash)?;
        let mut hash = Key::default();
        for (byte, pair) in hash.iter_mut().zip(digits) {
            let pair = str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'));
            *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(Error::Hash)?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NtHash(..)")
    }
}

/// `NTOWFv2`: what proofs are made with.
pub(crate) fn response_key(hash: &NtHash, user: &str, domain: &str) -> Key {
    let name = [field::utf16(&upper(user)), field::utf16(domain)];
    hmac(&hash.0, [name[0].as_slice(), name[1].as_slice()])
}

/// `NTProofStr`.
pub(crate) fn proof(response_key: &Key, server_challenge: &[u8; 8], client_challenge: &[u8]) -> [u8; 16] {
    *hmac(response_key, [server_challenge.as_slice(), client_challenge])
}

/// `SessionBaseKey`, for NTLMv2 also `KeyExchangeKey`.
pub(crate) fn session_base_key(response_key: &Key, proof: &[u8; 16]) -> Key {
    hmac(response_key, [proof.as_slice()])
}

/// `MIC` over the three messages, the third with zeros in place of its MIC.
pub(crate) fn mic(session_key: &Key, messages: [&[u8]; 3]) -> [u8; 16] {
    *hmac(session_key, messages)
}

/// `SIGNKEY` and `SEALKEY`: MD5 of the session key and a constant that ends with NUL.
pub(crate) fn derived(session_key: &Key, constant: &[u8]) -> Key {
    Zeroizing::new(
        Md5::new().chain_update(session_key).chain_update(constant).chain_update([0]).finalize().into(),
    )
}

/// `RC4K`: encrypts the session key for its way, or decrypts it.
pub(crate) fn rc4(key: &Key, data: &[u8; 16]) -> Key {
    let mut data = Zeroizing::new(*data);
    stream(key).apply_keystream(data.as_mut_slice());
    data
}

/// RC4 at the start of its stream.
pub(crate) fn stream(key: &Key) -> Rc4 {
    // RC4 repeats its key, so twice the key is the same key at the length that the type names.
    let mut twice = Zeroizing::new([0; 32]);
    for (byte, key) in twice.iter_mut().zip(key.iter().cycle()) {
        *byte = *key;
    }
    Rc4::new((&*twice).into())
}

/// An HMAC-MD5 that has taken its key.
pub(crate) fn keyed(key: &[u8; 16]) -> Hmac<Md5> {
    // HMAC pads a short key with zeros, so a whole block of them is the same key.
    let mut block = Zeroizing::new([0; 64]);
    if let Some(start) = block.first_chunk_mut() {
        *start = *key;
    }
    Hmac::new((&*block).into())
}

fn hmac<const N: usize>(key: &[u8; 16], parts: [&[u8]; N]) -> Key {
    let mut mac = keyed(key);
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// Upper case one character for one, as Windows does it: names keep their length.
fn upper(text: &str) -> String {
    text.chars()
        .map(|c| {
            let mut upper = c.to_uppercase();
            upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
        })
        .collect()
}
