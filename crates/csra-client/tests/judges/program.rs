//! Judges as programs: which are there, how they are run, what they say.

use std::env;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use testkit::data::{skip, workspace};
use testkit::world;

/// No judge needs that long, not even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Is a judge on this machine? If not, that is announced as a skip.
pub(crate) fn is_there(judge: &str) -> bool {
    let judges = env::var("CSBACKUP_WIRE_JUDGES").unwrap_or_default();
    let there = judges.split(',').any(|one| one == judge);
    if !there {
        skip(&format!("judge `{judge}` is not on this machine"));
    }
    there
}

/// A program of `judges/`, run by the judges' own Python, the only one with impacket.
pub(crate) fn judges_python(script: &str) -> Command {
    script_of(env::var_os("CSBACKUP_JUDGES").expect("CSBACKUP_JUDGES names a Python").into(), script)
}

/// A program of `judges/`, run by the system's Python, the only one with Samba.
pub(crate) fn system_python(script: &str) -> Command {
    script_of(
        env::var_os("CSBACKUP_SYSTEM_PYTHON").expect("CSBACKUP_SYSTEM_PYTHON names a Python").into(),
        script,
    )
}

fn script_of(python: PathBuf, script: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(workspace().join("judges").join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs a judge to its end and returns its report.
pub(crate) fn report(command: &mut Command) -> Value {
    let (mut child, _) = start(command);
    let (out, err) = (text_of(child.stdout.take()), text_of(child.stderr.take()));
    let Ok(said) = out.recv_timeout(PATIENCE) else {
        let _ = child.kill();
        panic!("{command:?} does not come to an end: {}", err.recv().unwrap_or_default());
    };
    let _ = child.wait();
    serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("{command:?}: {error} in {said:?}; stderr: {}", err.recv().unwrap_or_default())
    })
}

/// What a judge found wrong.
pub(crate) fn failures(report: &Value) -> Vec<String> {
    let list = report["failures"].as_array().expect("a report has failures");
    list.iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
}

/// A judge that has nothing to say against us.
#[track_caller]
pub(crate) fn pass(command: &mut Command) -> Value {
    let report = report(command);
    assert_eq!(failures(&report), [] as [String; 0], "{report:#}");
    report
}

/// A service that lives until its standard input closes: as long as this value or this process.
pub(crate) struct Service {
    _child: Child,
    _stdin: ChildStdin,
    /// Its one line.
    facts: Value,
}

impl Service {
    pub(crate) fn start(command: &mut Command) -> Self {
        let (mut child, stdin) = start(command);
        let Ok(facts) = first_line(child.stdout.take()).recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("{command:?} does not start: {}", text_of(child.stderr.take()).recv().unwrap_or_default());
        };
        Self { _child: child, _stdin: stdin, facts }
    }

    pub(crate) fn path(&self, pointer: &str) -> &Path {
        Path::new(self.text(pointer))
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.facts.pointer(pointer).and_then(Value::as_str).expect("the service says it")
    }
}

fn start(command: &mut Command) -> (Child, ChildStdin) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = world::spawn(command).expect("start a judge");
    let stdin = child.stdin.take().expect("a pipe");
    (child, stdin)
}

fn text_of(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, receive) = channel();
    let mut pipe = pipe.expect("a pipe");
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = pipe.read_to_end(&mut text);
        let _ = send.send(String::from_utf8_lossy(&text).into_owned());
    });
    receive
}

/// The first line that is JSON; the rest is read, so that nobody waits for room in the pipe. No line ever
/// comes when the pipe closes before.
fn first_line(pipe: Option<impl Read + Send + 'static>) -> Receiver<Value> {
    let (send, receive) = channel();
    let lines = BufReader::new(pipe.expect("a pipe")).lines();
    thread::spawn(move || {
        for facts in lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()) {
            let _ = send.send(facts);
        }
    });
    receive
}
