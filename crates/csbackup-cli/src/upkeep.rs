//! `forget`, `mark`, `prune`, `check`, `repair`.

mod forget;
mod repository;

use csbackup::NoteBody;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::args::Mark;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::report;
use crate::sets::Kept;

pub(crate) use forget::forget;
pub(crate) use repository::{check, prune, repair};

/// Puts a set on hold, or lifts its holds.
pub(crate) fn mark(args: &Mark, printer: Printer) -> anyhow::Result<Exit> {
    let name = args.ca_name.as_deref();
    let medium = Kept::existing(&args.place, name)?;
    let set = medium.catalogue(name)?.find(&args.set)?.clone();
    let body = match &args.reason {
        Some(reason) if args.hold => {
            let until = args.until.map(|until| until.moment_ahead()).transpose()?;
            if until.is_some_and(|until| until <= OffsetDateTime::now_utc()) {
                anyhow::bail!("a hold until then would not hold: that time is over");
            }
            let until = until.and_then(|until| until.replace_nanosecond(0).ok()?.format(&Rfc3339).ok());
            NoteBody::Hold { reason: reason.clone(), until }
        }
        _ => NoteBody::Released,
    };
    medium.note(&set, body)?;
    // A hold on a set that was being removed meanwhile is none.
    let set = medium.load(&set)?;
    let catalogue = medium.catalogue(name)?;
    let text = match set.hold(OffsetDateTime::now_utc()) {
        Some(hold) => format!("set {} is {hold}", set.id),
        None => format!("set {} is on no hold", set.id),
    };
    printer.result("set", report::set_value(&catalogue, &set), &text);
    Ok(Exit::Done)
}
