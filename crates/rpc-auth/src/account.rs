use crate::Error;
use kerberos::{Config, Principal};
use std::fmt;
use std::str::FromStr;

/// The name of an account: `DOMAIN\user`, `user@realm` or `user`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    user: String,
    /// Before `\` or behind `@`; empty without either.
    domain: String,
    is_upn: bool,
}

impl Account {
    /// The name without domain or realm; empty for the default, who is nobody in particular.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// NetBIOS domain, DNS domain or realm, as it was given; may be empty.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// User and domain as NTLM has them. A UPN goes whole into the user, as Windows does it: only the
    /// server knows which domain it belongs to.
    pub(crate) fn for_ntlm(&self) -> (String, String) {
        if self.is_upn { (self.to_string(), String::new()) } else { (self.user.clone(), self.domain.clone()) }
    }

    /// The principal, when a realm is known: what stands behind `@`, a domain that is a DNS name, or the
    /// default realm for an account without a domain or with its NetBIOS name. In upper case.
    pub(crate) fn for_kerberos(&self, config: &Config) -> Option<Principal> {
        let default = config.default_realm();
        let realm = if self.is_upn || self.domain.contains('.') {
            Some(self.domain.as_str())
        } else {
            default.filter(|realm| self.domain.is_empty() || is_netbios_of(&self.domain, realm))
        };
        realm.map(|realm| Principal::user(&self.user, &realm.to_uppercase()))
    }
}

impl FromStr for Account {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (user, domain, is_upn) = match (text.split_once('\\'), text.rsplit_once('@')) {
            (Some((domain, user)), _) => (user, domain, false),
            (None, Some((user, realm))) => (user, realm, true),
            (None, None) => (text, "", false),
        };
        // `.\user` is an account of the server itself, as on Windows.
        let is_local = domain == ".";
        let is_whole = !user.is_empty() && (!domain.is_empty() || user == text) && !user.contains('\\');
        if !is_whole || text.chars().any(char::is_control) {
            return Err(Error::Account(text.to_owned()));
        }
        let domain = if is_local { String::new() } else { domain.to_owned() };
        Ok(Self { user: user.to_owned(), domain, is_upn })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_upn, self.domain.is_empty()) {
            (true, _) => write!(f, "{}@{}", self.user, self.domain),
            (false, true) => f.write_str(&self.user),
            (false, false) => write!(f, "{}\\{}", self.domain, self.user),
        }
    }
}

/// Active Directory's usual choice: the first label of the realm.
fn is_netbios_of(domain: &str, realm: &str) -> bool {
    realm.split('.').next().is_some_and(|label| label.eq_ignore_ascii_case(domain))
}
