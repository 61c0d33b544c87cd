//! Keys of the CA that no set has: a warning in every backup.

use super::beside::{Beside, shown};
use crate::catalogue::{Catalogue, SetState};
use crate::manifest::{CertificateKey, Content, KeptIn, Source};
use crate::medium::StoredSet;
use crate::{Observer, shown_name};

/// Says which keys are in no set. What this run was to save and could not is a gap of its sets already.
pub(super) fn warn(catalogue: &Catalogue, beside: &Beside, on_host: bool, observer: &dyn Observer) {
    if beside.keys_asked || beside.certificates.is_empty() {
        return;
    }
    let Unsaved { last, open } = unsaved(catalogue, &beside.certificates);
    match (last, open.as_slice()) {
        (_, []) => {}
        (None, [first, ..]) => {
            let hardware = open.iter().find(|certificate| certificate.kind == Some(KeptIn::Hardware));
            let advice = advice(hardware.unwrap_or(first), on_host);
            observer.warning(&format!("no key of this CA was ever saved here: {advice}"));
        }
        (Some(last), open) => {
            for certificate in open {
                observer.warning(&renewed(certificate, last, on_host));
            }
        }
    }
}

/// Keys of which no set is known to have them.
pub(crate) struct Unsaved<'a> {
    /// The last set that tells of saved keys.
    pub(crate) last: Option<&'a StoredSet>,
    /// Whose they are.
    pub(crate) open: Vec<&'a CertificateKey>,
}

/// Which of the keys of these certificates no set has.
pub(crate) fn unsaved<'a>(catalogue: &'a Catalogue, certificates: &'a [CertificateKey]) -> Unsaved<'a> {
    // A set that the medium did not keep is no place for a key.
    let sets = || catalogue.sets().iter().rev().filter(|set| catalogue.state(set) != SetState::Misread);
    let settled = |certificate: &&CertificateKey| {
        sets().any(|set| {
            let record = set.manifest.keys.iter().flatten();
            record.filter(|key| is_settled(key)).any(|key| key.spki_sha256 == certificate.spki_sha256)
        })
    };
    // Saved, but nobody looked: what is older than the folder may be in it.
    let imported = sets().find(|set| {
        set.manifest.source == Source::Import && set.manifest.files.iter().any(|f| f.content == Content::Key)
    });
    let may_be_imported = |certificate: &&CertificateKey| {
        imported.is_some_and(|set| certificate.valid_from <= set.manifest.started)
    };
    let open = certificates.iter().filter(|c| !settled(c) && !may_be_imported(c)).collect();
    let recorded = sets().find(|set| set.manifest.keys.iter().flatten().any(is_settled));
    Unsaved { last: recorded.or(imported), open }
}

/// Saved, or known to be where no program of ours can save it.
fn is_settled(key: &CertificateKey) -> bool {
    key.saved || key.kind == Some(KeptIn::Hardware)
}

fn renewed(certificate: &CertificateKey, last: &StoredSet, on_host: bool) -> String {
    format!(
        "key renewed since keys were last saved ({}, set {}): that of {} is in no set: {}",
        last.manifest.started,
        last.id,
        shown(certificate),
        advice(certificate, on_host)
    )
}

fn advice(certificate: &CertificateKey, on_host: bool) -> String {
    match (&certificate.kind, &certificate.provider) {
        (Some(KeptIn::Hardware), provider) => format!(
            "it is in hardware, save it by the procedure of the vendor of `{}`; `csbackup backup --with-key` takes \
             note of it",
            shown_name(provider.as_deref().unwrap_or("the provider"))
        ),
        _ if on_host => "`csbackup backup --with-key` saves it, as PKCS #12 under a password".to_owned(),
        _ => "run `csbackup backup --with-key` on the CA itself".to_owned(),
    }
}
