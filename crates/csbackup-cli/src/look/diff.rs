//! What changed between two databases of a CA, as lines.

use ca_database::{CrlDifference, Difference, Entry, Kinship};
use serde_json::{Map, Value, json};

use super::cell::Listed;
use super::source::{Losses, open};
use crate::args::Diff;
use crate::exit::Exit;
use crate::printer::Printer;

pub(crate) fn diff(args: &Diff, printer: Printer) -> anyhow::Result<Exit> {
    let open = |name: &str| open(name, args.dir.as_deref(), args.ca_name.as_deref(), printer);
    let (older, newer) = (open(&args.from)?, open(&args.to)?);
    let kinship = ca_database::kinship(&older.database, &newer.database);
    if let Some(text) = about(kinship) {
        printer.warning(text);
    }
    let mut losses = Losses::new(&older, printer).and(&newer);
    let mut lines = Lines { printer, counts: [0; KINDS.len()] };
    for difference in ca_database::diff(&older.database, &newer.database) {
        match difference {
            Difference::Lost(lost) => losses.rows(&lost),
            difference => lines.row(&difference),
        }
    }
    let (crls, lost) = ca_database::diff_crls(&older.database, &newer.database);
    lost.iter().for_each(|lost| losses.rows(lost));
    crls.iter().for_each(|difference| lines.crl(difference));
    lines.summary(kinship);
    Ok(losses.finish())
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
const KINDS: [&str; 9] = [
    "issued",
    "revoked",
    "unrevoked",
    "requested",
    "changed",
    "vanished",
    "crl-published",
    "crl-removed",
    "crl-changed",
];

struct Lines {
    printer: Printer,
    counts: [usize; KINDS.len()],
}

impl Lines {
    fn row(&mut self, difference: &Difference) {
        let (kind, entry, columns) = match difference {
            Difference::Issued(entry) => ("issued", entry, Vec::new()),
            Difference::Revoked(entry) => ("revoked", entry, Vec::new()),
            Difference::Unrevoked(entry) => ("unrevoked", entry, Vec::new()),
            Difference::Requested(entry) => ("requested", entry, Vec::new()),
            Difference::Vanished(entry) => ("vanished", entry, Vec::new()),
            Difference::Changed { before, after } => ("changed", after.as_ref(), changes(before, after)),
            Difference::Lost(_) => return,
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
        };
        let delta = if crl.is_delta { "delta CRL" } else { "CRL" };
        let number = crl.number.map_or_else(|| "without a number".to_owned(), |number| number.to_string());
        let until = crl.next_update.map(|at| format!(", valid until {}", at.truncate_to_second()));
        let object = Map::from_iter([("crl".to_owned(), values(crl))]);
        self.tell(kind, object, &format!("{delta} {number}{}", until.unwrap_or_default()), &columns);
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
        let mut text = format!("{kind:<13} {what}");
        for Change { column, before, after } in changes {
            let shown = |cell: &super::cell::Cell| csbackup::shown_name(&cell.text());
            text.push_str(&format!("\n{:14}{column}: {} -> {}", "", shown(before), shown(after)));
        }
        self.printer.result("difference", Value::Object(object), &text);
    }

    fn summary(&self, kinship: Kinship) {
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
        let text = if told.is_empty() { "no difference".to_owned() } else { told.join(", ") };
        self.printer.result("diff", Value::Object(object), &text);
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
