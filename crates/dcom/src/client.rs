//! What a client owes the resolver: pings. No transport, no clock.
//!
//! ```
//! use core::time::Duration;
//! use dcom::client::{Ping, PingSet};
//! use dcom::exporter::ComplexPingReply;
//! use dcom::{Oid, SetId};
//!
//! let mut pings = PingSet::new(PingSet::PERIOD);
//! pings.add(Oid(7));
//! let Some(Ping::Complex(ping)) = pings.next_ping(Duration::ZERO) else { panic!("nothing owed") };
//! assert_eq!((ping.set, ping.add.as_slice()), (SetId(0), [Oid(7)].as_slice()));
//! // The caller sends it, and tells the answer.
//! pings.complex_answered(Duration::ZERO, &ping, ComplexPingReply { set: SetId(1), backoff: 0, status: 0 });
//! assert_eq!(pings.due_at(), Some(Duration::from_secs(120)));
//! ```
//!
//! Source: [MS-DCOM] 3.2.4.4 and 3.2.6.1.
//!
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use crate::exporter::{ComplexPing, ComplexPingReply, MAX_OIDS, SimplePing};
use crate::{Oid, SetId, status};

/// The ping set at one resolver: which objects are to live, and when to say so again.
///
/// Sequencing: [`PingSet::next_ping`], send, then one of [`PingSet::complex_answered`],
/// [`PingSet::simple_answered`] and [`PingSet::failed`]; one ping at a time. Times are those of any
/// clock that does not go back, from any start.
#[derive(Debug, Clone)]
pub struct PingSet {
    period: Duration,
    set: SetId,
    sequence: u16,
    wanted: BTreeSet<Oid>,
    /// What the resolver has, as far as it said so.
    known: BTreeSet<Oid>,
    /// Not before; nothing before the first ping and after a change.
    next: Option<Duration>,
}

/// A ping that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ping {
    /// The set changes.
    Complex(ComplexPing),
    /// The set is as it was.
    Simple(SimplePing),
}

impl PingSet {
    /// The ping period of the protocol: 120 seconds. A server gives up after three without a ping.
    pub const PERIOD: Duration = Duration::from_secs(120);

    /// An empty set, pinged every `period`.
    pub fn new(period: Duration) -> Self {
        let [wanted, known] = [BTreeSet::new(), BTreeSet::new()];
        Self { period, set: SetId(0), sequence: 0, wanted, known, next: None }
    }

    /// Keeps an object alive from the next ping on, which is due at once.
    pub fn add(&mut self, oid: Oid) {
        if self.wanted.insert(oid) {
            self.next = None;
        }
    }

    /// Lets an object go, with a ping that is due at once.
    pub fn remove(&mut self, oid: Oid) {
        if self.wanted.remove(&oid) {
            self.next = None;
        }
    }

    /// When the next ping is due: zero for at once, nothing while there is nothing to say.
    pub fn due_at(&self) -> Option<Duration> {
        let is_idle = self.wanted.is_empty() && self.known.is_empty();
        (!is_idle).then(|| self.next.unwrap_or_default())
    }

    /// The ping that is due now, if one is.
    pub fn next_ping(&self, now: Duration) -> Option<Ping> {
        if self.due_at()? > now {
            return None;
        }
        let add: Vec<Oid> = self.wanted.difference(&self.known).take(MAX_OIDS).copied().collect();
        let delete: Vec<Oid> = self.known.difference(&self.wanted).take(MAX_OIDS).copied().collect();
        if add.is_empty() && delete.is_empty() {
            return Some(Ping::Simple(SimplePing { set: self.set }));
        }
        let sequence = self.sequence.wrapping_add(1);
        Some(Ping::Complex(ComplexPing { set: self.set, sequence, add, delete }))
    }

    /// `ping` was answered. Any other status than success or an unknown set is a failure.
    pub fn complex_answered(&mut self, now: Duration, ping: &ComplexPing, reply: ComplexPingReply) {
        match reply.status {
            status::OK => {
                self.set = reply.set;
                self.sequence = ping.sequence;
                self.known.extend(&ping.add);
                self.known.retain(|oid| !ping.delete.contains(oid));
                // A change since then, or a list too long for one ping: at once again.
                self.next = (self.known == self.wanted).then(|| now.saturating_add(self.period));
            }
            other => self.refused(now, other),
        }
    }

    /// A simple ping was answered.
    pub fn simple_answered(&mut self, now: Duration, answer: u32) {
        match answer {
            status::OK if self.known == self.wanted => self.next = Some(now.saturating_add(self.period)),
            status::OK => self.next = None,
            other => self.refused(now, other),
        }
    }

    /// A ping got no answer: tried again after a quarter of the period, so that one lost ping costs
    /// no object.
    pub fn failed(&mut self, now: Duration) {
        self.next = Some(now.saturating_add(self.period.checked_div(4).unwrap_or_default()));
    }

    /// A forgotten set is made anew at once, unless the resolver has just refused to make one.
    fn refused(&mut self, now: Duration, answer: u32) {
        let was_known = self.set != SetId(0);
        if answer == status::INVALID_SET && was_known {
            self.set = SetId(0);
            self.sequence = 0;
            self.known.clear();
            self.next = None;
        } else {
            self.failed(now);
        }
    }
}
