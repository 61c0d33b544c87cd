//! What a lock file says, and how it is encrypted.

use std::env;
use std::io;

use csbackup::StoreTrouble;
use rustic_core::repofile::MasterKey;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{LockFiles, MAX_SIZE, STALE};
use crate::error::StoreError;
use crate::sealed::{open, seal};

/// The content of a lock file: restic's fields and one of ours, which restic ignores.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Body {
    /// When it was last renewed.
    #[serde(with = "time::serde::rfc3339")]
    pub(super) time: OffsetDateTime,
    pub(super) exclusive: bool,
    #[serde(default)]
    pub(super) hostname: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    pub(super) pid: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    uid: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    gid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    csbackup: Option<Ours>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ours {
    doing: String,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Behind the host's name in our locks. To find out whether a process of its own host is alive,
/// `restic unlock` sends it SIGHUP, which would interrupt a run.
const MARK: &str = " (csbackup)";

impl Body {
    pub(super) fn new(exclusive: bool, doing: &str, ca: Option<&str>) -> Self {
        let now = OffsetDateTime::now_utc();
        let user = ["USER", "USERNAME", "LOGNAME"].iter().find_map(|name| env::var(name).ok());
        let (uid, gid) = process::owner();
        Self {
            time: now,
            exclusive,
            hostname: format!("{}{MARK}", process::host()),
            username: user.unwrap_or_default(),
            pid: std::process::id(),
            uid,
            gid,
            csbackup: Some(Ours { doing: doing.to_owned(), since: now, ca: ca.map(str::to_owned) }),
        }
    }

    /// The same lock, as of now.
    pub(super) fn renewed(&self) -> Self {
        Self { time: OffsetDateTime::now_utc(), ..self.clone() }
    }

    /// Is its holder gone? Either it has not renewed it in time, or it is a dead process of this host.
    pub(super) fn stale(&self) -> bool {
        let host = self.hostname.strip_suffix(MARK).unwrap_or(&self.hostname);
        OffsetDateTime::now_utc() - self.time > STALE
            || (host == process::host() && process::is_dead(self.pid))
    }

    pub(super) fn is_run_of(&self, ca: Option<&str>) -> bool {
        let theirs = self.csbackup.as_ref().and_then(|ours| ours.ca.as_deref());
        ca.zip(theirs).is_some_and(|(ca, theirs)| ca.eq_ignore_ascii_case(theirs))
    }

    /// Who it is, for people.
    pub(super) fn holder(&self) -> String {
        let what = self.csbackup.as_ref().map_or("restic", |ours| &ours.doing);
        let kind = if self.exclusive { ", exclusively" } else { "" };
        let host = &self.hostname;
        format!("{what} (process {} of `{}` on {host}{kind})", self.pid, self.username)
    }

    /// Since when, for people; a lock of restic tells only when it was last renewed.
    pub(super) fn since(&self) -> String {
        let since = self.csbackup.as_ref().map_or(self.time, |ours| ours.since);
        since.replace_nanosecond(0).unwrap_or(since).format(&Rfc3339).unwrap_or_default()
    }

    /// Writes it as a new file, and names that.
    pub(super) fn write(&self, files: &dyn LockFiles, master: &MasterKey) -> Result<String, StoreError> {
        let failed =
            |what: String| StoreError::new(StoreTrouble::Failed, format!("cannot write a lock: {what}"));
        let text = serde_json::to_vec(self).map_err(|error| failed(error.to_string()))?;
        let (name, content) = seal(master, &text).map_err(|error| failed(error.to_owned()))?;
        files.write(&name, &content)?;
        Ok(name)
    }

    /// Reads a file; `None` when it is gone, or why it cannot be understood.
    pub(super) fn read(
        files: &dyn LockFiles,
        master: &MasterKey,
        name: &str,
    ) -> Result<Option<Result<Self, String>>, StoreError> {
        Ok(files.read(name)?.map(|content| Self::decode(&content, master)))
    }

    fn decode(content: &[u8], master: &MasterKey) -> Result<Self, String> {
        let plain = open(master, content)?;
        // Format version 2 compresses it, and says so by a first byte of 2.
        let text = match plain.split_first() {
            Some((2, compressed)) => expand(compressed).map_err(|error| error.to_string())?,
            _ => plain,
        };
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    }
}

fn expand(compressed: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::decompress(compressed, MAX_SIZE)
}

/// This host, and processes on it.
mod process {
    use gethostname::gethostname;

    pub(super) fn host() -> String {
        gethostname().to_string_lossy().into_owned()
    }

    /// User and group; 0 where there are no such numbers.
    pub(super) fn owner() -> (u32, u32) {
        #[cfg(unix)]
        return (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        #[cfg(not(unix))]
        (0, 0)
    }

    /// Surely no process has this number. On Windows nobody can tell: its locks go stale by age.
    pub(super) fn is_dead(pid: u32) -> bool {
        #[cfg(unix)]
        {
            use rustix::io::Errno;
            use rustix::process::{Pid, test_kill_process};
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
        }
        #[cfg(not(unix))]
        {
            let _ = pid;
            false
        }
    }
}
