//! What a program on Windows owes its surroundings: console, event log, folders. Elsewhere the system
//! brings it, and nothing is done.

use std::path::Path;

use crate::args::Args;
use crate::exit::Exit;

/// Does the console understand colour?
pub(crate) fn colour() -> bool {
    #[cfg(windows)]
    return winhost::enable_colour();
    #[cfg(not(windows))]
    true
}

/// Calls `interrupt` when the program is told to end: Ctrl-C, SIGTERM and SIGHUP; on Windows Ctrl-C,
/// Ctrl-Break, a closed console and shut-down, which leave five seconds.
pub(crate) fn on_interrupt(interrupt: fn()) {
    #[cfg(windows)]
    let _ = winhost::on_interrupt(interrupt);
    #[cfg(not(windows))]
    let _ = ctrlc::set_handler(interrupt);
}

/// Makes a folder that does not exist yet so that only administrators and SYSTEM may enter it, with all
/// that will be made in it.
pub(crate) fn private_folder(path: &Path) -> anyhow::Result<()> {
    #[cfg(windows)]
    winhost::private_folder(path)?;
    #[cfg(not(windows))]
    let _ = path;
    Ok(())
}

/// Tells the event log how a command ended that runs unattended.
pub(crate) fn record(args: &Args, ended: &anyhow::Result<Exit>) {
    #[cfg(windows)]
    event::record(&args.command, ended);
    #[cfg(not(windows))]
    let _ = (args, ended);
}

#[cfg(windows)]
mod event {
    use winhost::Event;

    use crate::args::Command;
    use crate::exit::{self, Exit};

    pub(super) fn record(command: &Command, ended: &anyhow::Result<Exit>) {
        let Some(subject) = subject(command) else { return };
        let (code, how) = match ended {
            Ok(code) => (*code, meaning(*code).to_owned()),
            // Wrong arguments: whoever typed them reads it.
            Err(error) if error.is::<clap::Error>() => return,
            // With its causes.
            Err(error) => (exit::code_of(error), format!("{error:#}")),
        };
        let text = format!("{subject}: {how}\nexit code {}", code.number());
        // An account that may not write there has the exit code, and what was printed.
        let _ = winhost::record(event(code), &text);
    }

    fn subject(command: &Command) -> Option<String> {
        let below = |sets: &crate::args::Sets| match (&sets.dir, &sets.access.repo) {
            (Some(dir), _) => format!(" in `{}`", dir.display()),
            (None, Some(location)) => format!(" in `{location}`"),
            (None, None) => String::new(),
        };
        Some(match command {
            // Nothing was done that anybody could wait for.
            Command::Backup(args) if args.dry_run => return None,
            Command::Restore(args) if args.dry_run || args.status => return None,
            Command::Backup(args) => {
                let place = &args.place.ca;
                let ca = match (&place.ca, &place.ca_dir) {
                    (Some(target), _) => format!("`{target}`"),
                    (None, Some(dir)) => format!("`{}`", dir.display()),
                    (None, None) => "the CA on this machine".to_owned(),
                };
                format!("backup of {ca}{}", below(&args.sets))
            }
            Command::Restore(args) => {
                let set = args.which.set.as_deref().unwrap_or("(journal)");
                format!("restore of set `{set}`{}", below(&args.which.sets))
            }
            Command::Verify(args) => {
                let set = args.set.as_ref().map_or("all sets".to_owned(), |set| format!("`{set}`"));
                format!("verification of {set}{}", below(&args.sets))
            }
            Command::Drill(args) => format!("drill of `{}`{}", args.set, below(&args.sets)),
            _ => return None,
        })
    }

    fn meaning(code: Exit) -> &'static str {
        match event(code) {
            Event::Done => "done",
            Event::Incomplete => "finished, something is missing",
            Event::Damage => "damage was found",
            Event::NotTruncated => "the set is good, the logs on the CA were not truncated",
            Event::TruncationUnknown => "the set is good, whether the logs were truncated is not known",
            Event::Cancelled => "ended before it was done, as it was told to",
            _ => "failed",
        }
    }

    fn event(code: Exit) -> Event {
        match code {
            Exit::Done => Event::Done,
            Exit::Incomplete => Event::Incomplete,
            Exit::Damage => Event::Damage,
            Exit::NotTruncated => Event::NotTruncated,
            Exit::TruncationUnknown => Event::TruncationUnknown,
            Exit::NoRepository | Exit::Full | Exit::ReadOnly => Event::Medium,
            Exit::Locked | Exit::Busy => Event::Busy,
            Exit::Unreachable => Event::Unreachable,
            Exit::Refused => Event::Refused,
            Exit::Cancelled => Event::Cancelled,
            _ => Event::Failed,
        }
    }
}
