use std::thread;

use certadm::{BackupContext, Call, Error, FileList, RestoreMap};

use super::{Fault, Plan, lost};

/// A backup session on which the plan acts.
pub(super) struct Context<'a> {
    /// `None` when the connection broke: dropping the session is what aborts it.
    inner: Option<Box<dyn BackupContext + 'a>>,
    plan: Plan,
    /// Bytes that a short read kept back.
    kept: Vec<u8>,
    /// The open file seems to end here.
    ended: bool,
}

impl<'a> Context<'a> {
    pub(super) fn new(inner: Box<dyn BackupContext + 'a>, plan: Plan) -> Self {
        Self { inner: Some(inner), plan, kept: Vec::new(), ended: false }
    }

    fn call<T>(
        &mut self,
        call: Call,
        forward: impl FnOnce(&mut (dyn BackupContext + 'a)) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let fault = self.plan.enter(call)?;
        self.act(call, fault, forward)
    }

    fn act<T>(
        &mut self,
        call: Call,
        fault: Option<Fault>,
        forward: impl FnOnce(&mut (dyn BackupContext + 'a)) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let inner = self.inner.as_deref_mut();
        let result = self.plan.act(call, fault, || match inner {
            Some(inner) => forward(inner),
            None => Err(lost(call)),
        });
        if self.plan.is_cut() {
            self.inner = None;
        }
        result
    }

    /// The next bytes as they would come without a fault of this read.
    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if self.ended {
            return Ok(0);
        }
        if self.kept.is_empty() {
            return match self.inner.as_deref_mut() {
                Some(inner) => inner.read_file(buffer),
                None => Err(lost(Call::BackupReadFile)),
            };
        }
        let count = self.kept.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(self.kept.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }

    fn forget_file(&mut self) {
        self.kept.clear();
        self.ended = false;
    }
}

impl BackupContext for Context<'_> {
    fn restore_map(&mut self) -> Result<RestoreMap, Error> {
        self.call(Call::RestoreGetDatabaseLocations, |inner| inner.restore_map())
    }

    fn database_files(&mut self) -> Result<FileList, Error> {
        self.call(Call::BackupGetAttachmentInformation, |inner| inner.database_files())
    }

    fn log_files(&mut self) -> Result<FileList, Error> {
        self.call(Call::BackupGetBackupLogs, |inner| inner.log_files())
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, Error> {
        self.call(Call::BackupGetDynamicFiles, |inner| inner.dynamic_files())
    }

    fn open_file(&mut self, name: &str) -> Result<u64, Error> {
        let call = Call::BackupOpenFile;
        let (delta, fault) = match self.plan.enter(call)? {
            Some(Fault::WrongSize(delta)) => (delta, None),
            fault => (0, fault),
        };
        let size = self.act(call, fault, |inner| inner.open_file(name))?;
        self.forget_file();
        Ok(size.saturating_add_signed(delta))
    }

    fn read_file(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let call = Call::BackupReadFile;
        match self.plan.enter(call)? {
            None => self.next(buffer),
            Some(Fault::SlowRead(time)) => {
                thread::sleep(time);
                self.next(buffer)
            }
            Some(Fault::EarlyEnd) => {
                self.ended = true;
                Ok(0)
            }
            Some(Fault::ShortRead) => {
                let count = self.next(buffer)?;
                let half = count / 2;
                let whole_blocks = half.saturating_sub(half % BLOCK);
                // Never 0 unless the file ends: that would be another fault.
                let short = if half < BLOCK { half.max(count.min(1)) } else { whole_blocks };
                let rest = buffer.get(short..count).unwrap_or_default();
                self.kept.splice(..0, rest.iter().copied());
                Ok(short)
            }
            Some(Fault::FlipByte) => {
                let count = self.next(buffer)?;
                if let Some(byte) = buffer.get_mut(count / 2).filter(|_| count > 0) {
                    *byte = !*byte;
                }
                Ok(count)
            }
            fault @ Some(_) => self.act(call, fault, |inner| inner.read_file(buffer).map(|_| 0)),
        }
    }

    fn close_file(&mut self) -> Result<(), Error> {
        let result = self.call(Call::BackupCloseFile, |inner| inner.close_file());
        self.forget_file();
        result
    }

    fn truncate_logs(&mut self) -> Result<(), Error> {
        self.call(Call::BackupTruncateLogs, |inner| inner.truncate_logs())
    }

    fn end(&mut self) -> Result<(), Error> {
        self.call(Call::BackupEnd, |inner| inner.end())
    }
}

/// Short reads end at a multiple of this, in bytes.
const BLOCK: usize = 512;
