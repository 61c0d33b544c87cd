//! How a CA stands: judged from what is stored of it, never from the logs of jobs.
//!
//! [`facts`] (or [`gather`]) finds out what is known of a CA; [`judge`] holds it against a [`Policy`] and the
//! clock, and reads nothing. Facts do not age: a [`StatusCache`] keeps them for as long as the medium's
//! [`Stamp`](crate::Stamp) is the same, so that a repository need not be opened to see that nothing happened.

mod alarm;
mod cache;
mod facts;
mod gather;
mod growth;
mod judge;
mod policy;
mod published;
mod span;

pub use alarm::{Alarm, AlarmCode, Word};
pub use cache::{StatusCache, facts};
pub use facts::{
    CaCertificate, ChainFacts, Crl, DrillFact, Facts, Growth, HeldLogs, Published, SetFact, Trouble,
    UnsavedKeys,
};
pub use gather::gather;
pub use judge::{CaStatus, Countdown, DrillAge, Known, Rpo, SetAge, judge, out_of_reach};
pub use policy::Policy;
pub use span::span;
