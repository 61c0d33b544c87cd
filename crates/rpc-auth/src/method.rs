use crate::Error;
use std::fmt;
use std::str::FromStr;

/// How to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// SPNEGO: Kerberos where it can run, else NTLM.
    #[default]
    Negotiate,
    /// NTLMv2 and nothing else.
    Ntlm,
    /// Kerberos and nothing else.
    Kerberos,
}

impl Method {
    const NAMES: [(Self, &str); 3] =
        [(Self::Negotiate, "negotiate"), (Self::Ntlm, "ntlm"), (Self::Kerberos, "kerberos")];
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::NAMES
            .into_iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text))
            .map(|(method, _)| method)
            .ok_or_else(|| Error::Method(text.to_owned()))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.into_iter().find(|(method, _)| method == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}
