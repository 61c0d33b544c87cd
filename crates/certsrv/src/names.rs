//! Names as a CA gives them, and back.

use certadm::Authority;

/// Where a CA keeps database and logs: the default of Windows, as an administrative share.
const CERT_LOG: &str = r"C$\Windows\system32\CertLog";
/// The share of the files outside the database.
const CERT_ENROLL: &str = "CertEnroll";

/// `\\HOST\C$\Windows\system32\CertLog`, without a backslash at its end.
pub(crate) fn log_directory(authority: &Authority) -> String {
    format!(r"\\{}\{CERT_LOG}", authority.host)
}

/// `\\HOST\CertEnroll`.
pub(crate) fn dynamic_directory(authority: &Authority) -> String {
    format!(r"\\{}\{CERT_ENROLL}", authority.host)
}

/// A file in one of the two.
pub(crate) fn join(directory: &str, file: &str) -> String {
    format!(r"{directory}\{file}")
}

/// `<sanitized CA name>.edb`.
pub(crate) fn database(authority: &Authority) -> String {
    format!("{}.edb", sanitized(&authority.name))
}

/// A CA name as it appears in file names: each disallowed UTF-16 unit becomes `!` and four hex digits.
///
/// Source: [MS-WCCE] 3.1.1.4.1.1 (sanitizing common names).
///
/// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/
fn sanitized(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for unit in name.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some(c) if c.is_ascii_alphanumeric() || " $-.@_~".contains(c) => safe.push(c),
            _ => safe.push_str(&format!("!{unit:04x}")),
        }
    }
    safe
}

/// The generation in a log's file name: a base of three characters, five to eight hex digits, `.log`
/// or (newer naming) `.jtx`.
pub(crate) fn generation(file: &str) -> Option<u32> {
    let (stem, extension) = file.rsplit_once('.')?;
    let (base, digits) = stem.split_at_checked(3)?;
    let known = extension.eq_ignore_ascii_case("log") || extension.eq_ignore_ascii_case("jtx");
    let shape = base.bytes().all(|b| b.is_ascii_alphanumeric())
        && (5..=8).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !(known && shape) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok().filter(|generation| *generation != 0)
}

/// Can this be one component of a UNC path that is listed, and of a path on this machine?
pub(crate) fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['\\', '/', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_hexadecimal_and_other_files_have_none() {
        assert_eq!(generation("edb0000A.log"), Some(10));
        assert_eq!(generation("edb0001e.LOG"), Some(30));
        assert_eq!(generation("edb00100000.log"), Some(0x10_0000));
        assert_eq!(generation("edb00001.jtx"), Some(1));
        for other in
            ["edb.log", "edb.chk", "edbtmp.log", "edb0000A.log.tmp", "edb00000.log", "edbres00001.jrs"]
        {
            assert_eq!(generation(other), None, "{other}");
        }
        assert_eq!(generation("édb00001.log"), None);
    }

    #[test]
    fn ca_names_are_sanitized_in_file_names() {
        assert_eq!(sanitized("Contoso Issuing CA 1"), "Contoso Issuing CA 1");
        assert_eq!(sanitized("R&D/ü"), "R!0026D!002f!00fc");
    }
}
