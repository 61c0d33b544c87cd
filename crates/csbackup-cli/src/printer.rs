//! The one object that decides what reaches stdout and stderr.
//!
//! stdout is data, stderr is for people. With `--json` each message is one line on stdout.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the place that prints")]

use serde_json::{Value, json};

use crate::exit::Exit;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    json: bool,
    quiet: bool,
}

impl Printer {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Is anybody looking at bars?
    pub(crate) fn interactive(self) -> bool {
        !self.json && !self.quiet
    }

    /// A result: `value` for programs (its `message_type` tells what it is), `text` for people.
    pub(crate) fn result(self, message_type: &str, mut value: Value, text: &str) {
        if !self.json {
            if !text.is_empty() {
                println!("{text}");
            }
            return;
        }
        if let Some(object) = value.as_object_mut() {
            object.insert("message_type".to_owned(), Value::from(message_type));
        }
        println!("{value}");
    }

    /// For people only.
    pub(crate) fn note(self, text: &str) {
        if !self.json && !self.quiet {
            eprintln!("{text}");
        }
    }

    pub(crate) fn warning(self, text: &str) {
        if self.json {
            self.result("warning", json!({ "text": text }), "");
        } else {
            eprintln!("warning: {text}");
        }
    }

    pub(crate) fn hint(self, text: &str) {
        if !self.json {
            eprintln!("hint: {text}");
        }
    }

    pub(crate) fn error(self, error: &anyhow::Error, code: Exit) {
        let hints = error.downcast_ref::<csbackup::Error>().map(csbackup::Error::hints).unwrap_or_default();
        let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        if self.json {
            let value = json!({
                "text": error.to_string(), "causes": causes, "hints": hints, "exit_code": code.number(),
            });
            self.result("error", value, "");
            return;
        }
        eprintln!("error: {error}");
        for cause in causes {
            eprintln!("  caused by: {cause}");
        }
        for hint in hints {
            eprintln!("hint: {hint}");
        }
    }
}
