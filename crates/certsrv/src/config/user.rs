//! `[[user]]` of `ca.toml`.

use std::fmt;

use certadm::server::Roles;
use rpc_auth::NtHash;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A user who may come over the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Account name, without domain; case does not count.
    pub name: String,
    /// NetBIOS domain or Kerberos realm. Without one the name counts in any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// What NTLM needs of the password. A user without it can come with a Kerberos ticket only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nt_hash: Option<HexHash>,
    /// Roles on the CA.
    #[serde(default)]
    pub roles: Vec<Role>,
}

impl User {
    /// Is this the user who calls himself `name` of `domain`?
    pub(crate) fn is(&self, name: &str, domain: &str) -> bool {
        same(&self.name, name) && self.domain.as_deref().is_none_or(|own| same(own, domain))
    }

    /// His roles, as bits.
    pub(crate) fn role_bits(&self) -> Roles {
        Role::bits_of(&self.roles)
    }
}

/// Account and domain names compare without case.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}

/// An NT hash, in `ca.toml` as 32 hex digits: as good as the password. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HexHash(Zeroizing<[u8; 16]>);

impl HexHash {
    /// The hash of a password: MD4 of its UTF-16 form (`NTOWFv1`, [MS-NLMP] 3.3.1).
    ///
    /// [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/
    pub fn of_password(password: &str) -> Self {
        Self(Zeroizing::new(*NtHash::of_password(password).bytes()))
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for HexHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HexHash(..)")
    }
}

impl TryFrom<String> for HexHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = Zeroizing::new(text);
        let bytes = Zeroizing::new(hex(&text).ok_or("nt_hash is not 32 hex digits")?);
        let bytes = <[u8; 16]>::try_from(bytes.as_slice());
        bytes.map(|bytes| Self(Zeroizing::new(bytes))).map_err(|_| "nt_hash is not 32 hex digits")
    }
}

impl From<HexHash> for String {
    fn from(hash: HexHash) -> Self {
        hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The bytes that hex digits are; `None` for anything else.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4) | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// A role on the CA, as `ca.toml` spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Manage the CA.
    Administrator,
    /// Issue and revoke.
    Officer,
    /// Audit log.
    Auditor,
    /// Back up.
    Operator,
    /// Read the database.
    Read,
    /// Request certificates.
    Enroll,
}

impl Role {
    pub(crate) fn bits_of(roles: &[Self]) -> Roles {
        roles.iter().fold(Roles::default(), |bits, role| bits.with(role.bits()))
    }

    fn bits(self) -> Roles {
        match self {
            Self::Administrator => Roles::ADMINISTRATOR,
            Self::Officer => Roles::OFFICER,
            Self::Auditor => Roles::AUDITOR,
            Self::Operator => Roles::OPERATOR,
            Self::Read => Roles::READ,
            Self::Enroll => Roles::ENROLL,
        }
    }
}
