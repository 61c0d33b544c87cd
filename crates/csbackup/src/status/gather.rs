//! Finds out what a place holds of a CA.

use std::collections::BTreeMap;

use ca_database::FileTime;
use certadm::Authority;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::facts::{ChainFacts, DrillFact, Facts, SetFact, Trouble, UnsavedKeys};
use super::{growth, published};
use crate::backup::{shown, unsaved};
use crate::manifest::{Ca, CertificateKey, Severity, Source};
use crate::medium::{Medium, StoredSet};
use crate::note::NoteBody;
use crate::{Catalogue, SetState, safe_name};

/// What the catalogue of a CA says, and the little that has to be read of its newest verified set; not even that
/// where it is the set of `previous`.
///
/// The catalogue is one that was loaded for this CA: what it cannot read is told as this CA's.
pub fn gather(medium: &dyn Medium, catalogue: &Catalogue, ca: &Authority, previous: Option<&Facts>) -> Facts {
    let folder = safe_name(&ca.name);
    let is_ours = |set: &&StoredSet| set.folder == folder && set.manifest.ca.name == ca.name;
    let newest_first: Vec<&StoredSet> = catalogue.current().filter(is_ours).collect();
    let newest = newest_first.first().copied();
    let verified = newest_first.iter().copied().find(|set| catalogue.state(set) == SetState::Good);
    let mut unreadable: Vec<String> =
        catalogue.unreadable.iter().map(|error| crate::verify::causes(error)).collect();
    let trouble = newest.and_then(|set| trouble(catalogue, set, &mut unreadable));
    let mut unread = Vec::new();
    let published = verified.map(|set| published::of(medium, set, previous, &mut unread));
    let certificates: Vec<CertificateKey> = match &published {
        Some(published) if !published.certificates.is_empty() => {
            published.certificates.iter().map(|certificate| certificate.key.clone()).collect()
        }
        _ => newest.and_then(|set| set.manifest.keys.clone()).unwrap_or_default(),
    };
    Facts {
        place: medium.location(),
        ca: Ca::from(ca),
        sets: catalogue.sets().iter().filter(is_ours).count(),
        newest: newest.map(set_fact),
        trouble,
        verified: verified.map(set_fact),
        longest_wait: longest_wait(catalogue, &newest_first),
        chain: verified.and_then(|set| chain(catalogue, set)),
        drills: newest_first.iter().rev().filter_map(|set| drill(set)).collect(),
        published,
        unsaved_keys: unsaved_keys(catalogue, &certificates),
        growth: growth::of(catalogue, &newest_first),
        held_logs: growth::held_logs(&newest_first),
        owed: owed(&newest_first),
        unreadable,
        unread,
    }
}

/// Days that growth and waiting are looked at.
pub(super) const WINDOW: u64 = 30 * 86_400;

/// Seconds from one moment to a later one; 0 when it is not later.
pub(super) fn seconds_between(from: FileTime, to: FileTime) -> u64 {
    u64::try_from((to.date_time() - from.date_time()).whole_seconds()).unwrap_or(0)
}

/// A time as manifests and notes have it.
fn moment(text: &str) -> Option<FileTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().and_then(|at| FileTime::try_from(at).ok())
}

/// When a set's content is of.
pub(super) fn taken(set: &StoredSet) -> Option<FileTime> {
    let imported = || {
        let logs = set.manifest.logs();
        logs.last().and_then(|(_, log)| moment(&log.created_at))
    };
    let of_import = (set.manifest.source == Source::Import).then(imported).flatten();
    of_import.or_else(|| moment(&set.manifest.finished))
}

fn set_fact(set: &StoredSet) -> SetFact {
    SetFact {
        id: set.id.to_string(),
        kind: set.manifest.kind,
        taken: taken(set),
        size: set.manifest.files.iter().fold(0, |sum, file| file.size.saturating_add(sum)),
        findings: set.manifest.all_findings().count(),
        worst: set.manifest.worst(),
        gaps: set.manifest.gaps.len(),
    }
}

/// Why a set is not good, by what is the cause of it. A set that cannot be read and is missed in the chain is one
/// defect, not two.
fn trouble(catalogue: &Catalogue, set: &StoredSet, unreadable: &mut Vec<String>) -> Option<Trouble> {
    let (mut culprit, mut state) = (set, catalogue.state(set));
    while let SetState::Orphan(text) = &state {
        let Some(base) = catalogue.base_of(culprit) else {
            let missing = culprit.manifest.base.as_ref().map(ToString::to_string).unwrap_or_default();
            let is_it = |why: &String| !missing.is_empty() && why.contains(&missing);
            let why = unreadable.iter().position(is_it).map(|place| unreadable.swap_remove(place));
            let text = format!("{}: {}", culprit.id, why.as_ref().unwrap_or(text));
            return Some(Trouble::Broken { text });
        };
        (culprit, state) = (base, catalogue.state(base));
    }
    let is_other = culprit.id != set.id;
    let about = |what: String| if is_other { format!("{}: {what}", culprit.id) } else { what };
    match state {
        SetState::Good | SetState::Orphan(_) => None,
        SetState::Sampled => Some(Trouble::Sampled),
        SetState::Misread => Some(Trouble::Misread { text: about(misread(culprit)) }),
        SetState::Damaged => match damage(culprit) {
            None => Some(Trouble::DrillFailed),
            Some(text) if is_other => Some(Trouble::Broken { text: about(text) }),
            Some(text) => Some(Trouble::Damaged { text }),
        },
        SetState::Unproven if is_other => Some(Trouble::Broken { text: about("not read back".to_owned()) }),
        SetState::Unproven => Some(Trouble::Unproven),
    }
}

fn misread(set: &StoredSet) -> String {
    let detail = set.notes.iter().rev().find_map(|note| match &note.body {
        NoteBody::ReadBack { good: false, detail, .. } => detail.clone(),
        _ => None,
    });
    detail.unwrap_or_else(|| "it is not what was written".to_owned())
}

/// What is wrong with a damaged set; `None` when only a drill says so.
fn damage(set: &StoredSet) -> Option<String> {
    let is_error = |found: &(&str, &crate::FindingEntry)| found.1.severity == Severity::Error;
    if let Some((file, finding)) = set.manifest.all_findings().find(is_error) {
        let file = certadm::base_name(file);
        let place = if file.is_empty() { String::new() } else { format!("{}: ", crate::shown_name(file)) };
        return Some(format!("{place}{}", finding.text));
    }
    let verified = set.notes.iter().rev().find_map(|note| match &note.body {
        NoteBody::Verified { worst, findings, .. } => Some((*worst, *findings)),
        _ => None,
    });
    match verified {
        Some((Some(Severity::Error), findings)) => {
            Some(format!("a later verification has {findings} findings"))
        }
        _ => None,
    }
}

fn longest_wait(catalogue: &Catalogue, newest_first: &[&StoredSet]) -> Option<u64> {
    let good = newest_first.iter().filter(|set| catalogue.state(set) == SetState::Good);
    let times: Vec<FileTime> = good.filter_map(|set| taken(set)).collect();
    let newest = *times.first()?;
    let recent = times.windows(2).filter_map(|pair| match pair {
        [later, earlier] => {
            (seconds_between(*later, newest) < WINDOW).then(|| seconds_between(*earlier, *later))
        }
        _ => None,
    });
    recent.max()
}

fn chain(catalogue: &Catalogue, set: &StoredSet) -> Option<ChainFacts> {
    let chain = catalogue.chain(set).ok()?;
    let full = chain.first()?;
    let all = chain.iter().filter_map(|set| set.manifest.generations());
    let generations = all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    Some(ChainFacts { full: full.id.to_string(), full_taken: taken(full), sets: chain.len(), generations })
}

fn drill(set: &StoredSet) -> Option<DrillFact> {
    let (at, drill) = set.drilled()?;
    let detail = drill.detail.clone();
    Some(DrillFact { set: set.id.to_string(), at: moment(at), outcome: drill.outcome, detail })
}

/// Where a key was saved once, and others came since.
fn unsaved_keys(catalogue: &Catalogue, certificates: &[CertificateKey]) -> Option<UnsavedKeys> {
    let unsaved = unsaved(catalogue, certificates);
    let last = unsaved.last?.id.to_string();
    let certificates: Vec<String> = unsaved.open.iter().map(|certificate| shown(certificate)).collect();
    (!certificates.is_empty()).then_some(UnsavedKeys { last, certificates })
}

fn owed(sets: &[&StoredSet]) -> BTreeMap<String, usize> {
    let mut owed = BTreeMap::new();
    for set in sets {
        let copied = |note: &crate::Note| match &note.body {
            NoteBody::Copied { place, good, .. } => Some((place.clone(), *good)),
            _ => None,
        };
        let last: BTreeMap<String, bool> = set.notes.iter().filter_map(copied).collect();
        for (place, _) in last.into_iter().filter(|(_, good)| !good) {
            *owed.entry(place).or_default() += 1;
        }
    }
    owed
}
