//! Look inside the database of a set.

mod cell;
mod diff;
mod export;
mod source;
mod table;
mod when;

use ca_database::{CertFilter, CrlFilter, RequestFilter};

pub(crate) use diff::diff;
pub(crate) use export::export;
pub(crate) use table::Sort;
pub(crate) use when::When;

use crate::args::{CertArgs, Certs, Crls, Inside, Requests};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::rows::Rows;
use source::{Losses, open};
use table::Listing;

pub(crate) fn certs(args: &Certs, printer: Printer) -> anyhow::Result<Exit> {
    let filter = cert_filter(&args.which)?;
    let Some(mut listing) = Listing::new(&args.output, printer)? else { return Ok(Exit::Done) };
    let look = inside(&args.inside, printer)?;
    let rows = Rows::of(&look, printer)?;
    let mut losses = Losses::new(&look, printer).counted(&rows);
    for row in rows.certificates(&filter) {
        match row {
            Ok(row) => {
                losses.value("certificate of request", row.request_id, row.error.as_ref());
                if row.is_issued() && filter.matches(&row) {
                    listing.push(&row)?;
                }
            }
            Err(lost) => losses.rows(&lost),
        }
        if listing.is_full() {
            break;
        }
    }
    listing.finish()?;
    Ok(losses.finish())
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
    let Some(mut listing) = Listing::new(&args.output, printer)? else { return Ok(Exit::Done) };
    let look = inside(&args.inside, printer)?;
    let rows = Rows::of(&look, printer)?;
    let mut losses = Losses::new(&look, printer).counted(&rows);
    for row in rows.requests() {
        match row {
            Ok(row) => {
                losses.value("request", row.request_id, row.error.as_ref());
                if filter.matches(&row) {
                    listing.push(&row)?;
                }
            }
            Err(lost) => losses.rows(&lost),
        }
        if listing.is_full() {
            break;
        }
    }
    listing.finish()?;
    Ok(losses.finish())
}

pub(crate) fn crls(args: &Crls, printer: Printer) -> anyhow::Result<Exit> {
    let filter = CrlFilter {
        numbers: args.numbers.clone(),
        valid_at: args.valid.then(when::now).transpose()?,
        delta: (args.delta || args.base).then_some(args.delta),
    };
    let Some(mut listing) = Listing::new(&args.output, printer)? else { return Ok(Exit::Done) };
    let look = inside(&args.inside, printer)?;
    let rows = Rows::of(&look, printer)?;
    let mut losses = Losses::new(&look, printer).counted(&rows);
    for row in rows.crls() {
        match row {
            Ok(row) => {
                losses.value("CRL in row", row.row_id, row.error.as_ref());
                if filter.matches(&row) {
                    listing.push(&row)?;
                }
            }
            Err(lost) => losses.rows(&lost),
        }
        if listing.is_full() {
            break;
        }
    }
    listing.finish()?;
    Ok(losses.finish())
}

fn inside(args: &Inside, printer: Printer) -> anyhow::Result<csbackup::Look> {
    open(&args.set, args.dir.as_deref(), args.ca_name.as_deref(), printer)
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
