//! Numbers of the CA's tables that stand for something. Unknown ones are kept.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What became of a request (column Disposition).
///
/// Source: `DB_DISP_*` of `certsrv.h`, format digest section 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Disposition(pub i32);

impl Disposition {
    /// Being worked on.
    pub const ACTIVE: Self = Self(8);
    /// Waits for an officer.
    pub const PENDING: Self = Self(9);
    /// A certificate of somebody else, imported.
    pub const FOREIGN: Self = Self(12);
    /// A certificate of the CA itself.
    pub const CA_CERTIFICATE: Self = Self(15);
    /// A certificate of the chain above the CA.
    pub const CA_CHAIN: Self = Self(16);
    /// A certificate of a key recovery agent.
    pub const RECOVERY_AGENT: Self = Self(17);
    /// Issued and not revoked.
    pub const ISSUED: Self = Self(20);
    /// Revoked.
    pub const REVOKED: Self = Self(21);
    /// Failed.
    pub const FAILED: Self = Self(30);
    /// Denied.
    pub const DENIED: Self = Self(31);

    const NAMES: [(Self, &'static str); 10] = [
        (Self::ACTIVE, "active"),
        (Self::PENDING, "pending"),
        (Self::FOREIGN, "foreign"),
        (Self::CA_CERTIFICATE, "ca-certificate"),
        (Self::CA_CHAIN, "ca-chain"),
        (Self::RECOVERY_AGENT, "recovery-agent"),
        (Self::ISSUED, "issued"),
        (Self::REVOKED, "revoked"),
        (Self::FAILED, "failed"),
        (Self::DENIED, "denied"),
    ];

    /// Its name; `None` for a number that nobody has explained.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|(number, _)| *number == self).map(|(_, name)| *name)
    }

    /// From its name or its number.
    pub fn parse(text: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        named.map(|(number, _)| *number).or_else(|| text.parse().ok().map(Self))
    }

    /// Does a row with it have a certificate?
    pub fn has_certificate(self) -> bool {
        let with = [
            Self::FOREIGN,
            Self::CA_CERTIFICATE,
            Self::CA_CHAIN,
            Self::RECOVERY_AGENT,
            Self::ISSUED,
            Self::REVOKED,
        ];
        with.contains(&self)
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

/// Form of a request (column RequestType).
///
/// Source: `CR_IN_*` of `certcli.h`, format digest section 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestType(pub i32);

impl fmt::Display for RequestType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 & 0xff00 {
            0x100 => f.pad("pkcs10"),
            0x200 => f.pad("keygen"),
            0x300 => f.pad("pkcs7"),
            0x400 => f.pad("cmc"),
            _ => f.pad(&format!("{:#x}", self.0)),
        }
    }
}

/// Why a certificate was revoked (column RevokedReason).
///
/// Source: RFC 5280 section 5.3.1; -1 is the CA's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RevocationReason(pub i32);

impl RevocationReason {
    /// On hold: may be taken back.
    pub const HOLD: Self = Self(6);

    /// Its name; `None` for an unknown number.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            -1 => "unrevoked",
            0 => "unspecified",
            1 => "key-compromise",
            2 => "ca-compromise",
            3 => "affiliation-changed",
            4 => "superseded",
            5 => "cessation-of-operation",
            6 => "certificate-hold",
            8 => "remove-from-crl",
            9 => "privilege-withdrawn",
            10 => "aa-compromise",
            _ => return None,
        })
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

/// Flags of an extension and where it came from (column ExtensionFlags).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExtensionFlags(pub i32);

impl ExtensionFlags {
    /// Critical.
    pub fn is_critical(self) -> bool {
        self.0 & 1 != 0
    }

    /// Switched off: not in the certificate.
    pub fn is_disabled(self) -> bool {
        self.0 & 2 != 0
    }

    /// Who put it there; `None` for an unknown number.
    ///
    /// Source: `EXTENSION_ORIGIN_*` of `certsrv.h`.
    pub fn origin(self) -> Option<&'static str> {
        Some(match (self.0 >> 16) & 0xf {
            1 => "request",
            2 => "policy",
            3 => "admin",
            4 => "server",
            5 => "renewal-certificate",
            6 => "imported-certificate",
            7 => "pkcs7",
            8 => "cmc",
            9 => "ca-certificate",
            _ => return None,
        })
    }
}

/// The name of an extended key usage (enhanced key usage, application policy) in words; unknown ones have none.
pub fn purpose_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.3.6.1.5.5.7.3.1" => "server-auth",
        "1.3.6.1.5.5.7.3.2" => "client-auth",
        "1.3.6.1.5.5.7.3.3" => "code-signing",
        "1.3.6.1.5.5.7.3.4" => "email-protection",
        "1.3.6.1.5.5.7.3.8" => "time-stamping",
        "1.3.6.1.5.5.7.3.9" => "ocsp-signing",
        "1.3.6.1.5.5.8.2.2" => "ipsec-ike",
        "1.3.6.1.5.2.3.5" => "kdc-auth",
        "1.3.6.1.4.1.311.20.2.1" => "enrollment-agent",
        "1.3.6.1.4.1.311.20.2.2" => "smartcard-logon",
        "1.3.6.1.4.1.311.10.3.4" => "efs",
        "1.3.6.1.4.1.311.10.3.4.1" => "efs-recovery",
        "1.3.6.1.4.1.311.10.3.11" => "key-recovery",
        "1.3.6.1.4.1.311.10.3.12" => "document-signing",
        "1.3.6.1.4.1.311.21.5" => "private-key-archival",
        "1.3.6.1.4.1.311.21.6" => "key-recovery-agent",
        "1.3.6.1.4.1.311.54.1.2" => "remote-desktop",
        "2.5.29.37.0" => "any-purpose",
        _ => return None,
    })
}
