//! Names of places on file servers, as a CA reports them.
//!
//! ```text
//! \\HOST\SHARE\component\component        UNC name
//! \\?\UNC\HOST\SHARE\component\component  the same, without the system's own interpretation
//! ```
//!
//! The names come from the server and are hostile until they are parsed: see [`UncName::parse`].
//!
//! Source: [MS-DTYP] 2.2.57 (UNC), [MS-FSCC] 2.1.5 (names of files, of shares, reserved characters).
//!
//! [MS-DTYP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dtyp/62e862f4-2a51-452e-8eeb-dc4ff5ee33cc
//! [MS-FSCC]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-fscc/18e63b13-ba43-4f5f-a5b7-11e871b71f14

use std::fmt;
use std::io;

/// A place on a file server whose every part is a plain name.
///
/// INVARIANT: no part is empty, `.` or `..`, ends with a dot or a space, or holds a separator, a
/// wildcard, a `:`, or a control character; the share is not `IPC$`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncName {
    host: String,
    share: String,
    path: Vec<String>,
}

impl UncName {
    /// Takes a name apart; one trailing `\` is allowed and means nothing.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`]: it names no file server (a local path, a device, a relative
    /// name), so there is no way to it from here. [`io::ErrorKind::InvalidInput`]: it names a file
    /// server in a way that no file has.
    pub fn parse(name: &str) -> io::Result<Self> {
        let long = strip_prefix_ignore_case(name, r"\\?\UNC\");
        let rest = match long.or_else(|| name.strip_prefix(r"\\")) {
            Some(rest) if long.is_some() || !is_device(rest) => rest,
            _ => return Err(io::Error::new(io::ErrorKind::Unsupported, "it is a local path of the server")),
        };
        if rest.encode_utf16().count() > LONGEST_NAME {
            return Err(invalid(format!("the name is longer than {LONGEST_NAME} characters")));
        }
        let mut parts = rest.strip_suffix('\\').unwrap_or(rest).split('\\');
        let host = parts.next().unwrap_or_default();
        let Some(share) = parts.next() else {
            return Err(invalid("the name has no share".to_owned()));
        };
        if host.starts_with(['.', '-']) || !host.chars().all(is_host_char) || host.is_empty() {
            return Err(invalid(format!("`{}` is not the name of a host", host.escape_debug())));
        }
        if share.eq_ignore_ascii_case("IPC$") {
            return Err(invalid("the share `IPC$` has pipes, not files".to_owned()));
        }
        check(share)?;
        let path = parts.map(|part| check(part).map(|()| part.to_owned())).collect::<io::Result<_>>()?;
        Ok(Self { host: host.to_owned(), share: share.to_owned(), path })
    }

    /// The file server as the name spells it: an ASCII host name or an IPv4 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The share as the name spells it.
    pub fn share(&self) -> &str {
        &self.share
    }

    /// The folders below the share and the file, outermost first; empty for the share itself.
    pub fn path(&self) -> &[String] {
        &self.path
    }
}

/// The name in its long form, `\\?\UNC\HOST\SHARE\..`, which no system interprets any further.
impl fmt::Display for UncName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r"\\?\UNC\{}\{}", self.host, self.share)?;
        self.path.iter().try_for_each(|part| write!(f, r"\{part}"))
    }
}

/// Whether a part of a name is one that a file can have.
pub(crate) fn is_plain(part: &str) -> bool {
    !part.is_empty()
        && !part.ends_with(['.', ' '])
        && !part.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|'])
        && !part.contains(char::is_control)
        && part.encode_utf16().count() <= LONGEST_PART
}

fn check(part: &str) -> io::Result<()> {
    if is_plain(part) {
        return Ok(());
    }
    let shown: String = part.chars().take(LONGEST_PART).collect();
    Err(invalid(format!("`{}` is not a plain part of a name", shown.escape_debug())))
}

/// Whether what follows `\\` is one of the device name spaces `\\?\` and `\\.\`.
fn is_device(rest: &str) -> bool {
    matches!(rest.split('\\').next(), Some("?" | "."))
}

/// Anything else (`@SSL`, a port, a scope) leads Windows to other protocols than SMB.
fn is_host_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '_')
}

fn strip_prefix_ignore_case<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Longest part of a name, in UTF-16 units.
const LONGEST_PART: usize = 255;

/// Longest name, in UTF-16 units: what Windows can hold, less the prefix of the long form.
const LONGEST_NAME: usize = 32_000;
