//! The second half of invariant 1: publish, read back, truncate, End.

use super::collect::Collected;
use super::reverted::{ADVICE, lost_requests};
use super::{Ended, Intention, Run, Truncation, read_back_note};
use crate::manifest::{Kind, SetId, Severity};
use crate::medium::StoredSet;
use crate::note::{LogRange, NoteBody, ReadExtent, TruncationOutcome};
use crate::session::Session;
use crate::verify::{VerifyLevel, read_back, verify_stored};
use crate::{Catalogue, Error, FindingEntry, SetState, Step, StoreTrouble};

/// Publishes a collected set and carries the session to its end.
pub(super) fn finish(
    run: &mut Run<'_>,
    mut session: Session<'_>,
    collected: Collected<'_>,
    mut intention: Intention,
) -> Result<Ended, Error> {
    let Collected { writer, manifest, started, log_directory } = collected;
    let bytes = manifest.encode();
    let id = SetId::of(started, manifest.kind, &bytes);
    let set = writer.publish(&id, &manifest, &bytes)?;
    run.observer.step(&Step::Published(id.to_string()));

    let extent = run.options.verify_store;
    let proof = read_back(run.medium, &set, extent, run.observer);
    if let Err(Error::Cancelled) = proof {
        return Err(Error::Cancelled);
    }
    if let Some(note) = read_back_note(&proof, extent) {
        run.medium.note(&set, note)?;
        run.observer.step(&Step::ReadBack(id.to_string()));
    }

    let verified = verify(run, &set, &proof);
    if let Err(Error::Cancelled) = verified {
        return Err(Error::Cancelled);
    }

    let before = log_range(run, log_directory.as_deref());
    first_full_gives_up(run, &set, before);
    if proof.is_ok()
        && let Some(back) = lost_requests(run, &set)
    {
        run.observer.warning(&format!("{back}; {ADVICE}"));
        intention = intention.or_withhold_if(Some(back));
    }
    let mut decided = decide(run, &set, &proof, &verified, intention);
    if let Intention::Truncate = decided
        && let Err(why) = run.copies.suffice(&set)
    {
        decided = Intention::Withhold(why);
    }
    let gap_alone = matches!(decided, Intention::CloseGap(_));
    let truncation = match decided {
        Intention::Truncate => truncate(run, &mut session, log_directory.as_deref(), before),
        Intention::NotAsked => {
            Truncation { outcome: TruncationOutcome::NotAsked, before, ..Truncation::default() }
        }
        Intention::CloseGap([low, high]) => {
            withhold(run, format!("generations 0x{low:x}-0x{high:x} are in no set yet"), before)
        }
        Intention::Withhold(why) => withhold(run, why, before),
    };
    note(run, &set, truncation_note(&truncation));
    let ended = session.end();
    run.observer.step(&Step::Ended);
    let detail = ended.as_ref().err().map(ToString::to_string);
    if let Some(detail) = &detail {
        run.observer.warning(&format!("the session did not end cleanly on the CA: {detail}"));
    }
    note(run, &set, NoteBody::SessionEnd { good: ended.is_ok(), detail });
    proof?;
    Ok(Ended { set, truncation, ended: ended.is_ok(), gap_alone })
}

fn withhold(run: &Run<'_>, why: String, before: Option<LogRange>) -> Truncation {
    run.observer.warning(&format!("the CA keeps its logs: {why}"));
    Truncation { outcome: TruncationOutcome::Withheld, detail: Some(why), before, after: None }
}

/// Verifies beyond the streaming part, as asked; returns the worst finding.
///
/// A set that was not read back is not worth it.
fn verify(run: &Run<'_>, set: &StoredSet, proof: &Result<(), Error>) -> Result<Option<FindingEntry>, Error> {
    let level = run.options.verify;
    if level == VerifyLevel::Stream || proof.is_err() {
        return Ok(None);
    }
    let catalogue = Catalogue::load(run.medium, Some(&run.ca))?;
    let report = match verify_stored(run.medium, &catalogue, set, level, run.observer) {
        // A host that cannot read what it wrote has checked the logs as they came, and read them back.
        Err(Error::Store { trouble: StoreTrouble::NoKey, reason, .. })
            if set.manifest.kind == Kind::Incremental =>
        {
            let text = format!("{} is not compared with the database that it continues: {reason}", set.id);
            run.observer.warning(&text);
            return Ok(None);
        }
        report => report?,
    };
    let misread = catalogue.sets().iter().find(|base| report.misread_base.as_ref() == Some(&base.id));
    if let Some(base) = misread {
        let detail = Some(format!("found by the verification of {}", set.id));
        run.medium.note(base, NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail })?;
    }
    let own = || report.all_findings().filter(|(_, finding)| !finding.code.starts_with("base-"));
    let worst = own().map(|(_, finding)| finding.severity).max().max(set.manifest.worst());
    let findings = own().count() + set.manifest.all_findings().count();
    run.medium.note(set, NoteBody::Verified { level, worst, findings })?;
    run.observer.step(&Step::Verified(set.id.to_string()));
    Ok(report.all_findings().map(|(_, finding)| finding).max_by_key(|finding| finding.severity).cloned())
}

/// The set is good and the CA has done what it did: that it cannot be noted must not hide this.
fn note(run: &Run<'_>, set: &StoredSet, body: NoteBody) {
    if let Err(error) = run.medium.note(set, body) {
        run.observer.warning(&format!("what came of the session could not be noted beside the set: {error}"));
    }
}

/// INVARIANT: only a set that is whole, undamaged, published and read back permits truncation.
fn decide(
    run: &Run<'_>,
    set: &StoredSet,
    proof: &Result<(), Error>,
    verified: &Result<Option<FindingEntry>, Error>,
    intention: Intention,
) -> Intention {
    if let (Intention::NotAsked, _) | (_, true) = (&intention, run.observer.cancelled()) {
        return match intention {
            Intention::NotAsked => Intention::NotAsked,
            _ => Intention::Withhold("the run was cancelled".to_owned()),
        };
    }
    let damaged = set.manifest.all_findings().map(|(_, finding)| finding);
    let verified_badly = verified.as_ref().ok().and_then(Option::as_ref);
    let damaged = damaged.chain(verified_badly).find(|finding| finding.severity == Severity::Error);
    match (proof, damaged) {
        (Err(error), _) => Intention::Withhold(format!("the set could not be read back: {error}")),
        (_, Some(finding)) if finding.code.starts_with("base-") => Intention::Withhold(finding.text.clone()),
        (_, Some(finding)) => Intention::Withhold(format!("the set has damage: {}", finding.text)),
        (Ok(()), None) => match verified {
            Err(error) => Intention::Withhold(format!("the set could not be verified: {error}")),
            Ok(_) => intention.or_withhold_if(sampled(run, set)),
        },
    }
}

/// INVARIANT: what was read back by a sample only permits no truncation, of its own logs or of later ones.
fn sampled(run: &Run<'_>, set: &StoredSet) -> Option<String> {
    if run.options.verify_store == ReadExtent::Sample {
        return Some("the set was read back by a sample only".to_owned());
    }
    let base = run.catalogue.base_of(set)?;
    let sampled = run.catalogue.state(base) == SetState::Sampled;
    sampled.then(|| format!("what it continues, {}, was read back by a sample only", base.id))
}

fn truncate(
    run: &Run<'_>,
    session: &mut Session<'_>,
    log_directory: Option<&str>,
    before: Option<LogRange>,
) -> Truncation {
    let answer = session.truncate();
    run.observer.step(&Step::Truncated);
    let after = log_range(run, log_directory);
    if let (Ok(()), Some((before, after))) = (&answer, before.zip(after)) {
        run.hoarding.kept(before, after, run.observer);
    }
    let (outcome, detail) = match answer {
        Ok(()) if before.is_some() && before == after => {
            let none = "the CA reported success but deleted no log: its checkpoint is behind them";
            (TruncationOutcome::Done, Some(none.to_owned()))
        }
        Ok(()) => (TruncationOutcome::Done, None),
        Err(error) if error.is_lost() => {
            let text = "the reply to the truncation was lost: whether logs were deleted is unknown";
            run.observer.warning(text);
            (TruncationOutcome::Unknown, Some(text.to_owned()))
        }
        Err(error) => {
            run.observer.warning(&format!("the CA keeps its logs: {error}"));
            (TruncationOutcome::Refused, Some(error.to_string()))
        }
    };
    Truncation { outcome, detail, before, after }
}

fn truncation_note(truncation: &Truncation) -> NoteBody {
    let Truncation { outcome, detail, before, after } = truncation.clone();
    NoteBody::Truncation { outcome, detail, before, after }
}

/// The logs that lie in the CA's log directory, where it can be listed from here.
fn log_range(run: &Run<'_>, log_directory: Option<&str>) -> Option<LogRange> {
    let names = run.files.list(log_directory?).ok()?;
    let generations = crate::check::listed_generations(names.iter().map(String::as_str));
    let low = generations.iter().min().map_or(0, |generation| generation.0);
    let high = generations.iter().max().map_or(0, |generation| generation.0);
    Some(LogRange { count: u32::try_from(generations.len()).unwrap_or(u32::MAX), low, high })
}

/// A full backup that no chain of its log stream precedes says which generations it gives up.
fn first_full_gives_up(run: &Run<'_>, set: &StoredSet, before: Option<LogRange>) {
    let logs = set.manifest.logs();
    let Some((_, log)) = logs.first() else { return };
    let first = log.generation;
    let preceded = || run.catalogue.head_of_stream(&log.signature).is_some();
    if set.manifest.kind != Kind::Full || run.options.keep_logs || preceded() {
        return;
    }
    let low = before.filter(|range| range.count > 0).map_or(1, |range| range.low);
    if low < first {
        run.observer.warning(&format!(
            "logs below generation 0x{first:x} are older than this set and in no set of their log stream; they are not needed to restore it"
        ));
    }
}
