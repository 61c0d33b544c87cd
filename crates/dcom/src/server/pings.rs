use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use super::{Limits, fresh, number};
use crate::exporter::ComplexPing;
use crate::{Oid, SetId, status};

/// The ping sets of a resolver.
#[derive(Debug, Default)]
pub(super) struct PingSets {
    sets: BTreeMap<SetId, PingSet>,
}

#[derive(Debug)]
struct PingSet {
    oids: BTreeSet<Oid>,
    sequence: u16,
    last_ping: Duration,
}

impl PingSets {
    /// Pings a set: the status.
    pub(super) fn ping(&mut self, set: SetId, now: Duration) -> u32 {
        match self.sets.get_mut(&set) {
            Some(known) => {
                known.last_ping = now;
                status::OK
            }
            None => status::INVALID_SET,
        }
    }

    /// Makes or changes a set, and pings it.
    pub(super) fn change(
        &mut self,
        ping: &ComplexPing,
        is_known: impl Fn(&Oid) -> bool,
        limits: Limits,
        now: Duration,
        ids: &mut impl FnMut() -> [u8; 16],
    ) -> Result<SetId, u32> {
        let is_new = ping.set == SetId(0);
        let mut oids = match self.sets.get(&ping.set) {
            Some(known) => known.oids.clone(),
            None if is_new => BTreeSet::new(),
            None => return Err(status::INVALID_SET),
        };
        let sequence = self.sets.get(&ping.set).map_or(ping.sequence, |known| known.sequence);
        let is_newer = matches!(ping.sequence.wrapping_sub(sequence), 1..=0x7fff);
        if is_newer {
            for oid in &ping.delete {
                oids.remove(oid);
            }
        }
        oids.extend(ping.add.iter().filter(|oid| is_known(oid)));
        if is_new && oids.is_empty() {
            return Err(status::INVALID_OID);
        }
        if oids.len() > limits.oids_per_set || (is_new && self.sets.len() >= limits.sets) {
            return Err(status::OUT_OF_RESOURCES);
        }
        let set = if is_new { self.fresh_id(ids)? } else { ping.set };
        let sequence = if is_newer { ping.sequence } else { sequence };
        self.sets.insert(set, PingSet { oids, sequence, last_ping: now });
        Ok(set)
    }

    /// Drops sets that were not pinged for too long, with their hold on objects.
    pub(super) fn expire(&mut self, is_old: impl Fn(Duration) -> bool) {
        self.sets.retain(|_, set| !is_old(set.last_ping));
    }

    /// Does any set hold this object?
    pub(super) fn contains(&self, oid: Oid) -> bool {
        self.sets.values().any(|set| set.oids.contains(&oid))
    }

    pub(super) fn forget(&mut self, oid: Oid) {
        for set in self.sets.values_mut() {
            set.oids.remove(&oid);
        }
    }

    fn fresh_id(&self, ids: &mut impl FnMut() -> [u8; 16]) -> Result<SetId, u32> {
        let is_free = |set: &SetId| set.0 != 0 && !self.sets.contains_key(set);
        fresh(ids, |id| Some(SetId(number(id))).filter(is_free)).map_err(|_| status::OUT_OF_RESOURCES)
    }
}
