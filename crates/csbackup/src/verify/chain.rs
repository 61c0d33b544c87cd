//! How an increment joins what it continues.

use super::full::Belonging;
use super::{Verification, causes, finding, read_back};
use crate::chain::ChainLogs;
use crate::manifest::{FindingEntry, Kind};
use crate::medium::{Medium, StoredSet};
use crate::note::ReadExtent;
use crate::{Catalogue, Error};

impl<'a> Verification<'a> {
    /// The database and the earlier logs of the chain of an increment.
    pub(super) fn add_chain(
        &mut self,
        medium: &'a dyn Medium,
        catalogue: &'a Catalogue,
        set: &'a StoredSet,
    ) -> Result<(), Error> {
        if set.manifest.kind != Kind::Incremental || set.manifest.base.is_none() {
            return Ok(());
        }
        for earlier in catalogue.chain(set)?.into_iter().filter(|other| other.id != set.id) {
            self.chain.push((medium, earlier));
            match self.add_stored(medium, earlier, false) {
                Err(error) if error.is_damage() => {
                    // Nothing is compared with a part of it.
                    self.databases.retain(|database| database.file.is_some());
                    let found = self.misread_base(earlier, &error);
                    self.tell_set(vec![found]);
                    return Ok(());
                }
                added => added?,
            }
        }
        Ok(())
    }

    /// That logs do not continue a chain says nothing of them where the chain is not what was written.
    pub(super) fn blame(&mut self, belonging: &mut Belonging) -> Result<(), Error> {
        for (medium, set) in self.chain.clone() {
            belonging.findings = match read_back(medium, set, ReadExtent::Full, self.observer) {
                Ok(()) => continue,
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) if error.is_damage() => vec![self.misread_base(set, &error)],
                Err(error) => {
                    let text =
                        format!("the set needs {}, which cannot be read back: {}", set.id, causes(&error));
                    vec![finding("base-unread", text)]
                }
            };
            break;
        }
        Ok(())
    }

    fn misread_base(&mut self, set: &StoredSet, error: &Error) -> FindingEntry {
        self.report.misread_base = Some(set.id.clone());
        let text = format!("the set needs {}, which is not what was written: {}", set.id, causes(error));
        finding("base-damaged", text)
    }
}

/// By the manifests: does the set continue its base, and is that good?
pub(super) fn joint(catalogue: &Catalogue, set: &StoredSet) -> Vec<FindingEntry> {
    if set.manifest.kind != Kind::Incremental || set.manifest.base.is_none() {
        return Vec::new();
    }
    let chain = match catalogue.chain(set) {
        Ok(chain) => chain,
        Err(error) => return vec![finding("base-missing", error.to_string())],
    };
    let earlier: Vec<&StoredSet> = chain.into_iter().filter(|other| other.id != set.id).collect();
    let bad = earlier.iter().filter(|other| !catalogue.state(other).is_base()).map(|other| {
        finding("base-not-good", format!("the set needs {}, which is {}", other.id, catalogue.state(other)))
    });
    let mut findings: Vec<FindingEntry> = bad.collect();
    let before = ChainLogs::of(earlier);
    let logs = set.manifest.logs();
    let first = logs.first().map(|(_, log)| before.admits_first(log.generation));
    let misfits = first.into_iter().chain(logs.iter().map(|(file, log)| before.admits(log, &file.blake3)));
    let broken = misfits.filter_map(Result::err);
    findings.extend(
        broken.map(|misfit| finding("chain-broken", format!("the set does not continue its base: {misfit}"))),
    );
    findings
}
