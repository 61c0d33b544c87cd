//! Reading the file.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{OPTIONS, PATHS, POLICY, nearest};
use super::policy::check as check_policy;
use super::{At, Config, ConfigError, Entry, Section, Value, Wrong};
use crate::env;

type Entries = BTreeMap<String, Entry>;

impl Config {
    /// Reads a file and what it includes.
    ///
    /// # Errors
    /// All that is wrong with it, each with its line.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let mut reader =
            Reader { wrong: Vec::new(), defaults: <(Entries, Entries)>::default(), sections: Vec::new() };
        reader.file(path, true);
        let cas = reader.into_sections()?;
        Ok(Self { path: path.to_owned(), cas })
    }
}

struct Reader {
    wrong: Vec<Wrong>,
    /// Options and policy of all CAs.
    defaults: (Entries, Entries),
    sections: Vec<Section>,
}

/// A file while it is read.
struct Text<'a> {
    path: Arc<Path>,
    text: &'a str,
}

impl Text<'_> {
    fn at(&self, span: Range<usize>) -> At {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        At::File { path: Arc::clone(&self.path), line, column }
    }
}

impl Reader {
    fn tell(&mut self, at: Option<At>, text: impl Into<String>) {
        self.wrong.push(Wrong { at, text: text.into() });
    }

    fn file(&mut self, path: &Path, is_first: bool) {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.tell(None, format!("cannot read `{}`: {error}", path.display())),
        };
        if let Some(why) = writable_by_others(path) {
            self.tell(None, format!("`{}` {why}: whoever can change it decides what runs", path.display()));
        }
        let text = Text { path: Arc::from(path), text: &text };
        let table = match DeTable::parse(text.text) {
            Ok(table) => table,
            Err(error) => {
                let at = error.span().map(|span| text.at(span));
                return self.tell(at, error.message().to_owned());
            }
        };
        for (key, value) in table.get_ref() {
            match (&**key.get_ref(), value.get_ref()) {
                ("ca", DeValue::Table(cas)) => self.cas(&text, cas),
                ("defaults", DeValue::Table(defaults)) if is_first => {
                    self.defaults = self.options(&text, defaults);
                }
                ("include", value) if is_first => self.include(&text, key.span(), value),
                ("defaults" | "include", _) => {
                    self.tell(Some(text.at(key.span())), "only the first file has `defaults` and `include`");
                }
                (other, _) => {
                    let at = text.at(key.span());
                    self.tell(
                        Some(at),
                        format!("`{other}` is not known here: there are `ca.NAME`, `defaults` and `include`"),
                    );
                }
            }
        }
    }

    fn include(&mut self, text: &Text<'_>, span: Range<usize>, value: &DeValue<'_>) {
        let Some(patterns) = texts(value) else {
            return self.tell(Some(text.at(span)), "`include` is a list of files, such as [\"ca.d/*.toml\"]");
        };
        for pattern in patterns {
            match files(&text.path, &pattern) {
                Ok(files) => files.iter().for_each(|file| self.file(file, false)),
                Err(error) => self.tell(Some(text.at(span.clone())), format!("`{pattern}`: {error}")),
            }
        }
    }

    fn cas(&mut self, text: &Text<'_>, cas: &DeTable<'_>) {
        for (name, table) in cas {
            let (at, shown) = (text.at(name.span()), name.get_ref().to_string());
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if !shown.chars().all(is_plain) || !shown.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                self.tell(
                    Some(at.clone()),
                    format!("`{shown}`: a name has letters, digits, `-`, `_` and `.` only"),
                );
            }
            let DeValue::Table(table) = table.get_ref() else {
                self.tell(Some(at), format!("`{shown}` is a section: [ca.{shown}]"));
                continue;
            };
            let (options, policy) = self.options(text, table);
            self.sections.push(Section { name: shown, at, options, policy });
        }
    }

    fn options(&mut self, text: &Text<'_>, table: &DeTable<'_>) -> (Entries, Entries) {
        let (mut options, mut policy) = (Entries::new(), Entries::new());
        for (key, value) in table {
            match (&**key.get_ref(), value.get_ref()) {
                ("policy", DeValue::Table(table)) => {
                    for (key, value) in table {
                        self.entry(text, (key, value), POLICY, &mut policy);
                    }
                }
                _ => self.entry(text, (key, value), OPTIONS, &mut options),
            }
        }
        (options, policy)
    }

    fn entry(
        &mut self,
        text: &Text<'_>,
        (key, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>),
        known: &[&str],
        into: &mut Entries,
    ) {
        let name = &**key.get_ref();
        if !known.contains(&name) {
            let meant = nearest(name, known).map(|meant| format!(": is it `{meant}`?")).unwrap_or_default();
            return self.tell(Some(text.at(key.span())), format!("`{name}` is not known here{meant}"));
        }
        let at = text.at(value.span());
        let value = match value.get_ref() {
            DeValue::Boolean(flag) => Value::Flag(*flag),
            value => match texts(value) {
                Some(texts) => Value::Texts(texts),
                None => {
                    return self.tell(
                        Some(at),
                        format!("`{name}` is a text, a number, true or false, or a list of texts"),
                    );
                }
            },
        };
        into.insert(name.to_owned(), Entry { value, at });
    }

    /// With the defaults, what the environment says, and all checks that need no command.
    fn into_sections(mut self) -> Result<BTreeMap<String, Section>, ConfigError> {
        let mut cas: BTreeMap<String, Section> = BTreeMap::new();
        for mut section in std::mem::take(&mut self.sections) {
            super::expand::add_defaults(&mut section.options, &self.defaults.0);
            for (key, entry) in &self.defaults.1 {
                section.policy.entry(key.clone()).or_insert_with(|| entry.clone());
            }
            self.environment(&mut section);
            for (key, entry) in section.options.iter().filter(|(key, _)| PATHS.contains(&key.as_str())) {
                let Value::Texts(paths) = &entry.value else { continue };
                for path in paths.iter().filter(|path| !is_full(path)) {
                    let text = format!(
                        "`{key}`: `{path}` is no full path, and a scheduled run begins in any folder"
                    );
                    self.wrong.push(Wrong { at: Some(entry.at.clone()), text });
                }
            }
            self.wrong.extend(check_policy(&section));
            if section.common_name().is_none() {
                let text = format!("[ca.{}] has no `ca-name`: the common name of the CA", section.name);
                self.wrong.push(Wrong { at: Some(section.at.clone()), text });
            }
            if let Some(other) = cas.insert(section.name.to_lowercase(), section) {
                let text = format!("[ca.{}] is there twice", other.name);
                self.wrong.push(Wrong { at: Some(other.at), text });
            }
        }
        if self.wrong.is_empty() { Ok(cas) } else { Err(ConfigError(self.wrong)) }
    }

    /// `CSBACKUP_CA_<NAME>_<KEY>` stands for a key.
    fn environment(&mut self, section: &mut Section) {
        for key in OPTIONS {
            let name = variable(&section.name, key);
            match env::value(&name) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    let value = match text.as_str() {
                        "true" => Value::Flag(true),
                        "false" => Value::Flag(false),
                        _ => Value::Texts(vec![text]),
                    };
                    super::expand::remove_others(&mut section.options, key);
                    section.options.insert((*key).to_owned(), Entry { value, at: At::Variable(name) });
                }
                Err(error) => self.tell(None, error.to_string()),
            }
        }
    }
}

/// The variable that stands for a key of a CA.
pub(super) fn variable(ca: &str, key: &str) -> String {
    let upper = |text: &str| text.to_uppercase().replace(['-', '.'], "_");
    format!("{}{}_{}", env::OF_CA, upper(ca), upper(key))
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        DeValue::Array(values) => values.iter().map(|value| one(value.get_ref())).collect(),
        value => one(value).map(|text| vec![text]),
    }
}

/// The files that a pattern names, `*` in the name of the file only; sorted by name.
fn files(from: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let path = from.parent().unwrap_or(Path::new("")).join(pattern);
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("it names no file")?;
    let Some((before, after)) = name.split_once('*') else {
        return if path.is_file() { Ok(vec![path]) } else { Err("there is no such file".to_owned()) };
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let entries =
        fs::read_dir(folder).map_err(|error| format!("cannot list `{}`: {error}", folder.display()))?;
    let fits = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let long_enough = name.len() >= before.len() + after.len();
        long_enough && name.starts_with(before) && name.ends_with(after) && path.is_file()
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(fits).collect();
    files.sort();
    Ok(files)
}

/// From the root, as this system or Windows writes it.
fn is_full(path: &str) -> bool {
    Path::new(path).is_absolute()
}

#[cfg(unix)]
fn writable_by_others(path: &Path) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = path.metadata().ok()?.mode();
    (mode & 0o022 != 0).then_some("can be written by others than its owner")
}

/// Elsewhere the folder's rights decide.
#[cfg(not(unix))]
fn writable_by_others(_path: &Path) -> Option<&'static str> {
    None
}
