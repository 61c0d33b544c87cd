//! What an operator sees while bytes pass, and Ctrl-C.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use csbackup::{FindingEntry, Observer, Step};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::printer::Printer;
use crate::windows;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The first Ctrl-C ends the run in order (Close, End); the second one at once. Before this, while a
/// password is asked for or a connection is made, it ends the program as usual.
pub(crate) fn catch_interrupts() {
    windows::on_interrupt(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// Was the run asked to end?
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Shows a bar on a terminal, steps as JSON, warnings always.
pub(crate) struct Reporter {
    printer: Printer,
    bar: Mutex<Option<ProgressBar>>,
}

impl Reporter {
    /// From here on there is something to end in order.
    pub(crate) fn new(printer: Printer) -> Self {
        catch_interrupts();
        Self { printer, bar: Mutex::new(None) }
    }

    fn with_bar(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        if let Ok(mut bar) = self.bar.lock() {
            act(&mut bar);
        }
    }

    /// Takes the bar away, so that text does not tear it.
    fn clear(&self) {
        self.with_bar(|bar| {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        });
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Observer for Reporter {
    fn step(&self, step: &Step) {
        match step {
            Step::FileOpened(name, size) if self.printer.interactive() => self.with_bar(|bar| {
                let new = ProgressBar::with_draw_target(Some(*size), ProgressDrawTarget::stderr_with_hz(10));
                let style =
                    "{msg:24!} {bar:24} {bytes:>10} of {total_bytes:<10} {bytes_per_sec:>12} {eta:>4} left";
                if let Ok(style) = ProgressStyle::with_template(style) {
                    new.set_style(style);
                }
                new.set_message(csbackup::shown_name(certadm::base_name(name)));
                *bar = Some(new);
            }),
            Step::FileStored(_) => self.clear(),
            Step::Indexing => self
                .printer
                .note("first look into this set: its database is read once, and an index of it kept"),
            Step::Planned(kind, reason) => {
                self.printer.result(
                    "plan",
                    json!({ "kind": kind.to_string(), "reason": reason }),
                    &format!("{kind} backup: {reason}"),
                );
            }
            _ => {}
        }
    }

    fn bytes(&self, count: u64) {
        self.with_bar(|bar| {
            if let Some(bar) = bar {
                bar.inc(count);
            }
        });
    }

    fn finding(&self, file: &str, finding: &FindingEntry) {
        self.clear();
        crate::report::finding(self.printer, file, finding);
    }

    fn warning(&self, text: &str) {
        self.clear();
        self.printer.warning(text);
    }

    fn cancelled(&self) -> bool {
        interrupted()
    }
}
