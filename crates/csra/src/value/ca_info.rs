use ndr::{Error, Ndr, Reader, Writer};

/// What `GetCAProperty` returns for nine of its LONG properties, all of them at once: `CAINFO`.
///
/// ```text
///  0  4  cbSize                  40
///  4  4  CAType                  0 enterprise root, 1 enterprise subordinate, 3 root, 4 subordinate
///  8  4  cCASignatureCerts       signing certificates
/// 12  4  cCAExchangeCerts        exchange certificates
/// 16  4  cExitAlgorithms         exit modules
/// 20  4  lPropIDMax              highest property id
/// 24  4  lRoleSeparationEnabled  not 0 when a caller may hold one role only
/// 28  4  cKRACertUsedCount       key recovery certificates in use
/// 32  4  cKRACertCount           key recovery certificates
/// 36  4  fAdvancedServer         not 0 on an edition with all features
/// ```
///
/// Source: [MS-WCCE] 2.2.2.4 and 2.2.2.2.5; [MS-CSRA] 3.1.4.2.2 for the properties.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
/// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaInfo {
    /// `CAType`.
    pub ca_type: u32,
    /// `cCASignatureCerts`.
    pub signing_certificates: u32,
    /// `cCAExchangeCerts`.
    pub exchange_certificates: u32,
    /// `cExitAlgorithms`.
    pub exit_modules: u32,
    /// `lPropIDMax`.
    pub highest_property: i32,
    /// `lRoleSeparationEnabled`.
    pub role_separation: bool,
    /// `cKRACertUsedCount`.
    pub recovery_certificates_used: u32,
    /// `cKRACertCount`.
    pub recovery_certificates: u32,
    /// `fAdvancedServer`.
    pub advanced_server: bool,
}

/// `cbSize`: bytes of the structure.
const SIZE: u32 = 40;

impl Ndr for CaInfo {
    fn encode(&self, writer: &mut Writer) {
        writer.u32(SIZE);
        writer.u32(self.ca_type);
        writer.u32(self.signing_certificates);
        writer.u32(self.exchange_certificates);
        writer.u32(self.exit_modules);
        writer.i32(self.highest_property);
        writer.u32(self.role_separation.into());
        writer.u32(self.recovery_certificates_used);
        writer.u32(self.recovery_certificates);
        writer.u32(self.advanced_server.into());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let at = reader.position();
        let size = reader.u32("cbSize")?;
        if size < SIZE {
            return Err(Error::Invalid { what: "cbSize", at, value: u64::from(size) });
        }
        Ok(Self {
            ca_type: reader.u32("CAType")?,
            signing_certificates: reader.u32("cCASignatureCerts")?,
            exchange_certificates: reader.u32("cCAExchangeCerts")?,
            exit_modules: reader.u32("cExitAlgorithms")?,
            highest_property: reader.i32("lPropIDMax")?,
            role_separation: reader.u32("lRoleSeparationEnabled")? != 0,
            recovery_certificates_used: reader.u32("cKRACertUsedCount")?,
            recovery_certificates: reader.u32("cKRACertCount")?,
            advanced_server: reader.u32("fAdvancedServer")? != 0,
        })
    }
}
