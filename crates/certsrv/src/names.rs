//! Names as a CA gives them, and back.

use certadm::Authority;
use csra::authority::sanitized;

/// Where a CA keeps database and logs: the default of Windows, as an administrative share.
const CERT_LOG: &str = r"C$\Windows\system32\CertLog";
/// The share of the files outside the database.
const CERT_ENROLL: &str = "CertEnroll";

/// `\\HOST\C$\Windows\system32\CertLog`, without a backslash at its end.
pub(crate) fn log_directory(authority: &Authority) -> String {
    format!(r"\\{}\{CERT_LOG}", authority.host)
}

/// A file of that directory as the CA's own machine names it.
pub(crate) fn local(file: &str) -> String {
    format!(r"C:\Windows\system32\CertLog\{file}")
}

/// The log after `file`, which has this generation: five digits, eight where they do not suffice.
pub(crate) fn log_after(file: &str, generation: u32) -> String {
    let base = file.get(..3).unwrap_or("edb");
    let extension = file.rsplit_once('.').map_or("log", |(_, extension)| extension);
    match generation {
        0..=0xF_FFFF => format!("{base}{generation:05X}.{extension}"),
        _ => format!("{base}{generation:08X}.{extension}"),
    }
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
}
