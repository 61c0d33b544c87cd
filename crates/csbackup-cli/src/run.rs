//! `run` and `watch`: what is due for the CAs of the configuration, each in a process of its own.
//!
//! A CA that hangs or fails takes no other one with it, and whatever a backup needs (locks, invariants, exit
//! codes) is that of `csbackup backup`. What is due is asked of the sets, not of a record of runs: a run that was
//! missed is caught up by the next one.

mod child;
mod due;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;

use crate::advice;
use crate::args::{Run, Watch};
use crate::config::{Config, Section};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::{catch_interrupts, interrupted};
use crate::state::{Known, State};
use child::Child;
pub(crate) use due::ago;
use due::{Due, Job};

pub(crate) fn run(args: &Run, config: Option<&Path>, printer: Printer) -> anyhow::Result<Exit> {
    let config = Config::needed(config)?;
    let cas = config.chosen(&args.cas.names)?;
    catch_interrupts();
    if args.dry_run {
        let known = Known::read()?;
        for section in cas {
            let due = due::of(&config, section, &known.of(&section.name), OffsetDateTime::now_utc(), printer);
            tell_due(section, &due?, printer);
        }
        return Ok(Exit::Done);
    }
    let state = State::open()?;
    Pass { config: &config, state: Mutex::new(state), printer, shows_idle: true }.over(&cas, args.parallel)
}

pub(crate) fn watch(args: &Watch, path: Option<&Path>, printer: Printer) -> anyhow::Result<Exit> {
    let mut config = Config::needed(path)?;
    config.chosen(&args.cas.names)?;
    catch_interrupts();
    let mut state = Mutex::new(State::open()?);
    loop {
        let pass = Pass { config: &config, state, printer, shows_idle: false };
        pass.over(&config.chosen(&args.cas.names)?, args.parallel)?;
        state = pass.state;
        let mut left = args.every;
        while !interrupted() && !left.is_zero() {
            let slice = left.min(Duration::from_millis(200));
            std::thread::sleep(slice);
            left = left.saturating_sub(slice);
        }
        if interrupted() {
            return Ok(Exit::Cancelled);
        }
        // What was changed meanwhile counts from now on; a slip ends no watch.
        match Config::needed(path).and_then(|new| new.chosen(&args.cas.names).map(|_| ()).map(|()| new)) {
            Ok(new) => config = new,
            Err(error) => printer.warning(&format!("the configuration is kept as it was: {error}")),
        }
    }
}

/// One look at all CAs.
struct Pass<'a> {
    config: &'a Config,
    state: Mutex<State>,
    printer: Printer,
    /// Says of a CA that nothing is due.
    shows_idle: bool,
}

impl Pass<'_> {
    /// Several CAs at a time, one process for each.
    fn over(&self, cas: &[&Section], parallel: NonZeroUsize) -> anyhow::Result<Exit> {
        let queue: Mutex<VecDeque<&Section>> = Mutex::new(cas.iter().copied().collect());
        let exits = Mutex::new(Vec::new());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        std::thread::scope(|scope| {
            for _ in 0..parallel.get().min(cas.len()) {
                scope.spawn(|| {
                    while let Some(section) = next().filter(|_| !interrupted()) {
                        let exit = self.ca(section);
                        exits.lock().unwrap_or_else(PoisonError::into_inner).push(exit);
                    }
                });
            }
        });
        if interrupted() {
            return Ok(Exit::Cancelled);
        }
        let mut failed: Vec<Exit> = exits.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|exit| *exit != Exit::Done);
        // One code says what it is; of several, that it went wrong.
        Ok(match failed.first() {
            None => Exit::Done,
            Some(first) if failed.iter().all(|exit| exit == first) => *first,
            Some(_) => Exit::Failed,
        })
    }

    fn ca(&self, section: &Section) -> Exit {
        let now = OffsetDateTime::now_utc();
        let due = {
            let known = self.state.lock().unwrap_or_else(PoisonError::into_inner).known.of(&section.name);
            due::of(self.config, section, &known, now, self.printer)
        };
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                let exit = crate::exit::code_of(&error);
                let mut ended = Ended::failed(exit, format!("error: {error:#}"));
                ended
                    .said
                    .extend(advice::hints(&error, false).into_iter().map(|hint| format!("hint: {hint}")));
                tell(section, None, &ended, self.printer);
                return exit;
            }
        };
        if due.is_empty() && self.shows_idle {
            tell_due(section, &due, self.printer);
        }
        let mut worst = Exit::Done;
        let mut taken: Option<String> = None;
        for mut one in due {
            // Which set is the latest may be uncertain; the new one has a name.
            if let (Job::Drill(set), Some(new)) = (&mut one.job, &taken) {
                set.clone_from(new);
            }
            if interrupted() {
                return Exit::Cancelled;
            }
            let ended = Child::of(self.config, section, &one.job).run();
            tell(section, Some(&one), &ended, self.printer);
            taken = ended.set.clone().filter(|_| matches!(one.job, Job::Backup { .. })).or(taken);
            if ended.exit == Exit::Done && one.job == Job::Prune {
                self.note_pruned(section);
            }
            if ended.exit != Exit::Done && worst == Exit::Done {
                worst = ended.exit;
            }
            // Where no set came of it, there is nothing to drill, and nothing may be forgotten.
            if ended.exit != Exit::Done && matches!(one.job, Job::Backup { .. }) {
                break;
            }
        }
        worst
    }

    fn note_pruned(&self, section: &Section) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ca(&section.name).pruned = Some(OffsetDateTime::now_utc().unix_timestamp());
        if let Err(error) = state.save() {
            self.printer.warning(&format!("{error:#}"));
        }
    }
}

/// How a process ended.
struct Ended {
    exit: Exit,
    /// The set that came of it.
    set: Option<String>,
    /// What it said that somebody should read.
    said: Vec<String>,
}

impl Ended {
    fn failed(exit: Exit, text: String) -> Self {
        Self { exit, set: None, said: vec![text] }
    }
}

fn tell_due(section: &Section, due: &[Due], printer: Printer) {
    let told: Vec<_> = due.iter().map(|due| json!({ "job": due.job.name(), "reason": due.reason })).collect();
    let mut lines: Vec<String> = due
        .iter()
        .map(|due| format!("{}: {} is due: {}", section.name, due.job.name(), due.reason))
        .collect();
    if due.is_empty() {
        lines.push(format!("{}: nothing is due", section.name));
    }
    printer.result("due", json!({ "ca": section.name, "jobs": told }), &lines.join("\n"));
}

fn tell(section: &Section, due: Option<&Due>, ended: &Ended, printer: Printer) {
    let Ended { exit, set, said } = ended;
    let value = json!({
        "ca": section.name, "job": due.map(|due| due.job.name()), "reason": due.map(|due| &due.reason),
        "exit_code": exit.number(), "set": set, "said": said,
    });
    let what = due.map_or("what is due".to_owned(), |due| format!("{} ({})", due.job.name(), due.reason));
    let mut text = match exit {
        Exit::Done => format!("{}: {what}: done", section.name),
        exit => format!("{}: {what}: FAILED with exit code {}", section.name, exit.number()),
    };
    if let Some(set) = set {
        text.push_str(&format!(", set {set}"));
    }
    for line in said {
        text.push_str(&format!("\n  {}", line.replace('\n', "\n  ")));
    }
    printer.result("job", value, &text);
}
