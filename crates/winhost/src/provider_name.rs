use certadm::KeyKind;

/// Providers of keys that are software, whatever they answer.
///
/// Source: learn.microsoft.com, "Microsoft Cryptographic Service Providers", "Key Storage and Retrieval".
const SOFTWARE: [&str; 8] = [
    "Microsoft Software Key Storage Provider",
    "Microsoft Base Cryptographic Provider v1.0",
    "Microsoft Enhanced Cryptographic Provider v1.0",
    "Microsoft Strong Cryptographic Provider",
    "Microsoft Enhanced RSA and AES Cryptographic Provider",
    "Microsoft Base DSS Cryptographic Provider",
    "Microsoft Base DSS and Diffie-Hellman Cryptographic Provider",
    "Microsoft Enhanced DSS and Diffie-Hellman Cryptographic Provider",
];

/// Providers of keys in a TPM or on a card.
const HARDWARE: [&str; 3] = [
    "Microsoft Platform Crypto Provider",
    "Microsoft Smart Card Key Storage Provider",
    "Microsoft Base Smart Card Crypto Provider",
];

/// What a provider answered about itself and one key; `None` where it could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Answers {
    /// Hardware or removable.
    pub(crate) hardware: Option<bool>,
    /// May the key leave it?
    pub(crate) exportable: Option<bool>,
}

/// Who keeps a key.
pub(crate) fn kind(provider: &str, answers: Answers) -> KeyKind {
    let one_of = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(provider));
    let hardware = match answers.hardware {
        _ if one_of(&HARDWARE) => true,
        _ if one_of(&SOFTWARE) => false,
        Some(hardware) => hardware,
        None => return KeyKind::Unknown,
    };
    match answers.exportable {
        _ if hardware => KeyKind::Hardware,
        Some(true) => KeyKind::Exportable,
        Some(false) => KeyKind::NotExportable,
        None => KeyKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KSP: &str = "microsoft software key storage provider";

    fn answers(hardware: Option<bool>, exportable: Option<bool>) -> Answers {
        Answers { hardware, exportable }
    }

    #[test]
    fn the_key_decides_for_software() {
        for hardware in [None, Some(false)] {
            assert_eq!(kind(KSP, answers(hardware, Some(true))), KeyKind::Exportable);
            assert_eq!(kind(KSP, answers(hardware, Some(false))), KeyKind::NotExportable);
            assert_eq!(kind(KSP, answers(hardware, None)), KeyKind::Unknown);
        }
    }

    #[test]
    fn a_foreign_provider_is_what_it_says() {
        let foreign = "nCipher Security World Key Storage Provider";
        assert_eq!(kind(foreign, answers(Some(true), Some(true))), KeyKind::Hardware);
        assert_eq!(kind(foreign, answers(Some(false), Some(true))), KeyKind::Exportable);
        assert_eq!(kind(foreign, answers(None, Some(true))), KeyKind::Unknown);
        assert_eq!(kind("Microsoft Platform Crypto Provider", Answers::default()), KeyKind::Hardware);
    }
}
