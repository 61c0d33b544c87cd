//! Names of users and services.

use std::fmt;

use crate::Error;

/// A user or service in a realm: `backup@LAB.TEST`, `host/ca01.lab.test@LAB.TEST`.
///
/// In text, `\` makes the next character an ordinary one: `user\@mail.test@LAB.TEST` is an enterprise
/// name (UPN) of that realm. Source: RFC 1964 2.1.1, RFC 4120 6.2.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    components: Vec<String>,
    realm: String,
}

impl Principal {
    /// A principal of its parts, taken as they are.
    pub fn new(components: impl IntoIterator<Item = String>, realm: &str) -> Self {
        Self { components: components.into_iter().collect(), realm: realm.to_owned() }
    }

    /// A user without separators in the name: `Principal::user("backup", "LAB.TEST")`.
    pub fn user(name: &str, realm: &str) -> Self {
        Self::new([name.to_owned()], realm)
    }

    /// Reads a text; `default_realm` is for one without `@`.
    ///
    /// # Errors
    /// [`Error::Name`] when a component or the realm is empty.
    pub fn parse(text: &str, default_realm: Option<&str>) -> Result<Self, Error> {
        let mut components = vec![String::new()];
        let mut realm: Option<String> = None;
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            let char = match char {
                '\\' => chars.next().ok_or_else(|| Error::Name(text.to_owned()))?,
                '@' if realm.is_none() => {
                    realm = Some(String::new());
                    continue;
                }
                '/' if realm.is_none() => {
                    components.push(String::new());
                    continue;
                }
                other => other,
            };
            match (&mut realm, components.last_mut()) {
                (Some(realm), _) => realm.push(char),
                (None, Some(component)) => component.push(char),
                (None, None) => {}
            }
        }
        let realm = realm.or_else(|| default_realm.map(str::to_owned)).unwrap_or_default();
        if realm.is_empty() || components.iter().any(String::is_empty) {
            return Err(Error::Name(text.to_owned()));
        }
        Ok(Self { components, realm })
    }

    /// The parts of the name.
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The name without its realm, parts joined by `/`.
    pub fn name(&self) -> String {
        self.components.join("/")
    }

    /// Equal but for letter case, which Active Directory does not keep.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        self.realm.eq_ignore_ascii_case(&other.realm) && self.name().eq_ignore_ascii_case(&other.name())
    }

    /// The ticket-granting service of `realm`, as `issuer` knows it.
    pub(crate) fn tgs(realm: &str, issuer: &str) -> Self {
        Self::new(["krbtgt".to_owned(), realm.to_owned()], issuer)
    }

    /// The realm a ticket-granting ticket is for; `None` for other services.
    pub(crate) fn tgs_realm(&self) -> Option<&str> {
        match self.components.as_slice() {
            [service, realm] if service == "krbtgt" => Some(realm),
            _ => None,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, component) in self.components.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            escape(f, component)?;
        }
        f.write_str("@")?;
        escape(f, &self.realm)
    }
}

/// Escapes separators, and drops what could disturb a terminal: names also come from peers.
fn escape(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for char in text.chars() {
        match char {
            '/' | '@' | '\\' => write!(f, "\\{char}")?,
            _ if char.is_control() => f.write_str("?")?,
            _ => write!(f, "{char}")?,
        }
    }
    Ok(())
}
