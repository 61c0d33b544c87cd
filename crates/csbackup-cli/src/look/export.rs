//! Certificates, revocation lists and requests into files.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ca_database::{CertFilter, CertificateRow, Disposition};
use csbackup::Look;
use pem_rfc7468::LineEnding;
use serde_json::json;

use super::source::Losses;
use super::{cert_filter, inside};
use crate::args::Export;
use crate::exit::Exit;
use crate::printer::Printer;

pub(crate) fn export(args: &Export, printer: Printer) -> anyhow::Result<Exit> {
    let filter = cert_filter(&args.which)?;
    let opened = inside(&args.inside, printer)?;
    let (look, mut losses) = (&opened.look, Losses::new(&opened, printer));
    let mut target = Target::create(args, printer)?;
    if args.crls {
        crls(look, &mut target, &mut losses)?;
    } else {
        certificates(look, &filter, args, &mut target, &mut losses)?;
    }
    target.finish()?;
    losses.finish()
}

fn certificates(
    look: &Look,
    filter: &CertFilter,
    args: &Export,
    target: &mut Target<'_>,
    losses: &mut Losses,
) -> anyhow::Result<()> {
    for row in look.database.certificates() {
        let row = match row {
            Ok(row) => row,
            Err(lost) => {
                losses.rows(&lost);
                continue;
            }
        };
        let summary = &row.summary;
        losses.value("certificate of request", summary.request_id, summary.error.as_ref());
        let of_chain =
            [Disposition::CA_CERTIFICATE, Disposition::CA_CHAIN].map(Some).contains(&summary.disposition());
        if !(filter.matches(summary) || (args.chain && of_chain)) {
            continue;
        }
        if args.requests {
            request(look, summary.request_id, target, losses)?;
        } else if let Some(der) = &row.der {
            check_hash(&row, losses);
            let serial = summary.serial.as_deref().unwrap_or("unknown");
            let name = format!("{}-{}.cer", summary.request_id, file_part(serial));
            target.write(&name, "CERTIFICATE", der)?;
        } else if summary.is_issued() && summary.error.is_none() {
            losses.damage(&format!(
                "certificate of request {}: the row has no certificate",
                summary.request_id
            ));
        }
    }
    Ok(())
}

fn request(look: &Look, request_id: i32, target: &mut Target<'_>, losses: &mut Losses) -> anyhow::Result<()> {
    match look.database.request(request_id) {
        Ok(Some(row)) => match row.raw {
            Some(raw) => target.write(&format!("{request_id}.req"), "", &raw)?,
            None => losses.value("request", request_id, row.summary.error.as_ref()),
        },
        Ok(None) => {}
        Err(error) => losses.damage(&format!("request {request_id}: {error}")),
    }
    Ok(())
}

/// The bytes are the certificate that the CA recorded.
fn check_hash(row: &CertificateRow, losses: &mut Losses) {
    if let Some((recorded, found)) = row.recorded_hash.as_ref().zip(row.summary.sha1.as_ref())
        && !row.fits_recorded_hash()
    {
        let id = row.summary.request_id;
        losses.damage(&format!("certificate of request {id}: its SHA-1 is {found}, recorded is {recorded}"));
    }
}

fn crls(look: &Look, target: &mut Target<'_>, losses: &mut Losses) -> anyhow::Result<()> {
    for row in look.database.crls() {
        match row {
            Ok(row) => {
                let summary = &row.summary;
                losses.value("CRL in row", summary.row_id, summary.error.as_ref());
                if let Some(der) = &row.der {
                    let kind = if summary.is_delta { "delta" } else { "base" };
                    let number =
                        summary.number.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
                    target.write(&format!("{}-{kind}-{number}.crl", summary.row_id), "X509 CRL", der)?;
                }
            }
            Err(lost) => losses.rows(&lost),
        }
    }
    Ok(())
}

/// What a database calls a serial number is anybody's text.
fn file_part(serial: &str) -> String {
    serial.chars().filter(char::is_ascii_hexdigit).take(128).collect()
}

/// Where files go.
struct Target<'a> {
    args: &'a Export,
    printer: Printer,
    bundle: Option<(PathBuf, File)>,
    count: usize,
}

impl<'a> Target<'a> {
    fn create(args: &'a Export, printer: Printer) -> anyhow::Result<Self> {
        if let Some(dir) = &args.to {
            fs::create_dir_all(dir).with_context(|| format!("cannot create `{}`", dir.display()))?;
        }
        let bundle = args.bundle.as_ref().map(|path| anyhow::Ok((path.clone(), new_file(path, args.force)?)));
        Ok(Self { args, printer, bundle: bundle.transpose()?, count: 0 })
    }

    fn write(&mut self, name: &str, label: &str, der: &[u8]) -> anyhow::Result<()> {
        let pem = || pem_rfc7468::encode_string(label, LineEnding::LF, der).context("cannot write PEM");
        if let Some((path, file)) = &mut self.bundle {
            let wrote = file.write_all(pem()?.as_bytes());
            wrote.with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        if let Some(dir) = &self.args.to {
            let path = dir.join(name);
            let bytes = if self.args.pem { pem()?.into_bytes() } else { der.to_vec() };
            let wrote = new_file(&path, self.args.force)?.write_all(&bytes);
            wrote.with_context(|| format!("cannot write `{}`", path.display()))?;
            let shown = path.display().to_string();
            self.printer.result("file", json!({ "path": shown, "bytes": bytes.len() }), &shown);
        }
        self.count += 1;
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        if let Some((path, file)) = self.bundle {
            file.sync_all().with_context(|| format!("cannot write `{}`", path.display()))?;
            let shown = path.display().to_string();
            self.printer.result("file", json!({ "path": shown, "objects": self.count }), &shown);
        }
        self.printer.note(&format!("{} exported", self.count));
        Ok(())
    }
}

fn new_file(path: &Path, force: bool) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path).map_err(|source| {
        let path = path.to_owned();
        csbackup::Error::Io { doing: "write", path, source }.into()
    })
}
