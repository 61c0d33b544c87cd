//! Faults on purpose, over the wire: see [`Fault`]. Calls are counted for each object, from 1.

use std::thread;

use dcerpc::Status;
use ndr::{Reader, Writer};

use super::answer::Answer;
use crate::{Fault, FaultRule};

/// What goes wrong with the calls of one object.
#[derive(Debug)]
pub(super) struct Plan {
    rules: Vec<FaultRule>,
    calls: u32,
    /// Bytes that a short read kept back.
    kept: Vec<u8>,
    /// The open file seems to end here.
    ended: bool,
}

/// What to do with a call.
pub(super) enum Step {
    /// Make it, and hand the reply to [`Plan::leave`].
    Forward(Option<Fault>),
    /// Do not make it.
    Answer(Answer),
    /// Do not make it; the object and its session are gone.
    Drop,
}

impl Plan {
    pub(super) fn new(rules: &[FaultRule]) -> Self {
        Self { rules: rules.to_vec(), calls: 0, kept: Vec::new(), ended: false }
    }

    /// Counts a call.
    pub(super) fn enter(&mut self, opnum: u16, stub: &[u8]) -> Step {
        if self.rules.is_empty() {
            return Step::Forward(None);
        }
        self.calls = self.calls.saturating_add(1);
        let rule = self.rules.iter().find(|rule| rule.call == self.calls);
        let fault = rule.map(|rule| rule.fault.clone());
        let want = if opnum == READ_FILE { want(stub) } else { None };
        match (fault, want) {
            (Some(Fault::Fail(code)), _) => Step::Answer(failure(opnum, want, code.0)),
            (Some(Fault::DropSession), _) => Step::Drop,
            (Some(Fault::EarlyEnd), Some(want)) => {
                self.ended = true;
                Step::Answer(read_reply(want, &[]))
            }
            (_, Some(want)) if self.ended => Step::Answer(read_reply(want, &[])),
            (fault, Some(want)) if !self.kept.is_empty() => {
                let count = self.kept.len().min(want);
                let bytes: Vec<u8> = self.kept.drain(..count).collect();
                let Answer::Reply(stub) = read_reply(want, &bytes) else { return Step::Forward(fault) };
                Step::Answer(self.leave(fault, opnum, stub))
            }
            (Some(Fault::SlowRead(time)), Some(_)) => {
                thread::sleep(time);
                Step::Forward(None)
            }
            (fault, _) => Step::Forward(fault),
        }
    }

    /// Works on the reply of a call that was made.
    pub(super) fn leave(&mut self, fault: Option<Fault>, opnum: u16, mut stub: Vec<u8>) -> Answer {
        if matches!(opnum, OPEN_FILE | CLOSE_FILE) {
            self.kept.clear();
            self.ended = false;
        }
        match (fault, opnum) {
            (None, _) => {}
            (Some(Fault::WrongSize(delta)), OPEN_FILE) => {
                if let Some(size) = stub.get_mut(8..).and_then(|rest| rest.first_chunk_mut::<8>()) {
                    *size = u64::from_le_bytes(*size).saturating_add_signed(delta).to_le_bytes();
                }
            }
            (Some(Fault::FlipByte), READ_FILE) => {
                let count = read_bytes(&stub).len();
                if let Some(byte) = stub.get_mut(DATA.saturating_add(count / 2)).filter(|_| count > 0) {
                    *byte = !*byte;
                }
            }
            (Some(Fault::ShortRead), READ_FILE) => return self.shorten(&stub),
            (Some(Fault::SlowRead(time)), READ_FILE) => thread::sleep(time),
            // Done by the CA, or refused: the client cannot know.
            (Some(_), _) => return Answer::Cut,
        }
        Answer::Reply(stub)
    }

    fn shorten(&mut self, stub: &[u8]) -> Answer {
        let bytes = read_bytes(stub);
        let half = bytes.len() / 2;
        // Never 0 unless the file ends: that would be another fault.
        let short = if half < BLOCK { half.max(bytes.len().min(1)) } else { half & !(BLOCK - 1) };
        let (now, later) = bytes.split_at_checked(short).unwrap_or((bytes, &[]));
        self.kept.splice(..0, later.iter().copied());
        let whole = stub.get(8..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
        read_reply(usize::try_from(u32::from_le_bytes(whole)).unwrap_or_default(), now)
    }
}

const OPEN_FILE: u16 = 24;
const READ_FILE: u16 = 25;
const CLOSE_FILE: u16 = 26;
/// Offset of the bytes in a reply of `BackupReadFile`: ORPCTHAT and `max_count` are before them.
const DATA: usize = 12;
/// Short reads end at a multiple of this, in bytes.
const BLOCK: usize = 512;

/// `cbBuffer` of a request of `BackupReadFile`, when it is one to fake a reply to.
fn want(stub: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(stub);
    <dcom::OrpcThis as ndr::Ndr>::decode(&mut reader).ok()?;
    usize::try_from(reader.u32("cbBuffer").ok()?).ok().filter(|want| *want <= MAX_READ)
}

const MAX_READ: usize = 4 << 20;

/// The bytes that a reply of `BackupReadFile` says were read.
fn read_bytes(stub: &[u8]) -> &[u8] {
    let count =
        stub.len().checked_sub(8).and_then(|at| stub.get(at..)).and_then(|rest| rest.first_chunk::<4>());
    let count = usize::try_from(u32::from_le_bytes(count.copied().unwrap_or_default())).unwrap_or_default();
    stub.get(DATA..).and_then(|rest| rest.get(..count)).unwrap_or_default()
}

fn read_reply(want: usize, bytes: &[u8]) -> Answer {
    let mut data = bytes.to_vec();
    data.resize(want.max(bytes.len()), 0);
    let mut writer = Writer::with_capacity(want.saturating_add(32));
    writer.u32(0);
    writer.u32(0);
    writer.byte_array(&data);
    writer.align(4);
    writer.count(bytes.len());
    writer.u32(0);
    Answer::Reply(writer.finish())
}

/// A refusal: out-parameters of zeros, then the code.
fn failure(opnum: u16, want: Option<usize>, code: u32) -> Answer {
    if let Some(Answer::Reply(mut stub)) = want.map(|want| read_reply(want, &[])) {
        let at = stub.len().saturating_sub(4);
        stub.truncate(at);
        stub.extend_from_slice(&code.to_le_bytes());
        return Answer::Reply(stub);
    }
    // 32-bit words of ORPCTHAT (two) and of out-parameters: numbers and null pointers.
    let words = match opnum {
        16 | 18 | 20 | 21 | 26 | 27 | 38 => 2,
        19 | 28 | 44 | 47 => 3,
        17 | 22 | 23 | 24 | 29 | 30 | 32 => 4,
        11 | 12 | 14 | 15 | 34 | 35 => 5,
        _ => return Answer::Fault(Status(code)),
    };
    let mut writer = Writer::new();
    (0..words).for_each(|_| writer.u32(0));
    writer.u32(code);
    Answer::Reply(writer.finish())
}
