//! `--ca NAME`: all that `csbackup.toml` says of a CA, in place of the name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue};

use super::keys::{ONE_OF, PLACE};
use super::{Config, ConfigError, Entry, Section, Value};
use crate::args::{Args, Command, Copies, Sets};

/// What is parsed in place of what was typed.
pub(crate) struct Expanded {
    pub(crate) args: Vec<OsString>,
    /// Whose options were put in.
    from: Option<Section>,
}

impl Expanded {
    /// An error of the parser, at the line of the file where its cause stands.
    pub(crate) fn explain(&self, error: clap::Error) -> anyhow::Error {
        let named = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(text)) => long_of(text),
            Some(ContextValue::Strings(texts)) => texts.first().and_then(|text| long_of(text)),
            _ => None,
        };
        let entry = named.and_then(|name| self.from.as_ref()?.options.get(name));
        match entry {
            // Without the head, the usage and the tip, which are about a command line.
            Some(entry) => {
                let text = error.to_string();
                let first = text.lines().next().unwrap_or_default();
                ConfigError::at(&entry.at, first.strip_prefix("error: ").unwrap_or(first)).into()
            }
            None => error.into(),
        }
    }
}

fn long_of(text: &str) -> Option<&str> {
    text.strip_prefix("--")?.split([' ', '=']).next()
}

/// Puts the options of a section where its name was given.
///
/// # Errors
/// The file is wrong, or has no such CA.
pub(crate) fn expand(args: Vec<OsString>) -> anyhow::Result<Expanded> {
    let command = Args::command();
    let typed = Typed::of(&command, &args);
    let takes = |long: &str| typed.command.get_arguments().find(|arg| arg.get_long() == Some(long));
    let Some((position, length, name)) = &typed.ca else { return Ok(Expanded { args, from: None }) };
    let own = takes("ca");
    let takes_names = own.is_some_and(|arg| arg.get_id() == NAMES);
    if takes_names || name.contains('\\') {
        return Ok(Expanded { args, from: None });
    }
    let config = match own {
        // It may be a host.
        Some(_) => match Config::find(typed.config.as_deref())? {
            Some(config) => config,
            None => return Ok(Expanded { args, from: None }),
        },
        None => Config::needed(typed.config.as_deref())?,
    };
    let section = match (config.ca(name), own) {
        (Some(section), _) => section.clone(),
        (None, Some(_)) => return Ok(Expanded { args, from: None }),
        (None, None) => return Err(unknown(&config, name)),
    };
    // A restore knows the option too, and to a CA it is never a default.
    let asks_a_ca = takes("ca").is_some() && takes("user").is_some();
    let mut more: Vec<OsString> = Vec::new();
    for (key, entry) in &section.options {
        let is_said = typed.longs.iter().any(|long| long == key || one_of(key).contains(&long.as_str()));
        // A command that has it only with another one.
        let is_idle =
            key == "scratch" && takes("drill").is_some() && !typed.longs.iter().any(|long| long == "drill");
        let has_no_place = PLACE.contains(&key.as_str()) && !asks_a_ca;
        if key == "ca-name" || is_said || is_idle || has_no_place || takes(key).is_none() {
            continue;
        }
        more.extend(option(key, &entry.value));
    }
    let is_said = typed.longs.iter().any(|long| long == "ca-name");
    if let Some(common) =
        section.common_name().filter(|_| !asks_a_ca && !is_said && takes("ca-name").is_some())
    {
        more.push(format!("--ca-name={common}").into());
    }
    let mut all: Vec<OsString> = args.get(..*position).unwrap_or_default().to_vec();
    all.extend(more);
    all.extend(args.get(position + length..).unwrap_or_default().iter().cloned());
    Ok(Expanded { args: all, from: Some(section) })
}

/// The name of the argument with which a command takes names of CAs itself.
pub(crate) const NAMES: &str = "named_cas";

pub(crate) fn unknown(config: &Config, name: &str) -> anyhow::Error {
    let known: Vec<&str> = config.cas().map(|section| section.name.as_str()).collect();
    let known =
        if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
    anyhow::anyhow!("`{}` has no [ca.{name}]: {known}", config.path.display())
}

fn option(key: &str, value: &Value) -> Vec<OsString> {
    match value {
        Value::Flag(true) => vec![format!("--{key}").into()],
        Value::Flag(false) => Vec::new(),
        Value::Texts(texts) => texts.iter().map(|text| format!("--{key}={text}").into()).collect(),
    }
}

/// The options that a key stands for as well, itself among them.
fn one_of(key: &str) -> &'static [&'static str] {
    ONE_OF.iter().find(|family| family.contains(&key)).copied().unwrap_or_default()
}

/// Adds what a section does not say.
pub(super) fn add_defaults(options: &mut BTreeMap<String, Entry>, defaults: &BTreeMap<String, Entry>) {
    let said: Vec<String> = options.keys().cloned().collect();
    for (key, entry) in defaults {
        let is_said = said.iter().any(|own| own == key || one_of(key).contains(&own.as_str()));
        if !is_said {
            options.insert(key.clone(), entry.clone());
        }
    }
}

/// Removes what a key stands for.
pub(super) fn remove_others(options: &mut BTreeMap<String, Entry>, key: &str) {
    options.retain(|own, _| own != key && !one_of(key).contains(&own.as_str()));
}

/// What was typed, as far as it is needed before it is parsed.
struct Typed<'a> {
    command: &'a clap::Command,
    /// Long names of the options.
    longs: Vec<String>,
    config: Option<PathBuf>,
    /// Where `--ca` stands, how many words it takes, and its value.
    ca: Option<(usize, usize, String)>,
}

impl<'a> Typed<'a> {
    fn of(root: &'a clap::Command, args: &[OsString]) -> Self {
        let mut own = Self { command: root, longs: Vec::new(), config: None, ca: None };
        let mut position = 1;
        while let Some(word) = args.get(position).and_then(|word| word.to_str().or(Some(""))) {
            let begin = position;
            position += 1;
            if word == "--" {
                break;
            }
            let Some(option) = word.strip_prefix("--") else {
                if let Some(below) = own.command.find_subcommand(word) {
                    own.command = below;
                }
                continue;
            };
            let (long, mut value) = match option.split_once('=') {
                Some((long, value)) => (long, Some(value.to_owned())),
                None => (option, None),
            };
            let known = [own.command, root].into_iter().flat_map(clap::Command::get_arguments);
            let known = known.into_iter().find(|arg| arg.get_long() == Some(long));
            let takes_value = known.is_none_or(|arg| arg.get_action().takes_values() && !is_optional(arg));
            if value.is_none() && (takes_value && known.is_some() || long == "ca") {
                value = args.get(position).map(|value| value.to_string_lossy().into_owned());
                position += 1;
            }
            match long {
                "config" => own.config = value.map(PathBuf::from),
                "ca" => own.ca = value.map(|value| (begin, position - begin, value)),
                long => own.longs.push(long.to_owned()),
            }
        }
        own
    }
}

/// May it stand without a value?
fn is_optional(arg: &clap::Arg) -> bool {
    arg.get_num_args().is_some_and(|count| count.min_values() == 0)
}

/// Where the sets of a CA are.
pub(crate) struct Places {
    pub(crate) sets: Sets,
    /// Of a CA that is backed up from here.
    pub(crate) copies: Option<Copies>,
}

/// What the commands make of a section.
pub(crate) fn parsed(config: &Config, section: &Section) -> anyhow::Result<Places> {
    let command =
        if one_of("ca").iter().any(|key| section.options.contains_key(*key)) { "backup" } else { "list" };
    let args = ["csbackup", command, "--ca", &section.name, "--config"].map(OsString::from);
    let args = args.into_iter().chain([config.path.as_os_str().to_owned()]).collect();
    let expanded = expand(args)?;
    let parsed =
        <Args as clap::Parser>::try_parse_from(&expanded.args).map_err(|error| expanded.explain(error))?;
    match parsed.command {
        Command::Backup(backup) => Ok(Places { sets: backup.sets, copies: Some(backup.copies) }),
        Command::List(list) => Ok(Places { sets: list.sets, copies: None }),
        _ => anyhow::bail!("`{command}` is another command"),
    }
}

/// Checks a section by what the commands say of it.
pub(crate) fn check(config: &Path, section: &Section) -> Result<(), ConfigError> {
    let has = |key: &str| one_of(key).iter().any(|key| section.options.contains_key(*key));
    let is_offline = section.policy.get("offline").is_some_and(|entry| entry.value == Value::Flag(true));
    let lacks = |what: &str| Err(ConfigError::at(&section.at, format!("[ca.{}] {what}", section.name)));
    let command = if has("ca") { "backup" } else { "list" };
    check_with(command, config, section)?;
    match (has("repo"), has("ca") || is_offline) {
        (false, _) => lacks("does not say where its sets are: `dir`, `repo` or `archive`"),
        (true, false) => {
            lacks("does not say where the CA is: `ca`, `ca-dir` or `local`, or a policy `offline = true`")
        }
        (true, true) => Ok(()),
    }
}

fn check_with(command: &str, config: &Path, section: &Section) -> Result<(), ConfigError> {
    let args = ["csbackup", command, "--ca", &section.name, "--config"].map(OsString::from);
    let args: Vec<OsString> = args.into_iter().chain([config.as_os_str().to_owned()]).collect();
    let wrong = |error: anyhow::Error| match error.downcast::<ConfigError>() {
        Ok(error) => error,
        Err(error) => {
            let text = error.to_string();
            let text = text.lines().next().unwrap_or_default();
            let text = format!("[ca.{}]: {}", section.name, text.strip_prefix("error: ").unwrap_or(text));
            ConfigError::at(&section.at, text)
        }
    };
    let expanded = expand(args).map_err(wrong)?;
    match <Args as clap::Parser>::try_parse_from(&expanded.args) {
        Ok(_) => Ok(()),
        Err(error) => Err(wrong(expanded.explain(error))),
    }
}
