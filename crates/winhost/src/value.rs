use certadm::ConfigValue;

/// Registry types, as the registry numbers them.
///
/// Source: `winnt.h`; learn.microsoft.com, "Registry Value Types".
mod kind {
    pub(super) const SZ: u32 = 1;
    pub(super) const EXPAND_SZ: u32 = 2;
    pub(super) const BINARY: u32 = 3;
    pub(super) const DWORD: u32 = 4;
    pub(super) const MULTI_SZ: u32 = 7;
    pub(super) const QWORD: u32 = 11;
}

/// A registry value's type and bytes as a value; else one clause that says why not.
///
/// The registry keeps what it is given: a text may lack its terminator.
pub(crate) fn decode(kind: u32, bytes: &[u8]) -> Result<ConfigValue, String> {
    match kind {
        kind::SZ => Ok(ConfigValue::Text(text(bytes)?)),
        kind::EXPAND_SZ => Ok(ConfigValue::ExpandText(text(bytes)?)),
        kind::MULTI_SZ => Ok(ConfigValue::List(list(bytes)?)),
        kind::BINARY => Ok(ConfigValue::Binary(bytes.to_vec())),
        kind::DWORD => number(bytes).map(|bytes| ConfigValue::Dword(u32::from_le_bytes(bytes))),
        kind::QWORD => number(bytes).map(|bytes| ConfigValue::Qword(u64::from_le_bytes(bytes))),
        other => Err(format!("its registry type {other} has no place in a set")),
    }
}

/// Type and bytes of a value, texts and lists terminated.
pub(crate) fn encode(value: &ConfigValue) -> (u32, Vec<u8>) {
    let text = |text: &str| utf16(text.encode_utf16().chain([0]));
    match value {
        ConfigValue::Dword(number) => (kind::DWORD, number.to_le_bytes().to_vec()),
        ConfigValue::Qword(number) => (kind::QWORD, number.to_le_bytes().to_vec()),
        ConfigValue::Text(value) => (kind::SZ, text(value)),
        ConfigValue::ExpandText(value) => (kind::EXPAND_SZ, text(value)),
        ConfigValue::List(values) => {
            let units = values.iter().flat_map(|value| value.encode_utf16().chain([0]));
            (kind::MULTI_SZ, utf16(units.chain([0])))
        }
        ConfigValue::Binary(bytes) => (kind::BINARY, bytes.clone()),
    }
}

fn utf16(units: impl Iterator<Item = u16>) -> Vec<u8> {
    units.flat_map(u16::to_le_bytes).collect()
}

fn number<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("a number of {N} bytes has {}", bytes.len()))
}

fn text(bytes: &[u8]) -> Result<String, String> {
    let units = units(bytes)?;
    let end = units.iter().rposition(|unit| *unit != 0).map_or(0, |last| last.saturating_add(1));
    string(units.get(..end).unwrap_or_default())
}

/// Up to the first empty string, which is the terminator.
fn list(bytes: &[u8]) -> Result<Vec<String>, String> {
    let units = units(bytes)?;
    let mut strings = units.split(|unit| *unit == 0);
    let list: Vec<String> =
        strings.by_ref().take_while(|part| !part.is_empty()).map(string).collect::<Result<_, _>>()?;
    if strings.any(|part| !part.is_empty()) {
        return Err("its list of strings goes on after its end".to_owned());
    }
    Ok(list)
}

fn units(bytes: &[u8]) -> Result<Vec<u16>, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(format!("a text of {} bytes is not UTF-16", bytes.len()));
    }
    Ok(pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect())
}

fn string(units: &[u16]) -> Result<String, String> {
    String::from_utf16(units).map_err(|_| "its text is not UTF-16".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<ConfigValue> {
        vec![
            ConfigValue::Dword(0x1234_5678),
            ConfigValue::Qword(u64::MAX),
            ConfigValue::Text("Grüße".to_owned()),
            ConfigValue::Text(String::new()),
            ConfigValue::ExpandText(r"%SystemRoot%\x".to_owned()),
            ConfigValue::List(vec!["a".to_owned(), "bc".to_owned()]),
            ConfigValue::List(Vec::new()),
            ConfigValue::Binary(vec![0, 1, 2]),
        ]
    }

    #[test]
    fn what_is_written_is_read_again() {
        for value in values() {
            let (kind, bytes) = encode(&value);
            assert_eq!(decode(kind, &bytes), Ok(value));
        }
    }

    #[test]
    fn a_text_or_list_may_lack_its_terminator() {
        assert_eq!(decode(1, b"a\0"), Ok(ConfigValue::Text("a".to_owned())));
        assert_eq!(decode(1, b"a\0\0\0\0\0"), Ok(ConfigValue::Text("a".to_owned())));
        assert_eq!(decode(7, b"a\0\0\0b\0"), Ok(ConfigValue::List(vec!["a".to_owned(), "b".to_owned()])));
        assert_eq!(decode(7, b""), Ok(ConfigValue::List(Vec::new())));
    }

    #[test]
    fn what_cannot_be_kept_as_it_is_is_not_kept_otherwise() {
        for (kind, bytes) in [
            (0, &b""[..]),
            (5, &[0, 0, 0, 1]),
            (6, b"a\0\0\0"),
            (4, &[1, 2, 3]),
            (11, &[1, 2, 3, 4]),
            (1, &[0x61]),
            (1, &[0, 0xd8, 0, 0]),
            (7, b"a\0\0\0\0\0b\0\0\0"),
        ] {
            assert!(decode(kind, bytes).is_err(), "{kind} {bytes:?}");
        }
    }
}
