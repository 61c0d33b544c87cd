//! `status`: how each CA stands, judged from its sets.

mod metrics;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use certadm::Authority;
use csbackup::Error;
use csbackup::status::{Alarm, CaStatus, Countdown, Facts, Known, Policy, StatusCache, Word, span};
use serde_json::json;
use time::OffsetDateTime;

use crate::args::Status;
use crate::config::{Config, RunPolicy, Section, parsed};
use crate::copy;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::rows::cache;
use crate::sets::Kept;

pub(crate) fn status(args: &Status, config: Option<&Path>, printer: Printer) -> anyhow::Result<Exit> {
    let all = match Config::needed(config).and_then(|config| all(&config, &args.cas.names)) {
        Ok(all) => all,
        // To whoever watches, a status that cannot be told is one that is not known.
        Err(error) => {
            printer.error(&error, &[], UNKNOWN);
            return Ok(UNKNOWN);
        }
    };
    if let Some(path) = &args.metrics {
        metrics::write(path, &all, OffsetDateTime::now_utc())?;
    }
    for (name, status) in &all {
        let value = json!({ "name": name, "status": status });
        printer.result("ca_status", value, &text(name, status));
    }
    Ok(match all.iter().map(|(_, status)| status.word).max() {
        None | Some(Word::Ok) => Exit::Done,
        Some(word) => Exit::of_run(Some(i32::from(word.exit_code()))),
    })
}

/// The exit code of [`Word::Unknown`], as of all of `status`: `design.md` section 6.
const UNKNOWN: Exit = Exit::Incomplete;

/// How the CAs that were named stand, or all, in the order of the configuration.
pub(crate) fn all(config: &Config, names: &[String]) -> anyhow::Result<Vec<(String, CaStatus)>> {
    let cas = config.chosen(names)?;
    let cache = StatusCache::new(cache().unwrap_or_else(std::env::temp_dir).join("status"));
    let next = Mutex::new(cas.iter().enumerate());
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(cas.len()) {
            scope.spawn(|| {
                let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some((number, section)) = take() {
                    let status = one(config, section, &cache);
                    let name = section.name.clone();
                    found.lock().unwrap_or_else(PoisonError::into_inner).push((number, name, status));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(number, ..)| *number);
    Ok(found.into_iter().map(|(_, name, status)| (name, status)).collect())
}

/// Places that are asked at a time.
const AT_ONCE: usize = 8;

fn one(config: &Config, section: &Section, cache: &StatusCache) -> CaStatus {
    let authority = authority(section);
    match judged(config, section, &authority, cache) {
        Ok(status) => status,
        Err(error) => {
            let place = section.options.get("repo").or_else(|| section.options.get("dir"));
            let place = place.and_then(|entry| entry.value.text()).unwrap_or_default();
            let error = match error.downcast::<Error>() {
                Ok(error) => error,
                Err(error) => Error::NoSet { reason: format!("{error:#}") },
            };
            csbackup::status::out_of_reach(&authority, place, &error)
        }
    }
}

fn judged(
    config: &Config,
    section: &Section,
    authority: &Authority,
    cache: &StatusCache,
) -> anyhow::Result<CaStatus> {
    let places = parsed(config, section)?;
    let facts = |kept: &Kept| csbackup::status::facts(&**kept, authority, cache);
    // The folder is made by the first backup; that there is no set is an alarm of its own.
    let near = facts(&Kept::open(&places.sets, Some(&authority.name))?)?;
    let mut policy = policy(&RunPolicy::of(section));
    let mut far: Vec<Facts> = Vec::new();
    if let Some(copies) = &places.copies {
        policy.copies = copies.copies_before_truncate.get();
        // One that is out of reach lacks what it lacks.
        let reached = copy::far(copies, &places.sets, &authority.name)?;
        far.extend(reached.iter().filter_map(|kept| facts(kept).ok()));
    }
    let known = Known { facts: &near, far: &far, free: None };
    Ok(csbackup::status::judge(&known, &policy, OffsetDateTime::now_utc()))
}

/// The CA by what the configuration says; its host only where that is said.
fn authority(section: &Section) -> Authority {
    let target = section.options.get("ca").and_then(|entry| entry.value.text());
    let host = target.and_then(|target| target.split_once('\\')).map_or(UNKNOWN_HOST, |(host, _)| host);
    let name = section.common_name().unwrap_or(&section.name);
    Authority { host: host.to_owned(), name: name.to_owned() }
}

/// Sets of any host count.
const UNKNOWN_HOST: &str = "unknown";

fn policy(said: &RunPolicy) -> Policy {
    let usual = if said.offline { Policy::of_offline_ca() } else { Policy::default() };
    Policy {
        full: said.full,
        incremental: said.incremental,
        drill: said.drill,
        rpo: said.rpo.or(usual.rpo),
        offline: said.offline,
        crl_warning: said.crl_warning.unwrap_or(usual.crl_warning),
        crl_critical: said.crl_critical.unwrap_or(usual.crl_critical),
        certificate_warning: said.certificate_warning.unwrap_or(usual.certificate_warning),
        certificate_critical: said.certificate_critical.unwrap_or(usual.certificate_critical),
        copies: usual.copies,
    }
}

/// One line, and one for each alarm.
fn text(name: &str, status: &CaStatus) -> String {
    let age =
        |seconds: Option<u64>| seconds.map_or_else(|| "?".to_owned(), |age| format!("{} ago", span(age)));
    let ends = |what: &str, ends: &Countdown| match ends.seconds {
        Some(seconds) if seconds < 0 => format!("{what} EXPIRED {} ago", span(seconds.unsigned_abs())),
        Some(seconds) => format!("{what} for {}", span(seconds.unsigned_abs())),
        None => format!("{what} until {}", ends.at),
    };
    let mut parts = Vec::new();
    match &status.verified {
        Some(set) => parts.push(format!("verified set {}", age(set.age_seconds))),
        None if status.facts.is_some() => parts.push("no verified set".to_owned()),
        None => {}
    }
    if let Some(promised) = status.rpo.promised_seconds {
        parts.push(format!("promised {}", span(promised)));
    }
    parts.extend(status.passed_drill.as_ref().map(|drill| format!("drilled {}", age(drill.age_seconds))));
    parts.extend(status.crl.as_ref().map(|crl| ends("CRL", crl)));
    parts.extend(status.certificate.as_ref().map(|certificate| ends("certificate", certificate)));
    parts.extend(
        status.days_to_full.map(|days| format!("disk full in {}", span(days.saturating_mul(86_400)))),
    );
    let mut text = format!("{:<9} {name}: {}", status.word.as_str().to_uppercase(), parts.join(", "));
    for Alarm { code, severity, text: what, hint } in &status.alarms {
        text.push_str(&format!("\n  {severity} {code}: {what}"));
        if let Some(hint) = hint {
            text.push_str(&format!("\n    hint: {hint}"));
        }
    }
    text
}
