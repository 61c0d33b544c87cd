//! `GetCAProperty` and `GetCAPropertyInfo`.

use certadm::PartKind;
use csra::authority::sanitized;
use csra::value::{CaInfo, PropertyId, PropertyInfo, PropertyType, Variant, encode_text};
use dtyp::HResult;
use ndr::Ndr as _;

use super::registry;
use crate::site::Site;
use crate::{names, profile};

/// `CAType` where the CA directory says nothing: `ENUM_STANDALONE_ROOTCA`.
pub(crate) const CA_TYPE: u32 = 3;

/// The value of a property, as the bytes of its blob. `index` is -1 for the newest.
///
/// # Errors
/// [`HResult::INVALID_ARG`] for a property, a type or an index that is not there;
/// [`HResult::PROPERTY_EMPTY`] for one without a value.
///
/// Source: [MS-WCCE] 3.2.1.4.3.2.
///
/// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/
pub(crate) fn value(site: &Site, id: PropertyId, index: i32, kind: PropertyType) -> Result<Vec<u8>, HResult> {
    let (_, known, indexed, _) =
        PROPERTIES.iter().find(|(other, ..)| *other == id).ok_or(HResult::INVALID_ARG)?;
    if *known != kind || (!indexed && index > 0) {
        return Err(HResult::INVALID_ARG);
    }
    let authority = &site.authority;
    let text = |text: &str| Ok(encode_text(text));
    match id {
        PropertyId::FILE_VERSION => text(FILE_VERSION),
        PropertyId::PRODUCT_VERSION => text(PRODUCT_VERSION),
        PropertyId::CA_NAME => text(&authority.name),
        PropertyId::SANITIZED_CA_NAME | PropertyId::SANITIZED_CA_SHORT_NAME => {
            text(&sanitized(&authority.name))
        }
        PropertyId::SHARED_FOLDER => text(&names::dynamic_directory(authority)),
        PropertyId::DNS_NAME => text(&authority.host),
        PropertyId::PARENT_CA => Err(HResult::PROPERTY_EMPTY),
        PropertyId::SIGNING_CERTIFICATE => part(site, PartKind::Certificate, index),
        PropertyId::SIGNING_CERTIFICATE_CHAIN => part(site, PartKind::Chain, index),
        PropertyId::BASE_CRL => part(site, PartKind::Crl, index),
        PropertyId::DELTA_CRL => part(site, PartKind::DeltaCrl, index),
        PropertyId::CDP_URLS => text(&lines(part(site, PartKind::CdpUrls, index)?)),
        PropertyId::AIA_URLS => text(&lines(part(site, PartKind::AiaUrls, index)?)),
        PropertyId::TEMPLATES => text(&lines(part(site, PartKind::Templates, 0)?)),
        // A byte for each certificate: valid, and for CRLs valid (`CA_DISP_VALID`).
        PropertyId::CERTIFICATE_STATE | PropertyId::CRL_STATE => {
            Ok((0..profile::certificates(site)).map(|_| VALID).collect())
        }
        _ => Ok(info(site).to_bytes()),
    }
}

/// All properties that there are.
pub(crate) fn infos() -> Vec<PropertyInfo> {
    let info = |(id, kind, indexed, name): &(PropertyId, PropertyType, bool, &str)| PropertyInfo {
        id: *id,
        kind: *kind,
        indexed: *indexed,
        display_name: (*name).to_owned(),
    };
    PROPERTIES.iter().map(info).collect()
}

fn info(site: &Site) -> CaInfo {
    let ca_type = match registry::find(site, Some(""), "CAType") {
        Ok(Variant::Long(value)) => value.cast_unsigned(),
        _ => CA_TYPE,
    };
    CaInfo {
        ca_type,
        signing_certificates: profile::certificates(site),
        highest_property: PropertyId::AIA_URLS.0,
        role_separation: site.config.role_separation,
        advanced_server: true,
        ..CaInfo::default()
    }
}

/// A part that belongs to a certificate of the CA; -1 is the newest of them.
fn part(site: &Site, kind: PartKind, index: i32) -> Result<Vec<u8>, HResult> {
    let count = profile::certificates(site);
    let index = match u32::try_from(index) {
        Ok(index) => index,
        Err(_) if index == -1 => count.saturating_sub(1),
        Err(_) => return Err(HResult::INVALID_ARG),
    };
    if kind != PartKind::Templates && index >= count {
        return Err(HResult::INVALID_ARG);
    }
    profile::part(site, kind, index).map_err(|_| HResult::DISK_IO)?.ok_or(HResult::PROPERTY_EMPTY)
}

/// Lines of a text file as a property has them.
fn lines(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
}

/// `CA_DISP_VALID`.
const VALID: u8 = 3;
/// What a Windows Server 2019 says.
const FILE_VERSION: &str = "10.0:17763.1";
const PRODUCT_VERSION: &str = "10.0.17763.1";

/// Identifier, type, whether it has several values, name for people.
const PROPERTIES: &[(PropertyId, PropertyType, bool, &str)] = {
    use PropertyType::{Binary, Long, String};
    &[
        (PropertyId::FILE_VERSION, String, false, "CA File Version"),
        (PropertyId::PRODUCT_VERSION, String, false, "CA Product Version"),
        (PropertyId::EXIT_COUNT, Long, false, "Exit Count"),
        (PropertyId::CA_NAME, String, false, "Certification Authority Name"),
        (PropertyId::SANITIZED_CA_NAME, String, false, "Sanitized CA Name"),
        (PropertyId::SHARED_FOLDER, String, false, "Shared Folder Path"),
        (PropertyId::PARENT_CA, String, false, "Parent CA Name"),
        (PropertyId::CA_TYPE, Long, false, "CA Type"),
        (PropertyId::SIGNING_CERTIFICATE_COUNT, Long, false, "CA Signature Certificate Count"),
        (PropertyId::SIGNING_CERTIFICATE, Binary, true, "CA Signature Certificate"),
        (PropertyId::SIGNING_CERTIFICATE_CHAIN, Binary, true, "CA Signature Certificate Chain"),
        (PropertyId::EXCHANGE_CERTIFICATE_COUNT, Long, false, "CA Exchange Certificate Count"),
        (PropertyId::BASE_CRL, Binary, true, "Base CRL"),
        (PropertyId::DELTA_CRL, Binary, true, "Delta CRL"),
        (PropertyId::CERTIFICATE_STATE, Long, true, "CA Certificate State"),
        (PropertyId::CRL_STATE, Long, true, "CRL State"),
        (PropertyId::HIGHEST, Long, false, "Maximum Property Id"),
        (PropertyId::DNS_NAME, String, false, "DNS Name"),
        (PropertyId::ROLE_SEPARATION, Long, false, "Role Separation Enabled"),
        (PropertyId::RECOVERY_CERTIFICATE_USED_COUNT, Long, false, "KRA Certificate Used Count"),
        (PropertyId::RECOVERY_CERTIFICATE_COUNT, Long, false, "KRA Certificate Count"),
        (PropertyId::ADVANCED_SERVER, Long, false, "Advanced Server"),
        (PropertyId::TEMPLATES, String, false, "Templates"),
        (PropertyId::SANITIZED_CA_SHORT_NAME, String, false, "Sanitized CA Short Name"),
        (PropertyId::CDP_URLS, String, true, "CDP URLs"),
        (PropertyId::AIA_URLS, String, true, "AIA URLs"),
    ]
};
