use std::fmt;
use std::str::FromStr;

use crate::Error;

/// Port of the object resolver, the endpoint mapper's ([MS-DCOM] 1.9).
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
pub const RESOLVER_PORT: u16 = 135;

/// Which CA, as the operator names it: `HOST\CA name`, `HOST:PORT\CA name`, or without a name.
///
/// An IPv6 address stands in brackets: `[::1]:4135\RootCA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name or address of the host, without brackets.
    pub host: String,
    /// TCP port of its object resolver.
    pub port: u16,
    /// Common name of the CA, when it was given.
    pub name: Option<String>,
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let error = |reason| Error::Target { text: text.to_owned(), reason };
        let (place, name) = match text.split_once('\\') {
            Some((_, "")) => return Err(error("the CA's name is missing after the backslash")),
            Some((place, name)) => (place, Some(name.to_owned())),
            None => (text, None),
        };
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => {
                (host, Some(rest.strip_prefix(':').ok_or_else(|| error("a port goes after a colon"))?))
            }
            None => match place.split_once(':') {
                // More than one colon: an IPv6 address without brackets.
                Some((_, rest)) if rest.contains(':') => (place, None),
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port {
            Some(port) => {
                port.parse().ok().filter(|port| *port != 0).ok_or_else(|| error("the port is no number"))?
            }
            None => RESOLVER_PORT,
        };
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '[' | ']' | '@');
        if host.is_empty() || host.contains(is_odd) {
            return Err(error("the host's name is missing or odd"));
        }
        Ok(Self { host: host.to_owned(), port, name })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if self.port != RESOLVER_PORT {
            write!(f, ":{}", self.port)?;
        }
        self.name.as_ref().map_or(Ok(()), |name| write!(f, "\\{name}"))
    }
}
