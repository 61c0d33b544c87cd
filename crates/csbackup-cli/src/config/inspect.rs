//! `config`: the file checked, shown, begun.

use std::path::Path;

use serde_json::json;

use super::expand::check;
use super::{Config, ConfigError, Section, Value};
use crate::args::ConfigCommand;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::report::count;

/// With all that can be said; the tests read it.
const EXAMPLE: &str = include_str!("example.toml");

pub(crate) fn command(
    command: &ConfigCommand,
    named: Option<&Path>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Example => {
            printer.result("config_example", json!({ "text": EXAMPLE }), EXAMPLE.trim_end());
        }
        ConfigCommand::Check => {
            let config = Config::needed(named)?;
            let wrong = config.cas().filter_map(|section| check(&config.path, section).err());
            let wrong: Vec<_> = wrong.flat_map(|error| error.0).collect();
            if !wrong.is_empty() {
                return Err(ConfigError(wrong).into());
            }
            let cas: Vec<&str> = config.cas().map(|section| section.name.as_str()).collect();
            let text = format!("`{}`: {}, nothing is wrong", config.path.display(), count(cas.len(), "CA"));
            printer.result("config", json!({ "path": config.path, "cas": cas }), &text);
        }
        ConfigCommand::Show(cas) => {
            let config = Config::needed(named)?;
            for section in config.chosen(&cas.names)? {
                show(section, printer);
            }
        }
    }
    Ok(Exit::Done)
}

fn show(section: &Section, printer: Printer) {
    let said = |value: &Value| match value {
        Value::Flag(flag) => flag.to_string(),
        Value::Texts(texts) => texts.join(", "),
    };
    let entries = section.options.iter().map(|entry| ("", entry));
    let entries: Vec<_> = entries.chain(section.policy.iter().map(|entry| ("policy.", entry))).collect();
    let lines = entries
        .iter()
        .map(|(of, (key, entry))| format!("  {of}{key} = {}  ({})", said(&entry.value), entry.at));
    let text = std::iter::once(format!("[ca.{}]", section.name)).chain(lines).collect::<Vec<_>>().join("\n");
    let values = entries.iter().map(|(of, (key, entry))| {
        let value = match &entry.value {
            Value::Flag(flag) => json!(flag),
            Value::Texts(texts) => json!(texts),
        };
        json!({ "key": format!("{of}{key}"), "value": value, "at": entry.at.to_string() })
    });
    printer.result("config_ca", json!({ "ca": section.name, "entries": values.collect::<Vec<_>>() }), &text);
}
