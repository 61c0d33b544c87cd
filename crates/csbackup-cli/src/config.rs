//! `csbackup.toml`: which CAs there are, how each is reached, where its sets go, and what is promised for it.
//!
//! The keys of a CA are the long names of options; `--ca NAME` stands for all of them. So there is nothing here
//! that a command line could not say, and what is wrong with a value is what the command line would say.

mod expand;
mod file;
mod inspect;
mod keys;
mod policy;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use expand::{NAMES, expand, parsed, unknown};
pub(crate) use inspect::command;
pub(crate) use policy::{RunPolicy, age};

use crate::env;

/// The file, with all that it includes.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) path: PathBuf,
    /// By their names in lower case.
    cas: BTreeMap<String, Section>,
}

/// What the file says of a CA.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    /// As written.
    pub(crate) name: String,
    pub(crate) at: At,
    /// By the long names of options.
    pub(crate) options: BTreeMap<String, Entry>,
    pub(crate) policy: BTreeMap<String, Entry>,
}

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) at: At,
}

/// What an option is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// The option is there, or not.
    Flag(bool),
    /// The option is there once for each.
    Texts(Vec<String>),
}

impl Value {
    /// The one text; `None` where there is none, or more.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Texts(texts) if texts.len() == 1 => texts.first().map(String::as_str),
            _ => None,
        }
    }
}

/// Where something was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// Line and column, from 1.
    File { path: Arc<Path>, line: usize, column: usize },
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// What is wrong with the file, each with its place.
#[derive(Debug)]
pub(crate) struct ConfigError(pub(crate) Vec<Wrong>);

#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) at: Option<At>,
    pub(crate) text: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{at}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, wrong) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            wrong.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    pub(crate) fn at(at: &At, text: impl Into<String>) -> Self {
        Self(vec![Wrong { at: Some(at.clone()), text: text.into() }])
    }
}

impl Config {
    /// The file that was named, or that of the system; `None` where none is named and the system has none.
    pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<Option<Self>> {
        let named = match named {
            Some(path) => Some(path.to_owned()),
            None => env::value(env::CONFIG)?.map(PathBuf::from),
        };
        let path = match named {
            Some(path) => path,
            None => match standard_place() {
                Some(path) if path.is_file() => path,
                _ => return Ok(None),
            },
        };
        Self::read(&path).map(Some)
    }

    /// As [`Config::find`], where one is needed.
    pub(crate) fn needed(named: Option<&Path>) -> anyhow::Result<Self> {
        Self::find(named)?.ok_or_else(|| {
            let place =
                standard_place().map_or_else(String::new, |path| format!(", and no `{}`", path.display()));
            anyhow::anyhow!(
                "no configuration is named{place}: `csbackup config example` prints one to begin with"
            )
        })
    }

    /// The CAs, by name.
    pub(crate) fn cas(&self) -> impl Iterator<Item = &Section> {
        self.cas.values()
    }

    /// The CA of this name, in whatever case.
    pub(crate) fn ca(&self, name: &str) -> Option<&Section> {
        self.cas.get(&name.to_lowercase())
    }
}

impl Config {
    /// Those that were named, or all.
    ///
    /// # Errors
    /// One is not there.
    pub(crate) fn chosen(&self, names: &[String]) -> anyhow::Result<Vec<&Section>> {
        if names.is_empty() {
            return Ok(self.cas().collect());
        }
        names.iter().map(|name| self.ca(name).ok_or_else(|| unknown(self, name))).collect()
    }
}

impl Section {
    /// The common name of the CA.
    pub(crate) fn common_name(&self) -> Option<&str> {
        let text = |key| self.options.get(key).and_then(|entry: &Entry| entry.value.text());
        text("ca-name").or_else(|| text("ca")?.split_once('\\').map(|(_, name)| name))
    }
}

/// Where the system keeps it.
pub(crate) fn standard_place() -> Option<PathBuf> {
    #[cfg(windows)]
    return std::env::var_os("ProgramData")
        .map(|data| PathBuf::from(data).join("csbackup").join("csbackup.toml"));
    #[cfg(not(windows))]
    Some(PathBuf::from("/etc/csbackup/csbackup.toml"))
}
