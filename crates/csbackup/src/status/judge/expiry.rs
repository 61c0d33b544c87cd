//! Alarms about what ends: CRLs and the CA's certificate.

use ca_database::FileTime;

use super::Judge;
use crate::shown_name;
use crate::status::alarm::{AlarmCode, Word};
use crate::status::facts::{CaCertificate, Crl};
use crate::status::span;

/// So long may a CA take to publish what it meant to, in seconds.
const PUBLISHING: i64 = 3_600;

impl Judge<'_> {
    /// The CA's certificate that ends last: older ones end in their time and nobody need care.
    pub(super) fn newest_certificate(&self) -> Option<&CaCertificate> {
        self.certificates().iter().max_by_key(|certificate| certificate.not_after)
    }

    fn certificates(&self) -> &[CaCertificate] {
        self.facts.published.as_ref().map_or(&[], |published| &published.certificates)
    }

    /// The CRLs of keys whose certificate has not ended: nobody publishes the others any more.
    pub(super) fn own_crls(&self) -> impl Iterator<Item = &Crl> {
        let certificates = self.certificates();
        let is_needed = move |crl: &&Crl| {
            let mut own = certificates.iter().filter(|certificate| crl.is_of(certificate)).peekable();
            own.peek().is_none() || own.any(|own| own.not_after.is_none_or(|end| self.since(end) <= 0))
        };
        self.facts.published.iter().flat_map(|published| &published.crls).filter(is_needed)
    }

    pub(super) fn expiries(&mut self) {
        if !self.believed {
            return;
        }
        self.certificate();
        let base: Vec<Crl> = self.own_crls().filter(|crl| !crl.is_delta).cloned().collect();
        let left = |judge: &Self, crl: &Crl| crl.next_update.map(|end| -judge.since(end));
        let late = base.iter().filter(|crl| self.policy.offline || self.was_late(crl.next_publish));
        let mut ending: Vec<(i64, &Crl)> = late.filter_map(|crl| Some((left(self, crl)?, crl))).collect();
        ending.sort_by_key(|(left, _)| *left);
        let ended = ending.iter().find(|(left, _)| *left <= 0);
        if let Some((left, crl)) = ended {
            let text = format!("{} ended {} ago", shown(crl), span(left.unsigned_abs()));
            self.raise(AlarmCode::CrlExpired, Word::Critical, text);
        }
        if let Some((left, crl)) = ending.iter().find(|(left, _)| *left > 0) {
            let left = left.unsigned_abs();
            let text = format!("{} ends in {}", shown(crl), span(left));
            let (warning, critical) = (self.policy.crl_warning, self.policy.crl_critical);
            self.ending(AlarmCode::CrlExpiring, left, [warning.as_secs(), critical.as_secs()], text);
        }
        self.delta(&base);
    }

    fn ending(&mut self, code: AlarmCode, left: u64, [warning, critical]: [u64; 2], text: String) {
        if left <= critical {
            self.raise(code, Word::Critical, text);
        } else if left <= warning {
            self.raise(code, Word::Warning, text);
        }
    }

    /// A CA publishes its next list shortly before the last one ends. Had that time come when the set was taken?
    /// If not, the next list may be there by now, and only the next set can tell.
    fn was_late(&self, next_publish: Option<FileTime>) -> bool {
        next_publish.is_none_or(|meant| self.was_past(meant))
    }

    /// Was a moment past when the set was taken?
    fn was_past(&self, moment: FileTime) -> bool {
        let taken = self.facts.published.as_ref().and_then(|published| published.taken);
        taken.is_none_or(|taken| (taken.date_time() - moment.date_time()).whole_seconds() > PUBLISHING)
    }

    /// Delta lists live for a day: by the next set the one of the last is always old. So it counts whether they had
    /// ended when the set was taken. A list that was not renewed with its base list is of an earlier time, when
    /// there were delta lists.
    fn delta(&mut self, base: &[Crl]) {
        let is_left_over = |delta: &Crl| {
            let of_key =
                base.iter().filter(|crl| (&crl.key_id, &crl.issuer) == (&delta.key_id, &delta.issuer));
            of_key
                .filter_map(|crl| crl.this_update.zip(delta.this_update))
                .any(|(base, delta)| (base.date_time() - delta.date_time()).whole_seconds() > PUBLISHING)
        };
        let had_ended = |crl: &&Crl| {
            let ended = crl.next_update.is_some_and(|end| self.was_past(end));
            crl.is_delta && ended && !is_left_over(crl)
        };
        let ended = self.own_crls().find(had_ended).cloned();
        if let Some(crl) = ended {
            let text = format!("{} had ended when the newest verified set was taken", shown(&crl));
            self.raise(AlarmCode::DeltaCrlExpired, Word::Warning, text);
        }
    }

    fn certificate(&mut self) {
        let Some(newest) = self.newest_certificate() else { return };
        let Some(end) = newest.not_after else { return };
        let name = shown_name(&newest.key.subject);
        let left = -self.since(end);
        let span = span(left.unsigned_abs());
        if left <= 0 {
            let text = format!("the CA's certificate {name} ended {span} ago");
            return self.raise(AlarmCode::CertificateExpired, Word::Critical, text);
        }
        let text = format!("the CA's certificate {name} ends in {span}");
        let (warning, critical) = (self.policy.certificate_warning, self.policy.certificate_critical);
        let limits = [warning.as_secs(), critical.as_secs()];
        self.ending(AlarmCode::CertificateExpiring, left.unsigned_abs(), limits, text);
    }
}

fn shown(crl: &Crl) -> String {
    let kind = if crl.is_delta { "delta CRL" } else { "CRL" };
    let number = crl.number.as_ref().map(|number| format!(" {number}")).unwrap_or_default();
    format!("{kind}{number} (`{}`)", shown_name(&crl.path))
}
