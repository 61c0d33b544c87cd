//! CA names: the `pwszAuthority` of almost every method.

use alloc::format;
use alloc::string::String;

/// A CA name as it appears in file names and in the directory: each disallowed UTF-16 unit becomes `!`
/// and four hex digits. The further shortening for names above 51 characters is not done.
///
/// Source: [MS-WCCE] 3.1.1.4.1.1.
///
/// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/bb738507-c9c3-4175-baf2-fe21f17c076c
pub fn sanitized(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for unit in name.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some(c) if c.is_ascii_alphanumeric() || " $-.@_~".contains(c) => safe.push(c),
            _ => safe.push_str(&format!("!{unit:04x}")),
        }
    }
    safe
}

/// Is `given` the CA with the common name `name`? Its sanitized name does as well; case does not count
/// ([MS-CSRA] 3.1.4.1.3).
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
pub fn is(given: &str, name: &str) -> bool {
    same(given, name) || same(given, &sanitized(name))
}

fn same(a: &str, b: &str) -> bool {
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}
