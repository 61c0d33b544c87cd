//! Metrics in the text format of Prometheus, for a textfile collector.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use ca_database::FileTime;
use csbackup::status::CaStatus;
use time::OffsetDateTime;

/// One value of a metric: of a CA, with further labels.
type Sample<'a> = (&'a str, Vec<(&'a str, &'a str)>, f64);

/// Replaces a file at once: whoever collects it never sees half of it.
pub(super) fn write(path: &Path, all: &[(String, CaStatus)], now: OffsetDateTime) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let replace = || -> anyhow::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text(all, now).as_bytes())?;
        // It is for another account, and names nobody but CAs.
        #[cfg(unix)]
        file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.persist(path)?;
        Ok(())
    };
    replace().with_context(|| format!("cannot write the metrics to `{}`", path.display()))
}

/// The metrics, with their meaning.
pub(crate) fn text(all: &[(String, CaStatus)], now: OffsetDateTime) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, samples: Vec<Sample<'_>>| {
        if samples.is_empty() {
            return;
        }
        let _ = writeln!(text, "# HELP csbackup_{name} {help}\n# TYPE csbackup_{name} gauge");
        for (ca, labels, value) in samples {
            let _ = write!(text, "csbackup_{name}{{ca=\"{}\"", escaped(ca));
            for (label, of) in labels {
                let _ = write!(text, ",{label}=\"{}\"", escaped(of));
            }
            let _ = writeln!(text, "}} {value}");
        }
    };
    let each = |value: &dyn Fn(&CaStatus) -> Option<f64>| -> Vec<Sample<'_>> {
        let sample = |(name, status): &(String, CaStatus)| Some((name.clone(), value(status)?));
        let found: Vec<(String, f64)> = all.iter().filter_map(sample).collect();
        let named = |(name, value): (String, f64)| {
            let (name, _) = all.iter().find(|(other, _)| *other == name)?;
            Some((name.as_str(), Vec::new(), value))
        };
        found.into_iter().filter_map(named).collect()
    };
    metric(
        "status",
        "0 ok, 1 warning, 2 critical, 3 unknown.",
        each(&|status| Some(status.word.exit_code().into())),
    );
    let alarms = all.iter().flat_map(|(name, status)| {
        status.alarms.iter().map(move |alarm| {
            (name.as_str(), vec![("code", alarm.code.as_str()), ("severity", alarm.severity.as_str())], 1.0)
        })
    });
    metric("alarm", "An alarm that is raised.", alarms.collect());
    let newest = each(&|status| seconds(status.newest.as_ref()?.taken));
    metric("newest_set_timestamp_seconds", "When the newest set was taken.", newest);
    let verified = each(&|status| seconds(status.verified.as_ref()?.taken));
    metric("verified_set_timestamp_seconds", "When the newest verified set was taken.", verified);
    let drilled = each(&|status| seconds(status.passed_drill.as_ref()?.at));
    metric("passed_drill_timestamp_seconds", "When the last drill passed.", drilled);
    let promised = each(&|status| number(status.rpo.promised_seconds));
    metric("promised_rpo_seconds", "The longest time without a verified set that is promised.", promised);
    let crl = each(&|status| seconds(Some(status.crl.as_ref()?.at)));
    metric("crl_end_timestamp_seconds", "When the first base CRL expires.", crl);
    let certificate = each(&|status| seconds(Some(status.certificate.as_ref()?.at)));
    metric(
        "certificate_end_timestamp_seconds",
        "When the newest certificate of the CA expires.",
        certificate,
    );
    let sets = each(&|status| number(u64::try_from(status.facts.as_ref()?.sets).ok()));
    metric("sets", "Sets that can be read.", sets);
    let database = each(&|status| number(status.facts.as_ref()?.growth.database));
    metric("database_bytes", "Size of the database in the newest full backup.", database);
    let _ = writeln!(
        text,
        "# HELP csbackup_judged_timestamp_seconds When this was judged.\n\
         # TYPE csbackup_judged_timestamp_seconds gauge\ncsbackup_judged_timestamp_seconds {}",
        now.unix_timestamp()
    );
    text
}

fn seconds(at: Option<FileTime>) -> Option<f64> {
    number(u64::try_from(at?.date_time().unix_timestamp()).ok())
}

/// Exact up to 2^53.
fn number(value: Option<u64>) -> Option<f64> {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "the format has floating numbers")]
    value.map(|value| value as f64)
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
