//! What changed between two databases of a CA, as lines.

use ca_database::{CertFilter, CrlDifference, DiffRows, Difference, Entry, Found, Kinship, Lost};
use serde_json::{Map, Value, json};

use super::cell::Listed;
use super::goes_on;
use super::source::{Losses, Opened, Place};
use crate::args::{Diff, Point};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::interrupted;
use crate::rows::Rows;

pub(crate) fn diff(args: &Diff, printer: Printer) -> anyhow::Result<Exit> {
    let (from, to) = open(args, printer)?;
    let mut losses = Losses::new(&from, printer).and(&to);
    let (older, newer) = (from.look, to.look);
    let kinship = ca_database::kinship(&older.database, &newer.database);
    if let Some(text) = about(kinship) {
        printer.warning(text);
    }
    let mut lines = Lines { printer, counts: [0; KINDS.len()], range: None };
    let (older, newer) = (Rows::of(&older, printer)?.exact(), Rows::of(&newer, printer)?.exact());
    for difference in ca_database::diff_rows(rows(&older), rows(&newer)) {
        if !goes_on()? {
            return losses.finish();
        }
        match difference {
            Difference::Lost(lost) => {
                losses.rows(&lost);
                lines.range(&lost);
            }
            Difference::Unreadable { request_id, error } => losses.value("request", request_id, Some(&error)),
            difference => lines.row(&difference),
        }
    }
    for difference in ca_database::diff_crls(until_cancelled(older.crls()), until_cancelled(newer.crls())) {
        if !goes_on()? {
            return losses.finish();
        }
        match difference {
            CrlDifference::Lost(lost) => {
                losses.rows(&lost);
                lines.range(&lost);
            }
            CrlDifference::Unreadable { row_id, error } => losses.value("CRL in row", row_id, Some(&error)),
            difference => lines.crl(&difference),
        }
    }
    goes_on()?;
    let whole = lines.summary(kinship);
    let exit = losses.finish()?;
    Ok(if exit == Exit::Done && !whole { Exit::Incomplete } else { exit })
}

fn rows<'a>(rows: &'a Rows<'_>) -> DiffRows<'a> {
    DiffRows {
        requests: until_cancelled(rows.requests()),
        certificates: until_cancelled(rows.certificates(&CertFilter::default())),
    }
}

/// Between two rows that are told many can be read.
fn until_cancelled<'a, T: 'a>(rows: Found<'a, T>) -> Found<'a, T> {
    Box::new(rows.take_while(|_| !interrupted()))
}

/// Opens both. Sets of one chain have one database: what is between them is only in their logs.
fn open(args: &Diff, printer: Printer) -> anyhow::Result<(Opened, Opened)> {
    let Diff { ca_name, sets, scratch, .. } = args;
    let place = |name, option| Place { name, sets, ca_name: ca_name.as_deref(), scratch, option };
    let (from, to) = (place(&args.from, "--from-at"), place(&args.to, "--to-at"));
    let (mut older, mut newer) = (from.open(args.from_at, printer)?, to.open(args.to_at, printer)?);
    let (a, b) = (&older.look, &newer.look);
    if a.key.is_some() && a.key == b.key && a.state.place != b.state.place {
        (older, newer) = (from.open(Some(Point::End), printer)?, to.open(Some(Point::End), printer)?);
    }
    from.tell(&older, printer);
    to.tell(&newer, printer);
    Ok((older, newer))
}

fn about(kinship: Kinship) -> Option<&'static str> {
    match kinship {
        Kinship::Same => None,
        Kinship::SameCa => Some("these are two databases of one CA: it was made anew or moved between them"),
        Kinship::Other => Some("these are databases of different CAs: the differences mean little"),
        Kinship::Unknown => Some("whether these are databases of one CA cannot be told"),
    }
}

/// What can be different, in the order of the summary.
const KINDS: [&str; 10] = [
    "issued",
    "revoked",
    "unrevoked",
    "requested",
    "changed",
    "vanished",
    "crl-published",
    "crl-removed",
    "crl-changed",
    "not-comparable",
];

struct Lines {
    printer: Printer,
    counts: [usize; KINDS.len()],
    /// The last range that was told.
    range: Option<Range>,
}

/// The table, and the numbers before and behind.
type Range = (&'static str, Option<i32>, Option<i32>);

impl Lines {
    fn row(&mut self, difference: &Difference) {
        let (kind, entry, columns) = match difference {
            Difference::Issued(entry) => ("issued", entry, Vec::new()),
            Difference::Revoked(entry) => ("revoked", entry, Vec::new()),
            Difference::Unrevoked(entry) => ("unrevoked", entry, Vec::new()),
            Difference::Requested(entry) => ("requested", entry, Vec::new()),
            Difference::Vanished(entry) => ("vanished", entry, Vec::new()),
            Difference::Changed { before, after } => ("changed", after.as_ref(), changes(before, after)),
            Difference::NotComparable(entry) => ("not-comparable", entry, Vec::new()),
            Difference::Lost(_) | Difference::Unreadable { .. } => return,
        };
        let mut object = Map::new();
        object.insert("request_id".to_owned(), Value::from(entry.request_id));
        object.insert("certificate".to_owned(), entry.certificate.as_ref().map_or(Value::Null, values));
        object.insert("request".to_owned(), entry.request.as_ref().map_or(Value::Null, values));
        self.tell(kind, object, &described(entry), &columns);
    }

    fn crl(&mut self, difference: &CrlDifference) {
        let (kind, crl, columns) = match difference {
            CrlDifference::Published(crl) => ("crl-published", crl, Vec::new()),
            CrlDifference::Removed(crl) => ("crl-removed", crl, Vec::new()),
            CrlDifference::Changed { before, after } => {
                ("crl-changed", after.as_ref(), changed(before.as_ref(), after.as_ref()))
            }
            CrlDifference::NotComparable(crl) => ("not-comparable", crl, Vec::new()),
            CrlDifference::Lost(_) | CrlDifference::Unreadable { .. } => return,
        };
        let delta = if crl.is_delta { "delta CRL" } else { "CRL" };
        let number = crl.number.map_or_else(|| "without a number".to_owned(), |number| number.to_string());
        let until = crl.next_update.map(|at| format!(", valid until {}", at.truncate_to_second()));
        let object = Map::from_iter([("crl".to_owned(), values(crl))]);
        self.tell(kind, object, &format!("{delta} {number}{}", until.unwrap_or_default()), &columns);
    }

    /// Numbers whose rows cannot be read in one of the two. Between neighbours nothing can be missing.
    fn range(&mut self, lost: &Lost) {
        let range = (lost.table, lost.after, lost.before);
        let (from, to) =
            (lost.after.map(|id| id.saturating_add(1)), lost.before.map(|id| id.saturating_sub(1)));
        if self.range == Some(range) || from.zip(to).is_some_and(|(from, to)| from > to) {
            return;
        }
        self.range = Some(range);
        let end = |id: Option<i32>| id.map_or_else(String::new, |id| id.to_string());
        let text = format!("{:<14} {} {}-{}", "unreadable", lost.table, end(from), end(to));
        let value = json!({ "table": lost.table, "from": from, "to": to, "in_motion": lost.in_motion });
        self.printer.result("unreadable", value, &text);
    }

    fn tell(&mut self, kind: &str, mut object: Map<String, Value>, what: &str, changes: &[Change]) {
        for (name, count) in KINDS.iter().zip(&mut self.counts) {
            *count += usize::from(*name == kind);
        }
        object.insert("kind".to_owned(), Value::from(kind));
        if !changes.is_empty() {
            let columns = changes.iter().map(|change| {
                let value = json!({ "before": change.before.value(), "after": change.after.value() });
                (change.column.to_owned(), value)
            });
            object.insert("columns".to_owned(), Value::Object(columns.collect()));
        }
        let mut text = format!("{kind:<14} {what}");
        for Change { column, before, after } in changes {
            let shown = |cell: &super::cell::Cell| csbackup::shown_name(&cell.text());
            text.push_str(&format!("\n{:15}{column}: {} -> {}", "", shown(before), shown(after)));
        }
        self.printer.result("difference", Value::Object(object), &text);
    }

    /// Was there nothing that could not be compared?
    fn summary(&self, kinship: Kinship) -> bool {
        let named = || KINDS.iter().zip(self.counts);
        let mut object: Map<String, Value> =
            named().map(|(name, count)| (name.replace('-', "_"), Value::from(count))).collect();
        let kinship = match kinship {
            Kinship::Same => "same-database",
            Kinship::SameCa => "same-ca",
            Kinship::Other => "other-ca",
            Kinship::Unknown => "unknown",
        };
        object.insert("kinship".to_owned(), Value::from(kinship));
        let told: Vec<String> =
            named().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
        let whole = self.range.is_none() && !told.iter().any(|told| told.ends_with("not-comparable"));
        let text = match () {
            () if !told.is_empty() => told.join(", "),
            () if whole => "no difference".to_owned(),
            () => "no difference in what can be read".to_owned(),
        };
        self.printer.result("diff", Value::Object(object), &text);
        whole
    }
}

/// A column that is not what it was.
struct Change {
    column: &'static str,
    before: super::cell::Cell,
    after: super::cell::Cell,
}

fn changes(before: &Entry, after: &Entry) -> Vec<Change> {
    let request = before.request.as_ref().zip(after.request.as_ref());
    let mut changes = request.map(|(before, after)| changed(before, after)).unwrap_or_default();
    let certificate = before.certificate.as_ref().zip(after.certificate.as_ref());
    for change in certificate.map(|(before, after)| changed(before, after)).unwrap_or_default() {
        if !changes.iter().any(|known| known.column == change.column) {
            changes.push(change);
        }
    }
    changes
}

fn changed<R: Listed>(before: &R, after: &R) -> Vec<Change> {
    let all = R::COLUMNS.iter().map(|column| Change {
        column: column.name,
        before: (column.of)(before),
        after: (column.of)(after),
    });
    all.filter(|change| change.before != change.after).collect()
}

fn values<R: Listed>(row: &R) -> Value {
    R::COLUMNS
        .iter()
        .map(|column| (column.name.to_owned(), (column.of)(row).value()))
        .collect::<Map<_, _>>()
        .into()
}

/// A request or its certificate in one line.
fn described(entry: &Entry) -> String {
    let mut parts = vec![format!("request {}", entry.request_id)];
    let request = entry.request.as_ref();
    let certificate = entry.certificate.as_ref();
    let serial = certificate.and_then(|certificate| certificate.serial.as_ref());
    parts.extend(serial.map(|serial| format!("serial {serial}")));
    let subject = certificate.and_then(|certificate| certificate.subject.as_ref());
    let subject = subject.or_else(|| request.and_then(|request| request.subject.as_ref()));
    parts.extend(subject.filter(|subject| !subject.is_empty()).cloned());
    if let Some(request) = request {
        parts.extend(request.facts.requester.as_ref().map(|name| format!("for {name}")));
        parts.push(request.facts.disposition.to_string());
        parts.extend(request.facts.revoked_reason.map(|reason| reason.to_string()));
    }
    csbackup::shown_name(&parts.join(", "))
}
