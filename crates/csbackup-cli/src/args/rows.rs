//! Arguments of the commands that look inside: rows, files, differences.

use std::path::PathBuf;

use ca_database::{Disposition, Glob, IdRange};

use super::{Point, ScratchArgs, Sets};
use crate::look::{Sort, When};

/// What to look into.
#[derive(Debug, clap::Args)]
pub(crate) struct Inside {
    /// Set id, a unique prefix of it, or `latest` (with --dir or --repo); otherwise the path of a set, of a
    /// `certutil` backup, of any folder with the database of a CA, or of one `.edb`
    pub(crate) set: String,

    /// Only sets of this CA
    #[arg(long, value_name = "NAME", requires = "sets_in")]
    pub(crate) ca_name: Option<String>,

    /// As it was then: the logs are replayed on a scratch copy, to the end of the set, or to any point between
    /// the backups (`end`, a log generation such as 0x1f, a time)
    #[arg(long, value_name = "TIME|GENERATION|end", value_parser = Point::parse)]
    pub(crate) at: Option<Point>,

    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,

    #[command(flatten)]
    pub(crate) sets: Sets,
}

/// How rows are shown.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Columns in this order; `help` lists them
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,

    /// Comma-separated values with a header line, safe to open in a spreadsheet
    #[arg(long)]
    pub(crate) csv: bool,

    /// Sort by a column, with `:desc` the other way round; keeps all rows in memory
    #[arg(long, value_name = "COLUMN[:desc]")]
    pub(crate) sort: Option<Sort>,

    /// At most so many rows
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<usize>,

    /// Only tell how many there are
    #[arg(long, conflicts_with_all = ["csv", "columns", "sort"])]
    pub(crate) count: bool,
}

/// Which certificates. Times: `2026-11-22`, RFC 3339, or `30d` from now (also h, w, y).
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which (all that is given must hold)")]
pub(crate) struct CertArgs {
    /// Issued at this time or later; `30d` is 30 days ago
    #[arg(long, value_name = "TIME", value_parser = When::parse, allow_hyphen_values = true)]
    pub(crate) issued_since: Option<When>,

    /// Issued before this time; `30d` is 30 days ago
    #[arg(long, value_name = "TIME", value_parser = When::parse, allow_hyphen_values = true)]
    pub(crate) issued_before: Option<When>,

    /// End of validity before this time; `30d` is in 30 days
    #[arg(long, value_name = "TIME", value_parser = When::parse, allow_hyphen_values = true)]
    pub(crate) expires_before: Option<When>,

    /// End of validity at this time or later; `30d` is in 30 days
    #[arg(long, value_name = "TIME", value_parser = When::parse, allow_hyphen_values = true)]
    pub(crate) expires_after: Option<When>,

    /// Template: name or object identifier, `*` and `?` allowed
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) template: Option<Glob>,

    /// Account that asked: `DOMAIN\name`, or the name alone
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) requester: Option<Glob>,

    /// Serial number in hex
    #[arg(long, value_name = "HEX", value_parser = hex)]
    pub(crate) serial: Option<String>,

    /// SHA-1 or SHA-256 of the certificate in hex
    #[arg(long, value_name = "HEX", value_parser = hex)]
    pub(crate) thumbprint: Option<String>,

    /// Subject: all of it, or its common name
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) subject: Option<Glob>,

    /// Any alternative name of the subject
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) san: Option<Glob>,

    /// Number of the request, or a range of them; may be repeated
    #[arg(long = "request-id", value_name = "N|A-B", value_parser = ids)]
    pub(crate) request_ids: Vec<IdRange>,

    /// Disposition: issued, revoked, ca-certificate, ..., or its number
    #[arg(long = "disposition", value_name = "NAME,..", value_delimiter = ',', value_parser = disposition)]
    pub(crate) dispositions: Vec<Disposition>,

    /// Revoked
    #[arg(long)]
    pub(crate) revoked: bool,

    /// Within the validity now, and not revoked
    #[arg(long, conflicts_with = "revoked")]
    pub(crate) valid: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Certs {
    #[command(flatten)]
    pub(crate) inside: Inside,

    #[command(flatten)]
    pub(crate) which: CertArgs,

    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Requests {
    #[command(flatten)]
    pub(crate) inside: Inside,

    /// Came in at this time or later; `30d` is 30 days ago
    #[arg(long, value_name = "TIME", value_parser = When::parse, allow_hyphen_values = true)]
    pub(crate) submitted_since: Option<When>,

    /// Came in before this time; `30d` is 30 days ago
    #[arg(long, value_name = "TIME", value_parser = When::parse, allow_hyphen_values = true)]
    pub(crate) submitted_before: Option<When>,

    /// Template that was asked for or issued, `*` and `?` allowed
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) template: Option<Glob>,

    /// Account that asked: `DOMAIN\name`, or the name alone
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) requester: Option<Glob>,

    /// Subject: all of it, or its common name
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) subject: Option<Glob>,

    /// Number of the request, or a range of them; may be repeated
    #[arg(long = "request-id", value_name = "N|A-B", value_parser = ids)]
    pub(crate) request_ids: Vec<IdRange>,

    /// Disposition: pending, issued, denied, failed, revoked, ..., or its number
    #[arg(long = "disposition", value_name = "NAME,..", value_delimiter = ',', value_parser = disposition)]
    pub(crate) dispositions: Vec<Disposition>,

    /// With an archived private key
    #[arg(long)]
    pub(crate) archived: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Crls {
    #[command(flatten)]
    pub(crate) inside: Inside,

    /// CRL number, or a range of them; may be repeated
    #[arg(long = "number", value_name = "N|A-B", value_parser = ids)]
    pub(crate) numbers: Vec<IdRange>,

    /// Valid now
    #[arg(long)]
    pub(crate) valid: bool,

    /// Only delta CRLs
    #[arg(long, conflicts_with = "base")]
    pub(crate) delta: bool,

    /// Only base CRLs
    #[arg(long)]
    pub(crate) base: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) inside: Inside,

    /// Folder for one file each: `<request>-<serial>.cer`
    #[arg(long, value_name = "DIR", required_unless_present = "bundle")]
    pub(crate) to: Option<PathBuf>,

    /// One PEM file with all of them
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,

    /// Files in PEM instead of DER
    #[arg(long)]
    pub(crate) pem: bool,

    /// The CA's own certificates and those above it too, whatever else is asked for
    #[arg(long)]
    pub(crate) chain: bool,

    /// All certificate revocation lists instead of certificates
    #[arg(long, conflicts_with = "requests")]
    pub(crate) crls: bool,

    /// The requests of these certificates instead, as they came in (into --to only)
    #[arg(long, conflicts_with_all = ["bundle", "pem"], requires = "to")]
    pub(crate) requests: bool,

    /// Write over files that are there
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) which: CertArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// The older: set id, prefix or `latest` (with --dir or --repo), or a path as for `certs`
    pub(crate) from: String,

    /// The newer; it may be the same set again, at another point
    pub(crate) to: String,

    /// Only sets of this CA
    #[arg(long, value_name = "NAME", requires = "sets_in")]
    pub(crate) ca_name: Option<String>,

    /// The older as it was then, as `--at` of `certs`; without points, sets of one chain are compared at their ends
    #[arg(long, value_name = "TIME|GENERATION|end", value_parser = Point::parse)]
    pub(crate) from_at: Option<Point>,

    /// The newer as it was then
    #[arg(long, value_name = "TIME|GENERATION|end", value_parser = Point::parse)]
    pub(crate) to_at: Option<Point>,

    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,

    #[command(flatten)]
    pub(crate) sets: Sets,
}

#[expect(clippy::unnecessary_wraps, reason = "the form that clap asks for")]
fn glob(text: &str) -> Result<Glob, String> {
    Ok(Glob::new(text))
}

fn hex(text: &str) -> Result<String, String> {
    let digits = text.chars().filter(|c| !matches!(c, ' ' | ':' | '-'));
    let fits = digits.clone().count() > 0 && digits.clone().all(|c| c.is_ascii_hexdigit());
    if fits { Ok(digits.collect()) } else { Err("expected hex digits".to_owned()) }
}

fn ids(text: &str) -> Result<IdRange, String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let number =
        |text: &str| text.trim().parse().map_err(|_| "expected a number, or two as in 10-20".to_owned());
    let range = IdRange { from: number(from)?, to: number(to)? };
    if range.from > range.to { Err("the first number is above the second".to_owned()) } else { Ok(range) }
}

fn disposition(text: &str) -> Result<Disposition, String> {
    Disposition::parse(text).ok_or_else(|| "no such disposition".to_owned())
}
