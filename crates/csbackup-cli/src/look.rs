//! Look inside the database of a set.

mod cell;
mod diff;
mod export;
mod source;
mod table;
mod when;

use ca_database::{CertFilter, CertificateSummary, CrlFilter, Found, RequestFilter};

pub(crate) use diff::diff;
pub(crate) use export::export;
pub(crate) use table::Sort;
pub(crate) use when::When;

use crate::args::{CertArgs, Certs, Crls, Inside, Output, Requests};
use crate::exit::Exit;
use crate::printer::{Printer, arrives};
use crate::progress::interrupted;
use crate::rows::Rows;
use cell::Listed;
use source::{Losses, Opened, Place};
use table::Listing;

pub(crate) fn certs(args: &Certs, printer: Printer) -> anyhow::Result<Exit> {
    let filter = cert_filter(&args.which)?;
    let fits = |row: &CertificateSummary| row.is_issued() && filter.matches(row);
    list(&args.output, &args.inside, printer, |rows| rows.certificates(&filter), fits)
}

pub(crate) fn requests(args: &Requests, printer: Printer) -> anyhow::Result<Exit> {
    let filter = RequestFilter {
        submitted_since: args.submitted_since.map(When::ago).transpose()?,
        submitted_before: args.submitted_before.map(When::ago).transpose()?,
        template: args.template.clone(),
        requester: args.requester.clone(),
        dispositions: args.dispositions.clone(),
        subject: args.subject.clone(),
        request_ids: args.request_ids.clone(),
        archived: args.archived,
    };
    list(&args.output, &args.inside, printer, |rows| rows.requests(), |row| filter.matches(row))
}

pub(crate) fn crls(args: &Crls, printer: Printer) -> anyhow::Result<Exit> {
    let filter = CrlFilter {
        numbers: args.numbers.clone(),
        valid_at: args.valid.then(when::now).transpose()?,
        delta: (args.delta || args.base).then_some(args.delta),
    };
    list(&args.output, &args.inside, printer, |rows| rows.crls(), |row| filter.matches(row))
}

/// Lists the rows that fit.
fn list<R: Listed>(
    output: &Output,
    args: &Inside,
    printer: Printer,
    found: impl for<'a> FnOnce(&'a Rows<'_>) -> Found<'a, R>,
    fits: impl Fn(&R) -> bool,
) -> anyhow::Result<Exit> {
    let Some(mut listing) = Listing::new(output, printer)? else { return Ok(Exit::Done) };
    let opened = inside(args, printer)?;
    let rows = Rows::of(&opened.look, printer)?;
    let mut losses = Losses::new(&opened, printer).counted(&rows);
    for row in found(&rows) {
        if !goes_on()? || listing.is_full() {
            break;
        }
        match row {
            Ok(row) => {
                losses.value(R::ROW, row.id(), row.error());
                if fits(&row) {
                    listing.push(&row)?;
                }
            }
            Err(lost) => losses.rows(&lost),
        }
    }
    listing.finish()?;
    losses.finish()
}

/// Is there anybody to list for? An error when the run is cancelled, or its output cannot be written.
fn goes_on() -> anyhow::Result<bool> {
    if interrupted() {
        return Err(csbackup::Error::Cancelled.into());
    }
    arrives()
}

fn inside(args: &Inside, printer: Printer) -> anyhow::Result<Opened> {
    let Inside { set, ca_name, at, scratch, sets } = args;
    let place = Place { name: set, sets, ca_name: ca_name.as_deref(), scratch, option: "--at" };
    let opened = place.open(*at, printer)?;
    place.tell(&opened, printer);
    Ok(opened)
}

fn cert_filter(args: &CertArgs) -> anyhow::Result<CertFilter> {
    Ok(CertFilter {
        issued_since: args.issued_since.map(When::ago).transpose()?,
        issued_before: args.issued_before.map(When::ago).transpose()?,
        expires_after: args.expires_after.map(When::ahead).transpose()?,
        expires_before: args.expires_before.map(When::ahead).transpose()?,
        template: args.template.clone(),
        requester: args.requester.clone(),
        serial: args.serial.clone(),
        thumbprint: args.thumbprint.clone(),
        revoked: args.revoked,
        dispositions: args.dispositions.clone(),
        subject: args.subject.clone(),
        san: args.san.clone(),
        request_ids: args.request_ids.clone(),
        valid_at: args.valid.then(when::now).transpose()?,
    })
}
