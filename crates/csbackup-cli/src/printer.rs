//! The one object that decides what reaches stdout and stderr.
//!
//! stdout is data, stderr is for people. With `--json` each message is one line on stdout.

use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::exit::Exit;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    json: bool,
    quiet: bool,
}

impl Printer {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        *RUN.get_or_init(|| Self { json, quiet })
    }

    /// That of this run.
    pub(crate) fn of_this_run() -> Self {
        RUN.get().copied().unwrap_or(Self { json: false, quiet: false })
    }

    /// Is anybody looking at bars?
    pub(crate) fn interactive(self) -> bool {
        !self.json && !self.quiet
    }

    /// A result: `value` for programs (its `message_type` tells what it is), `text` for people.
    pub(crate) fn result(self, message_type: &str, mut value: Value, text: &str) {
        if !self.json {
            if !text.is_empty() {
                out(text);
            }
            return;
        }
        if let Some(object) = value.as_object_mut() {
            object.insert("message_type".to_owned(), Value::from(message_type));
        }
        out(&value.to_string());
    }

    /// One line of a table on stdout; nothing with `--json`, whose rows are results.
    pub(crate) fn line(self, text: &str) {
        if !self.json {
            out(text);
        }
    }

    /// Are results JSON?
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// For people only.
    pub(crate) fn note(self, text: &str) {
        if !self.json && !self.quiet {
            err(text);
        }
    }

    pub(crate) fn warning(self, text: &str) {
        if self.json {
            self.result("warning", json!({ "text": text }), "");
        } else {
            err(&format!("warning: {text}"));
        }
    }

    pub(crate) fn hint(self, text: &str) {
        if !self.json {
            err(&format!("hint: {text}"));
        }
    }

    pub(crate) fn error(self, error: &anyhow::Error, hints: &[String], code: Exit) {
        let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        if self.json {
            let value = json!({
                "text": error.to_string(), "causes": causes, "hints": hints, "exit_code": code.number(),
            });
            self.result("error", value, "");
            return;
        }
        err(&format!("error: {error}"));
        for cause in causes {
            err(&format!("  caused by: {cause}"));
        }
        for hint in hints {
            err(&format!("hint: {hint}"));
        }
    }
}

/// What the arguments asked for.
static RUN: OnceLock<Printer> = OnceLock::new();

/// The first failure of writing to stdout.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// A reader that has gone (`csbackup list | head`) is no reason to stop: a backup that is under way
/// must come to its end. What only lists asks [`arrives`].
fn out(line: &str) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        let _ = FAILURE.set(error);
    }
}

/// Does what is printed arrive? `false`: nobody reads it any more, which is no error.
pub(crate) fn arrives() -> anyhow::Result<bool> {
    match FAILURE.get() {
        None => Ok(true),
        Some(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Some(error) => anyhow::bail!("cannot write the output: {error}"),
    }
}

fn err(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
