//! Faults on purpose: the way the promises of backup software are tested.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use certadm::{
    Authority, BackupContext, BackupType, Call, CertServer, Configuration, Error, Registration,
    RestoreContext, ServerState,
};
use dtyp::HResult;
use serde::{Deserialize, Serialize};

mod backup;

/// What goes wrong.
///
/// A fault that does not fit the call it hits (a short read of an End) is a lost reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The call is not made; the CA seems to answer with this code.
    Fail(HResult),
    /// The call is made, but its answer does not arrive.
    ///
    /// When a session was opened by it, the session is lost with the answer and thus aborted: in
    /// process there is no connection that could keep it alive.
    LostReply,
    /// A read returns half of its bytes (whole 512-byte blocks where there are any); the other half
    /// comes with the reads that follow.
    ShortRead,
    /// This read and all later ones of this file say that the file ends here.
    EarlyEnd,
    /// One byte of this read is inverted.
    FlipByte,
    /// The connection breaks: the CA aborts the session; this call and all later ones get no reply.
    DropSession,
    /// The read takes this much longer.
    SlowRead(Duration),
    /// The opened file is announced with a size this many bytes off.
    WrongSize(i64),
}

/// A fault and the call that it hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Entry", into = "Entry")]
pub struct FaultRule {
    /// Number of the call since the connection was made, from 1; every call counts, also
    /// [`CertServer::state`].
    pub call: u32,
    /// What goes wrong.
    pub fault: Fault,
}

/// The calls that were made on a connection, in order; a handle that stays valid while a context is
/// in use and after the connection is gone.
#[derive(Debug, Clone, Default)]
pub struct CallLog(Arc<Mutex<Vec<Call>>>);

impl CallLog {
    /// The calls until now.
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls were made until now.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.lock().unwrap_or_else(PoisonError::into_inner).len()).unwrap_or(u32::MAX)
    }

    /// Adds a call and returns its number, from 1.
    fn add(&self, call: Call) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        self.count()
    }
}

/// A road to a CA on which chosen calls go wrong, and which remembers what was called.
#[derive(Debug)]
pub struct Faulty<S> {
    inner: S,
    plan: Plan,
}

impl<S> Faulty<S> {
    /// `inner` with faults. Of several rules for one call the first counts.
    pub fn new(inner: S, rules: impl Into<Vec<FaultRule>>) -> Self {
        let plan = Plan { rules: rules.into().into(), log: CallLog::default(), cut: Arc::default() };
        Self { inner, plan }
    }

    /// How many calls were made until now.
    pub fn calls(&self) -> u32 {
        self.plan.log.count()
    }

    /// The calls made, to be kept and read later.
    pub fn log(&self) -> CallLog {
        self.plan.log.clone()
    }

    /// The road without faults.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: CertServer> CertServer for Faulty<S> {
    fn authority(&self) -> &Authority {
        self.inner.authority()
    }

    fn state(&mut self) -> Result<ServerState, Error> {
        self.plan.run(Call::GetServerState, || self.inner.state())
    }

    fn configuration(&mut self) -> Result<Configuration, Error> {
        self.inner.configuration()
    }

    fn shut_down(&mut self) -> Result<(), Error> {
        self.plan.run(Call::ServerControl, || self.inner.shut_down())
    }

    fn prepare_backup(&mut self, kind: BackupType) -> Result<Box<dyn BackupContext + '_>, Error> {
        let plan = self.plan.clone();
        let context = self.plan.run(Call::BackupPrepare, || self.inner.prepare_backup(kind))?;
        Ok(Box::new(backup::Context::new(context, plan)))
    }

    fn prepare_restore(&mut self) -> Result<Box<dyn RestoreContext + '_>, Error> {
        let plan = self.plan.clone();
        let inner = self.plan.run(Call::RestorePrepare, || self.inner.prepare_restore())?;
        Ok(Box::new(Restore { inner, plan }))
    }
}

/// What one connection and its contexts share.
#[derive(Debug, Clone)]
struct Plan {
    rules: Arc<[FaultRule]>,
    log: CallLog,
    /// The connection is broken.
    cut: Arc<AtomicBool>,
}

impl Plan {
    /// Counts a call and says what is to go wrong with it.
    fn enter(&self, call: Call) -> Result<Option<Fault>, Error> {
        let number = self.log.add(call);
        if self.is_cut() {
            return Err(lost(call));
        }
        Ok(self.rules.iter().find(|rule| rule.call == number).map(|rule| rule.fault.clone()))
    }

    /// Makes a call on which a fault, if any, acts that fits every call.
    fn act<T>(
        &self,
        call: Call,
        fault: Option<Fault>,
        forward: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        match fault {
            None => forward(),
            Some(Fault::Fail(code)) => Err(Error::Refused { call, code }),
            Some(Fault::DropSession) => {
                self.cut.store(true, Ordering::Relaxed);
                Err(lost(call))
            }
            Some(_) => {
                // Done by the CA, or refused: the caller cannot know.
                let _ = forward();
                Err(lost(call))
            }
        }
    }

    fn run<T>(&self, call: Call, forward: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let fault = self.enter(call)?;
        self.act(call, fault, forward)
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

fn lost(call: Call) -> Error {
    let cause = io::Error::new(io::ErrorKind::ConnectionReset, "the connection was reset on purpose");
    Error::Lost { call, cause: cause.into() }
}

struct Restore<'a> {
    inner: Box<dyn RestoreContext + 'a>,
    plan: Plan,
}

impl RestoreContext for Restore<'_> {
    fn register(&mut self, registration: &Registration) -> Result<(), Error> {
        self.plan.run(Call::RestoreRegister, || self.inner.register(registration))
    }

    fn register_complete(&mut self, outcome: HResult) -> Result<(), Error> {
        self.plan.run(Call::RestoreRegisterComplete, || self.inner.register_complete(outcome))
    }

    fn end(&mut self) -> Result<(), Error> {
        self.plan.run(Call::RestoreEnd, || self.inner.end())
    }
}

/// A `[[fault]]` entry of `ca.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    call: u32,
    kind: Kind,
    /// For `fail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    /// For `slow-read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    millis: Option<u64>,
    /// For `wrong-size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Fail,
    LostReply,
    ShortRead,
    EarlyEnd,
    FlipByte,
    DropSession,
    SlowRead,
    WrongSize,
}

impl TryFrom<Entry> for FaultRule {
    type Error = &'static str;

    fn try_from(entry: Entry) -> Result<Self, Self::Error> {
        let Entry { call, kind, code, millis, delta } = entry;
        let fault = match (kind, code, millis, delta) {
            (Kind::Fail, Some(code), None, None) if code != 0 => Fault::Fail(HResult(code)),
            (Kind::Fail, ..) => return Err("a fail fault needs a code that is not 0"),
            (Kind::SlowRead, None, Some(millis), None) => Fault::SlowRead(Duration::from_millis(millis)),
            (Kind::SlowRead, ..) => return Err("a slow-read fault needs millis"),
            (Kind::WrongSize, None, None, Some(delta)) => Fault::WrongSize(delta),
            (Kind::WrongSize, ..) => return Err("a wrong-size fault needs a delta"),
            (Kind::LostReply, None, None, None) => Fault::LostReply,
            (Kind::ShortRead, None, None, None) => Fault::ShortRead,
            (Kind::EarlyEnd, None, None, None) => Fault::EarlyEnd,
            (Kind::FlipByte, None, None, None) => Fault::FlipByte,
            (Kind::DropSession, None, None, None) => Fault::DropSession,
            _ => return Err("this kind of fault has neither code nor millis nor delta"),
        };
        Ok(Self { call, fault })
    }
}

impl From<FaultRule> for Entry {
    fn from(rule: FaultRule) -> Self {
        let mut entry = Self { call: rule.call, kind: Kind::Fail, code: None, millis: None, delta: None };
        entry.kind = match rule.fault {
            Fault::Fail(code) => {
                entry.code = Some(code.0);
                Kind::Fail
            }
            Fault::SlowRead(time) => {
                entry.millis = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
                Kind::SlowRead
            }
            Fault::WrongSize(delta) => {
                entry.delta = Some(delta);
                Kind::WrongSize
            }
            Fault::LostReply => Kind::LostReply,
            Fault::ShortRead => Kind::ShortRead,
            Fault::EarlyEnd => Kind::EarlyEnd,
            Fault::FlipByte => Kind::FlipByte,
            Fault::DropSession => Kind::DropSession,
        };
        entry
    }
}
