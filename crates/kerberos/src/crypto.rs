//! AES-CTS with HMAC-SHA1-96 (RFC 3961 5.3, RFC 3962), keyed once and used in place.
//!
//! Key derivation and string-to-key come from `picky-krb`. Its ciphers do not serve here: they derive
//! the keys and copy the message several times per call, and cannot cover cleartext with the checksum.

use aes::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit,
};
use hmac::{Hmac, Mac};
use picky_krb::crypto::aes::{AesSize, derive_key, derive_key_from_password};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::Error;

/// Bytes of a block, and of a confounder.
pub(crate) const BLOCK: usize = 16;
/// Bytes of a checksum.
pub(crate) const MAC: usize = 12;

/// The encryption types served: no RC4, no DES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Etype {
    /// `aes128-cts-hmac-sha1-96` (17).
    Aes128,
    /// `aes256-cts-hmac-sha1-96` (18).
    Aes256,
}

impl Etype {
    pub(crate) fn of(number: i64) -> Option<Self> {
        match number {
            17 => Some(Self::Aes128),
            18 => Some(Self::Aes256),
            _ => None,
        }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Aes128 => 17,
            Self::Aes256 => 18,
        }
    }

    fn size(self) -> AesSize {
        match self {
            Self::Aes128 => AesSize::Aes128,
            Self::Aes256 => AesSize::Aes256,
        }
    }
}

/// A protocol key.
#[derive(Clone)]
pub(crate) struct Key {
    etype: Etype,
    bytes: Zeroizing<Vec<u8>>,
}

impl Key {
    /// `None` when the length is not the type's.
    pub(crate) fn new(etype: Etype, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == etype.size().key_length())
            .then(|| Self { etype, bytes: Zeroizing::new(bytes.to_vec()) })
    }

    pub(crate) fn random(etype: Etype) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new(vec![0; etype.size().key_length()]);
        fill(&mut bytes)?;
        Ok(Self { etype, bytes })
    }

    /// String-to-key with the default 4096 iterations.
    pub(crate) fn from_password(etype: Etype, password: &str, salt: &[u8]) -> Option<Self> {
        let bytes = derive_key_from_password(password, salt, &etype.size()).ok()?;
        Some(Self { etype, bytes: Zeroizing::new(bytes) })
    }

    pub(crate) fn etype(&self) -> Etype {
        self.etype
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn derived(&self, usage: u8, last: u8) -> Zeroizing<Vec<u8>> {
        // Fails only for a key of the wrong length, which `new` refuses.
        let derived = derive_key(&self.bytes, &[0, 0, 0, usage, last], &self.etype.size());
        Zeroizing::new(derived.unwrap_or_default())
    }

    /// Keys for encrypting under one usage number.
    pub(crate) fn sealer(&self, usage: u8) -> Sealer {
        let cipher = match self.etype {
            Etype::Aes128 => aes::Aes128::new_from_slice(&self.derived(usage, 0xAA)).map(Cipher::Aes128),
            Etype::Aes256 => aes::Aes256::new_from_slice(&self.derived(usage, 0xAA)).map(Cipher::Aes256),
        };
        Sealer { cipher: cipher.ok(), mac: keyed(&self.derived(usage, 0x55)) }
    }

    /// Keys for checksums under one usage number.
    pub(crate) fn signer(&self, usage: u8) -> Signer {
        Signer(keyed(&self.derived(usage, 0x99)))
    }

    /// `confounder | plain` encrypted, with its checksum behind.
    pub(crate) fn encrypt(&self, usage: u8, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = vec![0; BLOCK];
        fill(&mut out)?;
        out.extend_from_slice(plain);
        let sealer = self.sealer(usage);
        let mac = sealer.mac([out.as_slice()]);
        sealer.encrypt(&mut out);
        out.extend_from_slice(&mac);
        Ok(out)
    }

    /// The reverse; `None` when the checksum does not fit.
    pub(crate) fn decrypt(&self, usage: u8, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (sealed, mac) = sealed.split_last_chunk::<MAC>()?;
        if sealed.len() < BLOCK {
            return None;
        }
        let mut plain = Zeroizing::new(sealed.to_vec());
        let sealer = self.sealer(usage);
        sealer.decrypt(&mut plain);
        if !equal(&sealer.mac([plain.as_slice()]), mac) {
            return None;
        }
        plain.get(BLOCK..).map(|plain| Zeroizing::new(plain.to_vec()))
    }
}

enum Cipher {
    Aes128(aes::Aes128),
    Aes256(aes::Aes256),
}

/// Encrypts and checks under one usage number.
pub(crate) struct Sealer {
    /// Always there; see [`Key::derived`].
    cipher: Option<Cipher>,
    mac: Hmac<Sha1>,
}

impl Sealer {
    /// The checksum over the parts, one behind the other.
    pub(crate) fn mac<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; MAC] {
        mac(self.mac.clone(), parts)
    }

    /// Encrypts in place; at least one block.
    pub(crate) fn encrypt(&self, data: &mut [u8]) {
        match &self.cipher {
            Some(Cipher::Aes128(cipher)) => encrypt_cts(cipher, data),
            Some(Cipher::Aes256(cipher)) => encrypt_cts(cipher, data),
            None => data.zeroize(),
        }
    }

    /// Decrypts in place; at least one block.
    pub(crate) fn decrypt(&self, data: &mut [u8]) {
        match &self.cipher {
            Some(Cipher::Aes128(cipher)) => decrypt_cts(cipher, data),
            Some(Cipher::Aes256(cipher)) => decrypt_cts(cipher, data),
            None => data.zeroize(),
        }
    }
}

/// Checksums under one usage number.
pub(crate) struct Signer(Hmac<Sha1>);

impl Signer {
    pub(crate) fn mac<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; MAC] {
        mac(self.0.clone(), parts)
    }
}

/// In constant time.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Random bytes of the system.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|error| Error::Random(error.to_string()))
}

fn keyed(key: &[u8]) -> Hmac<Sha1> {
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let keyed = Hmac::new(&Array(block));
    block.zeroize();
    keyed
}

fn mac<'a>(mut mac: Hmac<Sha1>, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; MAC] {
    for part in parts {
        mac.update(part);
    }
    let full: [u8; 20] = mac.finalize().into_bytes().into();
    full.first_chunk().copied().unwrap_or_default()
}

/// Where the last, perhaps partial, block starts.
fn last_block(len: usize) -> usize {
    let last = len.saturating_sub(1);
    last.saturating_sub(last % BLOCK)
}

fn blocks<C: aes::cipher::BlockSizeUser<BlockSize = aes::cipher::consts::U16>>(
    data: &mut [u8],
) -> &mut [aes::cipher::Block<C>] {
    Array::cast_slice_from_core_mut(data.as_chunks_mut::<BLOCK>().0)
}

/// CBC with a zero IV and the last two blocks exchanged, the last one cut (RFC 3962 5).
fn encrypt_cts<C>(cipher: &C, data: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16>,
{
    let start = last_block(data.len());
    let (whole, last) = data.split_at_mut(start);
    let mut mode = cbc::Encryptor::inner_iv_init(cipher, &Array([0; BLOCK]));
    mode.encrypt_blocks(blocks::<C>(whole));
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(&*last) {
        *to = *from;
    }
    let mut block = Array(block);
    mode.encrypt_block(&mut block);
    match whole.last_chunk_mut::<BLOCK>() {
        Some(previous) => {
            for (to, from) in last.iter_mut().zip(&*previous) {
                *to = *from;
            }
            *previous = block.0;
        }
        None => last.copy_from_slice(block.0.get(..last.len()).unwrap_or_default()),
    }
}

fn decrypt_cts<C>(cipher: &C, data: &mut [u8])
where
    C: BlockCipherDecrypt<BlockSize = aes::cipher::consts::U16>,
{
    let start = last_block(data.len());
    let (whole, last) = data.split_at_mut(start);
    if let Some(previous) = whole.last_chunk_mut::<BLOCK>() {
        // D = last plain block (zero padded) XOR previous cipher block, of which `last` is the start.
        let mut mixed = Array(*previous);
        cipher.decrypt_block(&mut mixed);
        *previous = mixed.0;
        for ((to, mixed), stolen) in previous.iter_mut().zip(&mixed.0).zip(last.iter_mut()) {
            *to = *stolen;
            *stolen ^= mixed;
        }
    }
    let mut mode = cbc::Decryptor::inner_iv_init(cipher, &Array([0; BLOCK]));
    if whole.is_empty() {
        mode.decrypt_blocks(blocks::<C>(last));
    } else {
        mode.decrypt_blocks(blocks::<C>(whole));
    }
}
