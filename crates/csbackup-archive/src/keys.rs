//! Keys of both halves: recipients to write for, identities to read with.

use std::fmt;
use std::io::Read as _;
use std::iter;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, IdentityFile, scrypt, x25519};
use zeroize::Zeroizing;

/// Public keys: whoever holds the identity of one of them can read what is written for all.
#[derive(Debug, Clone, Default)]
pub struct Recipients(Vec<x25519::Recipient>);

impl Recipients {
    /// Recipients in age's spelling (`age1...`), one a line; empty lines and those with `#` are passed over.
    ///
    /// # Errors
    /// [`KeyError::NotARecipient`], [`KeyError::SecretKey`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut recipients = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
                return Err(KeyError::SecretKey { line: number });
            }
            let recipient = line.parse().map_err(|_| KeyError::NotARecipient { line: number });
            recipients.push(recipient?);
        }
        Ok(Self(recipients))
    }

    /// Adds others.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &x25519::Recipient> {
        self.0.iter()
    }
}

/// Secret keys that read archives. `Debug` shows their number only.
#[derive(Default)]
pub struct Identities(pub(crate) Vec<Box<dyn age::Identity + Send + Sync>>);

impl Identities {
    /// The identities of a file as `age-keygen` writes it; a file that `age -p` encrypted needs its
    /// passphrase.
    ///
    /// # Errors
    /// [`KeyError::PassphraseNeeded`] when there is none, [`KeyError::WrongPassphrase`],
    /// [`KeyError::NotAnIdentity`].
    pub fn parse(file: &[u8], passphrase: Option<&str>) -> Result<Self, KeyError> {
        let is_encrypted = ENCRYPTED.iter().any(|start| file.starts_with(start.as_bytes()));
        let opened = match passphrase {
            _ if !is_encrypted => Zeroizing::new(file.to_vec()),
            None => return Err(KeyError::PassphraseNeeded),
            Some(passphrase) => decrypt(file, passphrase)?,
        };
        let not_one = |error: &dyn fmt::Display| KeyError::NotAnIdentity { reason: error.to_string() };
        let parsed = IdentityFile::from_buffer(opened.as_slice()).map_err(|error| not_one(&error))?;
        let identities = parsed.into_identities().map_err(|error| not_one(&error))?;
        if identities.is_empty() {
            return Err(not_one(&"it is empty"));
        }
        Ok(Self(identities))
    }

    /// Adds others.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

/// Why a key cannot be used. Never shows a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No public key of age.
    #[error("line {line} is no recipient: `age1` and 58 more characters are expected")]
    NotARecipient {
        /// From 1.
        line: usize,
    },
    /// The wrong half of a key.
    #[error("line {line} is a secret key: give the recipient that belongs to it (`age-keygen -y FILE`)")]
    SecretKey {
        /// From 1.
        line: usize,
    },
    /// No file of identities.
    #[error("it is no file of age identities: {reason}")]
    NotAnIdentity {
        /// One clause.
        reason: String,
    },
    /// The file is encrypted.
    #[error("the file of identities is protected by a passphrase")]
    PassphraseNeeded,
    /// The passphrase is another.
    #[error("the passphrase does not open the file of identities")]
    WrongPassphrase,
}

/// How encrypted files begin: as they are, and as text.
const ENCRYPTED: [&str; 2] = ["age-encryption.org/", "-----BEGIN AGE ENCRYPTED FILE-----"];

fn decrypt(file: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let refused = |error: &DecryptError| match error {
        DecryptError::DecryptionFailed | DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed => {
            KeyError::WrongPassphrase
        }
        error => KeyError::NotAnIdentity { reason: error.to_string() },
    };
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(file)).map_err(|error| refused(&error))?;
    if !decryptor.is_scrypt() {
        let reason = "it is encrypted for other keys, not by a passphrase".to_owned();
        return Err(KeyError::NotAnIdentity { reason });
    }
    let key = scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
    let stream =
        decryptor.decrypt(iter::once::<&dyn age::Identity>(&key)).map_err(|error| refused(&error))?;
    let mut text = Zeroizing::new(Vec::new());
    let read = stream.take(MAX_IDENTITIES).read_to_end(&mut text);
    read.map_err(|error| KeyError::NotAnIdentity { reason: error.to_string() })?;
    Ok(text)
}

/// Bytes of a file of identities that are read.
const MAX_IDENTITIES: u64 = 1 << 20;
