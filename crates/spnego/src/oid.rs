use core::fmt;

/// The object identifier of a mechanism: the content of its DER encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Oid<'a>(pub &'a [u8]);

impl Oid<'static> {
    /// 1.3.6.1.5.5.2: the negotiation itself.
    pub const SPNEGO: Self = Self(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x02]);
    /// 1.2.840.113554.1.2.2: Kerberos.
    pub const KERBEROS: Self = Self(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]);
    /// 1.2.840.48018.1.2.2: Kerberos as Windows 2000 misspelt it; Windows offers it first to this day.
    pub const MS_KERBEROS: Self = Self(&[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02]);
    /// 1.3.6.1.4.1.311.2.2.10: NTLM.
    pub const NTLM: Self = Self(&[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a]);

    /// What to offer and to serve for Kerberos, in Windows' order.
    pub const ALL_KERBEROS: &'static [Self] = &[Self::MS_KERBEROS, Self::KERBEROS];
    /// What to offer and to serve for NTLM.
    pub const ALL_NTLM: &'static [Self] = &[Self::NTLM];
}

/// Dotted, as far as 32 bits carry each arc; of one that is longer than any in use the start.
impl fmt::Display for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arc = 0u32;
        let mut first = true;
        for byte in self.0.iter().take(PRINTED) {
            arc = arc << 7 | u32::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                continue;
            }
            if first {
                let root = (arc / 40).min(2);
                write!(f, "{root}.{}", arc.saturating_sub(root.saturating_mul(40)))?;
            } else {
                write!(f, ".{arc}")?;
            }
            (arc, first) = (0, false);
        }
        if self.0.len() > PRINTED { f.write_str("...") } else { Ok(()) }
    }
}

impl fmt::Debug for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes of an OID that are printed.
const PRINTED: usize = 32;
