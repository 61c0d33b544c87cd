//! What a server keeps: objects, their interfaces and references, ping sets. No transport, no clock,
//! no randomness.
//!
//! Source: [MS-DCOM] 3.1.1 and 3.1.2.
//!
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

mod pings;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use dtyp::{Guid, HResult};

use crate::exporter::{ComplexPing, ComplexPingReply};
use crate::remunknown::InterfaceRef;
use crate::{Ipid, Oid, Oxid, StdObjRef, iid, status};
use pings::PingSets;

/// References that come with an interface at its activation ([MS-DCOM] 3.1.1.5.1).
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
pub const INITIAL_REFS: u32 = 5;

/// Periods without a sign of life after which an object is given up.
pub const PERIODS: u32 = 3;

/// How much clients may make this server remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Objects at a time.
    pub objects: usize,
    /// Ping sets at a time.
    pub sets: usize,
    /// Objects in one ping set.
    pub oids_per_set: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { objects: 256, sets: 1024, oids_per_set: 256 }
    }
}

/// The objects of one exporter, each with a `T` of the server's own.
///
/// Ids come from a closure that the caller gives: 16 unpredictable bytes a call, for an IPID is all
/// that a client needs to name an object (who may call it is for the server to ask). Times are those
/// of any clock that does not go back, from any start.
///
/// INVARIANT: each IPID belongs to an object in the table.
/// Limits: [`Limits`], and as many IPIDs for an object as it has interfaces.
#[derive(Debug)]
pub struct ObjectTable<T> {
    oxid: Oxid,
    rem_unknown: Ipid,
    limits: Limits,
    objects: BTreeMap<Oid, Object<T>>,
    interfaces: BTreeMap<Ipid, Interface>,
    sets: PingSets,
}

#[derive(Debug)]
struct Object<T> {
    value: T,
    supported: Vec<Guid>,
    last_call: Duration,
}

#[derive(Debug)]
struct Interface {
    oid: Oid,
    iid: Guid,
    public: u32,
    private: u32,
}

/// A new object, as [`ObjectTable::export`] made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The object.
    pub oid: Oid,
    /// One for each interface that was wanted: a reference, or why there is none.
    pub interfaces: Vec<Result<StdObjRef, HResult>>,
}

impl<T> ObjectTable<T> {
    /// An empty table of the exporter `oxid`.
    pub fn new(limits: Limits, ids: &mut impl FnMut() -> [u8; 16]) -> Self {
        Self {
            oxid: Oxid(number(ids())),
            rem_unknown: Ipid(Guid::from_bytes(ids())),
            limits,
            objects: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            sets: PingSets::default(),
        }
    }

    /// The exporter's id.
    pub fn oxid(&self) -> Oxid {
        self.oxid
    }

    /// The IPID of the exporter's `IRemUnknown` and `IRemUnknown2`; [`ObjectTable::call`] does not
    /// know it.
    pub fn rem_unknown(&self) -> Ipid {
        self.rem_unknown
    }

    /// Objects in the table.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Takes in an object that has the interfaces `supported` (and `IUnknown`), and makes
    /// [`INITIAL_REFS`] references to each of `wanted`.
    ///
    /// # Errors
    /// [`HResult::NO_INTERFACE`] if none of `wanted` is there, [`HResult::OUT_OF_MEMORY`] at the
    /// limit. The table is as before, the object is dropped.
    pub fn export(
        &mut self,
        value: T,
        supported: &[Guid],
        wanted: &[Guid],
        now: Duration,
        ids: &mut impl FnMut() -> [u8; 16],
    ) -> Result<Exported, HResult> {
        if self.objects.len() >= self.limits.objects {
            return Err(HResult::OUT_OF_MEMORY);
        }
        let is_supported = |iid: &Guid| *iid == iid::UNKNOWN || supported.contains(iid);
        if !wanted.iter().any(is_supported) {
            return Err(HResult::NO_INTERFACE);
        }
        let oid = fresh(ids, |id| {
            Some(Oid(number(id))).filter(|oid| oid.0 != 0 && !self.objects.contains_key(oid))
        })?;
        self.objects.insert(oid, Object { value, supported: supported.into(), last_call: now });
        let interfaces = wanted.iter().map(|iid| self.reference(oid, *iid, INITIAL_REFS, ids)).collect();
        Ok(Exported { oid, interfaces })
    }

    /// The object and the interface behind the object UUID of a call. The call counts as a sign of
    /// life; a long one should be told again when it is answered.
    ///
    /// # Errors
    /// [`HResult::DISCONNECTED`] for an unknown one, or one whose references were all released.
    pub fn call(&mut self, ipid: Ipid, now: Duration) -> Result<(Oid, Guid, &mut T), HResult> {
        let interface = self.interfaces.get(&ipid).filter(|interface| interface.is_held());
        let interface = interface.ok_or(HResult::DISCONNECTED)?;
        let object = self.objects.get_mut(&interface.oid).ok_or(HResult::DISCONNECTED)?;
        object.last_call = now;
        Ok((interface.oid, interface.iid, &mut object.value))
    }

    /// The object behind the object UUID of a call, for a look at it: no sign of life.
    ///
    /// # Errors
    /// Those of [`ObjectTable::call`].
    pub fn object(&self, ipid: Ipid) -> Result<&T, HResult> {
        let interface = self.interfaces.get(&ipid).filter(|interface| interface.is_held());
        let object = interface.and_then(|interface| self.objects.get(&interface.oid));
        object.map(|object| &object.value).ok_or(HResult::DISCONNECTED)
    }

    /// `RemQueryInterface`: references to other interfaces of the object behind `ipid`. With 0
    /// `refs` the client only asks.
    ///
    /// # Errors
    /// [`HResult::INVALID_OBJECT`] for an unknown IPID.
    pub fn query_interface(
        &mut self,
        ipid: Ipid,
        refs: u32,
        iids: &[Guid],
        now: Duration,
        ids: &mut impl FnMut() -> [u8; 16],
    ) -> Result<Vec<Result<StdObjRef, HResult>>, HResult> {
        let (oid, _, _) = self.call(ipid, now).map_err(|_| HResult::INVALID_OBJECT)?;
        Ok(iids.iter().map(|iid| self.reference(oid, *iid, refs, ids)).collect())
    }

    /// `RemAddRef`: a result for each element.
    pub fn add_refs(&mut self, refs: &[InterfaceRef], now: Duration) -> Vec<HResult> {
        let add = |reference: &InterfaceRef| {
            if self.call(reference.ipid, now).is_err() {
                return HResult::OBJECT_NOT_REGISTERED;
            }
            if let Some(interface) = self.interfaces.get_mut(&reference.ipid) {
                interface.public = interface.public.saturating_add(reference.public);
                interface.private = interface.private.saturating_add(reference.private);
            }
            HResult::OK
        };
        refs.iter().map(add).collect()
    }

    /// `RemRelease`: never below 0, unknown IPIDs are passed over. What has no references left goes
    /// with the next [`ObjectTable::reclaim`].
    pub fn release(&mut self, refs: &[InterfaceRef]) {
        for reference in refs {
            if let Some(interface) = self.interfaces.get_mut(&reference.ipid) {
                interface.public = interface.public.saturating_sub(reference.public);
                interface.private = interface.private.saturating_sub(reference.private);
            }
        }
    }

    /// `SimplePing`: the status.
    pub fn simple_ping(&mut self, set: crate::SetId, now: Duration) -> u32 {
        self.sets.ping(set, now)
    }

    /// `ComplexPing`: makes or changes a set, and pings it.
    ///
    /// Objects that are not (or no longer) in the table are left out of the set without an error; a new
    /// set without any that is gets [`status::INVALID_OID`]: there is nothing to ping.
    ///
    /// A request with a sequence number that is not newer than the set's pings and adds, which harms
    /// nothing, but does not delete: impacket sends numbers that do not grow.
    pub fn complex_ping(
        &mut self,
        ping: &ComplexPing,
        now: Duration,
        ids: &mut impl FnMut() -> [u8; 16],
    ) -> ComplexPingReply {
        let known = |oid: &Oid| self.objects.contains_key(oid);
        match self.sets.change(ping, known, self.limits, now, ids) {
            Ok(set) => ComplexPingReply { set, backoff: 0, status: status::OK },
            Err(status) => ComplexPingReply { set: ping.set, backoff: 0, status },
        }
    }

    /// Takes out what is given up, so that the server can end what it was doing: objects without
    /// references, and those whose last call and last ping are more than [`PERIODS`] times
    /// `ping_period` ago. What `is_busy` (a call to it runs) stays for the next time. To be called now
    /// and then.
    pub fn reclaim(
        &mut self,
        now: Duration,
        ping_period: Duration,
        is_busy: impl Fn(&T) -> bool,
    ) -> Vec<(Oid, T)> {
        let patience = ping_period.saturating_mul(PERIODS);
        let is_old = |at: Duration| now.saturating_sub(at) > patience;
        self.sets.expire(is_old);
        let is_lost = |(oid, object): (&Oid, &Object<T>)| {
            let mut interfaces = self.interfaces.values();
            let is_held = interfaces.any(|interface| interface.oid == *oid && interface.is_held());
            let is_silent = is_old(object.last_call) && !self.sets.contains(*oid);
            ((!is_held || is_silent) && !is_busy(&object.value)).then_some(*oid)
        };
        let lost: Vec<Oid> = self.objects.iter().filter_map(is_lost).collect();
        lost.into_iter().filter_map(|oid| self.remove(oid).map(|value| (oid, value))).collect()
    }

    /// Takes an object out at once: calls to it are answered with [`HResult::DISCONNECTED`].
    pub fn remove(&mut self, oid: Oid) -> Option<T> {
        let object = self.objects.remove(&oid)?;
        self.interfaces.retain(|_, interface| interface.oid != oid);
        self.sets.forget(oid);
        Some(object.value)
    }

    /// References to an interface, which gets an IPID if it has none.
    fn reference(
        &mut self,
        oid: Oid,
        iid: Guid,
        refs: u32,
        ids: &mut impl FnMut() -> [u8; 16],
    ) -> Result<StdObjRef, HResult> {
        let object = self.objects.get(&oid).ok_or(HResult::DISCONNECTED)?;
        if iid != iid::UNKNOWN && !object.supported.contains(&iid) {
            return Err(HResult::NO_INTERFACE);
        }
        let mut known = self.interfaces.iter_mut();
        let known = known.find(|(_, interface)| interface.oid == oid && interface.iid == iid);
        let ipid = match known {
            Some((ipid, interface)) => {
                interface.public = interface.public.saturating_add(refs);
                *ipid
            }
            None => {
                let is_free = |ipid: &Ipid| *ipid != self.rem_unknown && !self.interfaces.contains_key(ipid);
                let ipid = fresh(ids, |id| Some(Ipid(Guid::from_bytes(id))).filter(is_free))?;
                self.interfaces.insert(ipid, Interface { oid, iid, public: refs, private: 0 });
                ipid
            }
        };
        Ok(StdObjRef { flags: 0, public_refs: refs, oxid: self.oxid, oid, ipid })
    }
}

impl Interface {
    fn is_held(&self) -> bool {
        self.public > 0 || self.private > 0
    }
}

/// A new id that `check` likes. Two clashes in a row do not happen with random ids; a generator that
/// repeats itself must not hang the server.
fn fresh<Id>(
    ids: &mut impl FnMut() -> [u8; 16],
    check: impl Fn([u8; 16]) -> Option<Id>,
) -> Result<Id, HResult> {
    (0..4).find_map(|_| check(ids())).ok_or(HResult::OUT_OF_MEMORY)
}

fn number(id: [u8; 16]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = id;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
