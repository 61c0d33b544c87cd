//! File names of logs.

use alloc::borrow::ToOwned as _;
use alloc::string::String;

use crate::numbers::Generation;

/// What the name of a log file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogName {
    /// The base name, three characters: `edb` for a CA.
    pub base: String,
    /// The generation; `None` for the current log, whose name has no number (`edb.log`).
    pub generation: Option<Generation>,
}

/// Reads the name of a log file; `None` when it is something else.
///
/// Logs are the base name, 5 or 8 hex digits or none, and `.log` or `.jtx`. Upper and lower case
/// are the same; a folder in front is ignored. Files that are being prepared (`edbtmp.log`) and
/// reserves (`edbres00001.jrs`, `res1.log`) are not logs.
///
/// Source: format digest section 1.
pub fn log_generation_of_name(name: &str) -> Option<LogName> {
    let file = name.rsplit(['\\', '/']).next()?;
    let (stem, extension) = file.rsplit_once('.')?;
    if !["log", "jtx"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
        return None;
    }
    let (base, digits) = stem.split_at_checked(BASE)?;
    if !base.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let base = base.to_owned();
    if digits.is_empty() {
        return Some(LogName { base, generation: None });
    }
    if !(matches!(digits.len(), 5 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return None;
    }
    let generation = u32::from_str_radix(digits, 16).ok().filter(|&number| number != 0)?;
    Some(LogName { base, generation: Some(Generation(generation)) })
}

/// Length of a base name (`JET_paramBaseName`).
const BASE: usize = 3;
