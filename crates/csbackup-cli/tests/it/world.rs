//! A folder with an embedded CA (`ca`) and room for sets (`sets`), and the program run in it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use certadm::{Call, CertServer as _};
use certsrv::{CaDirectory, Config, Fault, FaultRule};
use csbackup::{BackupOptions, Catalogue, Directory, MappedFiles, Quiet, StoredSet};
use serde_json::Value;
use tempfile::TempDir;

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    fn of(status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        Self { code: status.code(), stdout: text(stdout.to_vec()), stderr: text(stderr.to_vec()) }
    }

    /// The run, if it ended with this code; otherwise everything it said.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// stdout as JSON, line by line.
    #[track_caller]
    pub(crate) fn messages(&self) -> Vec<Value> {
        let parse = |line: &str| -> Value {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert!(value["message_type"].is_string(), "no message_type: {line}");
            value
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The messages of one type.
    #[track_caller]
    pub(crate) fn of_type(&self, message_type: &str) -> Vec<Value> {
        self.messages().into_iter().filter(|message| message["message_type"] == message_type).collect()
    }

    /// The one message of a type.
    #[track_caller]
    pub(crate) fn message(&self, message_type: &str) -> Value {
        let mut messages = self.of_type(message_type);
        assert_eq!(messages.len(), 1, "one `{message_type}` expected in:\n{}", self.stdout);
        messages.remove(0)
    }
}

/// Runs the program in a folder.
pub(crate) fn run_in(folder: &Path, args: &[&str]) -> Run {
    let output = program(folder, args).output().expect("run the program");
    Run::of(output.status, &output.stdout, &output.stderr)
}

fn program(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_csbackup"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    for variable in [
        "CSBACKUP_USER",
        "CSBACKUP_PASSWORD",
        "CSBACKUP_KEY_PASSWORD",
        "CSBACKUP_REPO_PASSWORD",
        "CSBACKUP_NEW_REPO_PASSWORD",
        "CSBACKUP_COPY_REPO_PASSWORD",
        "CSBACKUP_LOG",
        "CSBACKUP_CONFIG",
        "KRB5_CONFIG",
        "KRB5CCNAME",
    ] {
        command.env_remove(variable);
    }
    // What is kept of sets is not kept in anybody's home.
    command.env("CSBACKUP_CACHE_DIR", folder.join("cache"));
    command.env("CSBACKUP_STATE_DIR", folder.join("state"));
    // Nobody's keyring is asked.
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    command
}

pub(crate) struct World {
    temp: TempDir,
}

impl World {
    /// A CA in its first recorded state, without a set.
    pub(crate) fn new() -> Self {
        let world = Self { temp: tempfile::tempdir().expect("create a temporary folder") };
        world.run(&["ca", "new", "ca"]).exits(0);
        world
    }

    /// With a full backup whose logs were truncated.
    pub(crate) fn with_full() -> Self {
        let world = Self::new();
        world.backup(&[]).exits(0);
        world
    }

    /// With a full backup and an increment.
    pub(crate) fn with_chain() -> Self {
        let world = Self::with_full();
        world.run(&["ca", "advance", "ca"]).exits(0);
        world.backup(&[]).exits(0);
        world
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.temp.path().join(relative)
    }

    /// Runs the program in the folder, so that its texts have relative paths.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        run_in(self.temp.path(), args)
    }

    /// As [`World::run`], with environment variables.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Run {
        let mut command = program(self.temp.path(), args);
        let output = command.envs(variables.iter().copied()).output().expect("run the program");
        Run::of(output.status, &output.stdout, &output.stderr)
    }

    /// A backup of `ca` to `sets`.
    pub(crate) fn backup(&self, args: &[&str]) -> Run {
        self.run(&[&["backup", "--ca-dir", "ca", "--dir", "sets"], args].concat())
    }

    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.spawn_with(&[], args)
    }

    /// As [`World::spawn`], with environment variables.
    pub(crate) fn spawn_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Child {
        let mut command = program(self.temp.path(), args);
        command
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start the program")
    }

    /// Rewrites `ca.toml`.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Config)) {
        let mut ca = self.ca();
        let mut config = ca.config().clone();
        change(&mut config);
        ca.reconfigure(config).expect("rewrite ca.toml");
    }

    /// The next backup's first call of this kind goes wrong.
    pub(crate) fn fault(&self, call: Call, fault: Fault) {
        let call = self.number_of(call);
        self.configure(|config| config.faults = vec![FaultRule { call, fault }]);
    }

    /// Number of the first call of a kind in a full backup; found by taking one of a copy of the CA.
    pub(crate) fn number_of(&self, wanted: Call) -> u32 {
        let probe = tempfile::tempdir().expect("create a temporary folder");
        run_in(probe.path(), &["ca", "new", "ca"]).exits(0);
        let ca = CaDirectory::open(probe.path().join("ca")).expect("open the probe");
        let mut connection = ca.connect();
        let log = connection.log();
        let medium = Directory::new(probe.path().join("sets"));
        let files = MappedFiles::new(ca.mappings());
        let options = BackupOptions::default();
        csbackup::backup(&mut connection, &medium, &files, &options, &Quiet).expect("back up the probe");
        let position = log.calls().iter().position(|call| *call == wanted).expect("the call is made");
        u32::try_from(position + 1).expect("few calls")
    }

    pub(crate) fn ca(&self) -> CaDirectory {
        CaDirectory::open(self.path("ca")).expect("open the CA")
    }

    pub(crate) fn medium(&self) -> Directory {
        Directory::new(self.path("sets"))
    }

    pub(crate) fn sets(&self) -> Vec<StoredSet> {
        let catalogue = Catalogue::load(&self.medium(), None).expect("read the catalogue");
        assert!(catalogue.unreadable.is_empty(), "{:?}", catalogue.unreadable);
        catalogue.sets().to_vec()
    }

    /// The newest set and its folder.
    pub(crate) fn newest(&self) -> (StoredSet, PathBuf) {
        let set = self.sets().pop().expect("there is a set");
        let folder = self.medium().path_of(&set);
        (set, folder)
    }

    /// Runs `body` while another backup session of the CA is open.
    pub(crate) fn while_busy<T>(&self, body: impl FnOnce() -> T) -> T {
        let mut connection = self.ca().connect();
        let mut session =
            connection.prepare_backup(certadm::BackupType::Full).expect("open a session of the CA");
        let result = body();
        session.end().expect("end the session");
        result
    }
}

/// Waits for a child, but not for ever.
pub(crate) fn wait(mut child: Child) -> Run {
    let deadline = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().expect("ask for the child") {
            break status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("the program did not end within a minute");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child.stdout.take().expect("stdout is a pipe").read_to_end(&mut stdout).expect("read stdout");
    child.stderr.take().expect("stderr is a pipe").read_to_end(&mut stderr).expect("read stderr");
    Run::of(status, &stdout, &stderr)
}

/// Inverts one byte in the middle of a file.
pub(crate) fn damage(path: &Path) {
    let mut bytes = fs::read(path).expect("read the file to damage");
    let middle = bytes.len() / 2;
    bytes[middle] = !bytes[middle];
    fs::write(path, bytes).expect("damage the file");
}

/// The lock file of `sets`, held until it is dropped.
pub(crate) fn hold_lock(path: &Path) -> File {
    fs::create_dir_all(path.parent().expect("a lock lies in a folder")).expect("create the CA's folder");
    fs::write(path, "process 4711 since 2026-01-01T00:00:00Z\n").expect("write the lock file");
    let file = File::options().read(true).write(true).open(path).expect("open the lock file");
    file.try_lock().expect("take the lock");
    file
}

/// Relative paths of all files below a folder, with `/`, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("list a folder") {
            let path = entry.expect("list a folder").path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let relative = path.strip_prefix(root).expect("below its root");
                let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
                found.push(parts.join("/"));
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// Ids, hashes, times and process numbers replaced, so that a text can be compared.
pub(crate) fn filtered(text: &str) -> String {
    text.lines().map(filtered_line).collect::<Vec<_>>().join("\n")
}

fn filtered_line(line: &str) -> String {
    let word_end = |c: char| !(c.is_ascii_alphanumeric() || "-:".contains(c));
    let mut filtered = String::new();
    for word in line.split_inclusive(word_end) {
        let bare = word.trim_end_matches(|c| word_end(c) || c == ':');
        let rest = &word[bare.len()..];
        let hex = |s: &str| s.bytes().all(|b| b.is_ascii_hexdigit());
        let shown = match bare {
            id if csbackup::SetId::parse(id).is_some() => "<ID>",
            time if time.len() == 20 && time.as_bytes()[10] == b'T' && time.ends_with('Z') => "<TIME>",
            hash if hash.len() == 64 && hex(hash) => "<BLAKE3>",
            other => other,
        };
        filtered.push_str(shown);
        filtered.push_str(rest);
    }
    filtered
}
