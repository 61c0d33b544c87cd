//! One command in a process of its own.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::Ended;
use super::due::Job;
use crate::config::{Config, RunPolicy, Section};
use crate::exit::Exit;

pub(super) struct Child {
    words: Vec<String>,
    config: std::path::PathBuf,
}

impl Child {
    pub(super) fn of(config: &Config, section: &Section, job: &Job) -> Self {
        let mut words: Vec<String> = match job {
            Job::Backup { full } => {
                vec!["backup".into(), format!("--type={}", if *full { "full" } else { "auto" })]
            }
            Job::Drill(set) => vec!["drill".into(), set.clone()],
            Job::Forget => vec!["forget".into(), "--yes".into()],
            Job::Prune => vec!["prune".into()],
        };
        if *job == Job::Forget {
            words.extend(RunPolicy::of(section).keep);
        }
        words.extend(["--json".to_owned(), "--ca".to_owned(), section.name.clone()]);
        Self { words, config: config.path.clone() }
    }

    /// Runs it to its end.
    pub(super) fn run(self) -> Ended {
        let program = match std::env::current_exe() {
            Ok(program) => program,
            Err(error) => {
                return Ended::failed(Exit::Failed, format!("where this program is is not known: {error}"));
            }
        };
        let mut command = Command::new(program);
        command.args(&self.words).arg("--config").arg(&self.config).stdin(Stdio::null());
        match command.output() {
            Ok(output) => {
                let exit = Exit::of_run(output.status.code());
                let mut ended = Ended { exit, set: None, said: Vec::new() };
                ended.read(&String::from_utf8_lossy(&output.stdout));
                // What is no message comes from below this program.
                let rest = String::from_utf8_lossy(&output.stderr);
                ended.said.extend(rest.lines().filter(|line| !line.is_empty()).map(str::to_owned));
                if output.status.code().is_none() {
                    ended.said.push(format!("the process did not come to its end: {}", output.status));
                }
                ended
            }
            Err(error) => Ended::failed(Exit::Failed, format!("cannot start a process: {error}")),
        }
    }
}

impl Ended {
    /// Takes out of the messages what somebody should read.
    fn read(&mut self, stdout: &str) {
        for line in stdout.lines() {
            let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
            let text = |key: &str| message.get(key).and_then(Value::as_str);
            match text("message_type") {
                Some("set") => self.set = text("id").map(str::to_owned),
                Some("warning") => self.said.extend(text("text").map(|text| format!("warning: {text}"))),
                Some("finding") if text("severity") != Some("info") => {
                    self.said
                        .extend(text("text").map(|text| format!("{}: {text}", text_of(&message, "file"))));
                }
                Some("error") => {
                    self.said.extend(text("text").map(|text| format!("error: {text}")));
                    let list =
                        |key: &str| message.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
                    self.said.extend(
                        list("causes")
                            .iter()
                            .filter_map(Value::as_str)
                            .map(|cause| format!("  caused by: {cause}")),
                    );
                    self.said.extend(
                        list("hints").iter().filter_map(Value::as_str).map(|hint| format!("hint: {hint}")),
                    );
                }
                _ => {}
            }
        }
    }
}

fn text_of<'a>(message: &'a Value, key: &str) -> &'a str {
    message.get(key).and_then(Value::as_str).unwrap_or_default()
}
