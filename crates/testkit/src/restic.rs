//! restic itself, as a judge of repositories and as somebody else at work on them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::data::skip;

/// restic on one repository.
#[derive(Debug, Clone)]
pub struct Restic {
    repository: PathBuf,
    password: String,
}

impl Restic {
    /// On the repository in this folder. `None` is a skip, already announced: there is no restic here.
    pub fn on(repository: &Path, password: &str) -> Option<Self> {
        let Ok(output) = Command::new("restic").arg("version").stdin(Stdio::null()).output() else {
            skip("restic is not on this machine (Debian: restic)");
            return None;
        };
        assert!(output.status.success(), "`restic version` fails");
        Some(Self { repository: repository.to_owned(), password: password.to_owned() })
    }

    /// restic with another password.
    #[must_use]
    pub fn with_password(&self, password: &str) -> Self {
        Self { password: password.to_owned(), ..self.clone() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("restic");
        command.arg("--no-cache").arg("--repo").arg(&self.repository).args(arguments);
        command.env("RESTIC_PASSWORD", &self.password).env_remove("RESTIC_PASSWORD_FILE");
        command.env_remove("RESTIC_REPOSITORY").env_remove("RESTIC_REPOSITORY_FILE");
        command.stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("run restic")
    }

    /// What it prints; it must succeed.
    pub fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "restic {arguments:?} failed: {said}");
        String::from_utf8(output.stdout).expect("restic prints UTF-8")
    }

    /// What it says on standard error; it must fail.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "restic {arguments:?} succeeded: {said}");
        said
    }

    /// Starts it; whoever starts it ends it.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("start restic")
    }
}
