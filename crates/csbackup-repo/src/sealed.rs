//! Files of a repository as restic encrypts them: a nonce, the ciphertext, its MAC; named by their SHA-256.
//!
//! For what the library does not write: locks, and an index file without what was lost.

use aes256ctr_poly1305aes::aead::{Aead, Nonce};
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key};
use rustic_core::repofile::MasterKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Encrypts a file; gives its name, 64 hexadecimal digits, and its content.
pub(crate) fn seal(master: &MasterKey, plain: &[u8]) -> Result<(String, Vec<u8>), &'static str> {
    let mut nonce = Nonce::<Aes256CtrPoly1305Aes>::default();
    getrandom::fill(&mut nonce).map_err(|_| "the system gives no random numbers")?;
    let sealed = cipher(master)?.encrypt(&nonce, plain).map_err(|_| "it cannot be encrypted")?;
    let content = [nonce.as_slice(), &sealed].concat();
    let name = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((name, content))
}

/// Decrypts a file.
pub(crate) fn open(master: &MasterKey, content: &[u8]) -> Result<Vec<u8>, &'static str> {
    let (nonce, sealed) = content.split_at_checked(16).ok_or("it is too short")?;
    let nonce = Nonce::<Aes256CtrPoly1305Aes>::from_slice(nonce);
    cipher(master)?.decrypt(nonce, sealed).map_err(|_| "it cannot be decrypted")
}

fn cipher(master: &MasterKey) -> Result<Aes256CtrPoly1305Aes, &'static str> {
    let key = Zeroizing::new([&*master.encrypt, &*master.mac.k, &*master.mac.r].concat());
    if key.len() != 64 {
        return Err("the repository's key has an unknown form");
    }
    Ok(Aes256CtrPoly1305Aes::new(Key::from_slice(&key)))
}
