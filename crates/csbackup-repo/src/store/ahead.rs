//! Reads packs ahead where each request has a long way.
//!
//! The library reads a pack chunk by chunk, and one request of 64 KiB after the other leaves any line
//! idle. What is read in order is fetched in growing windows, and the next chunks come from memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustic_core::{BytesList, FileType, Id, ReadBackend, RusticResult, WriteBackend};

/// The first window of a pack, and the largest.
const FIRST: u32 = 256 << 10;
const LARGEST: u32 = 4 << 20;

/// Windows that are kept. With [`LARGEST`] the bound of memory: 32 MiB.
const KEPT: usize = 8;

/// Bytes between two chunks that are still read in order.
const GAP: u32 = 256 << 10;

/// A store whose packs are read ahead.
#[derive(Debug)]
pub(super) struct Ahead {
    inner: Arc<dyn WriteBackend>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The one that was used last is last.
    windows: VecDeque<Window>,
    /// Sizes of packs; nothing beyond the end may be asked for.
    sizes: HashMap<Id, u32>,
    listed: bool,
}

#[derive(Debug)]
struct Window {
    id: Id,
    start: u32,
    bytes: Bytes,
}

impl Window {
    fn end(&self) -> u32 {
        self.start.saturating_add(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX))
    }

    fn part(&self, offset: u32, length: u32) -> Option<Bytes> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(usize::try_from(length).ok()?)?;
        (to <= self.bytes.len()).then(|| self.bytes.slice(from..to))
    }
}

impl State {
    /// From a window, which is then the one that was used last.
    fn cached(&mut self, id: &Id, offset: u32, length: u32) -> Option<Bytes> {
        let found = |window: &Window| (window.id == *id).then(|| window.part(offset, length)).flatten();
        let (at, part) =
            self.windows.iter().enumerate().find_map(|(at, window)| Some((at, found(window)?)))?;
        if let Some(window) = self.windows.remove(at) {
            self.windows.push_back(window);
        }
        Some(part)
    }

    /// How much to fetch for a chunk: a larger window than before where the last one was read to its
    /// end, a small one elsewhere.
    fn want(&self, id: &Id, offset: u32, length: u32, size: u32) -> u32 {
        let before = self.windows.iter().rev().find(|window| {
            window.id == *id && (window.start..=window.end().saturating_add(GAP)).contains(&offset)
        });
        let grown = |window: &Window| window.end().saturating_sub(window.start).saturating_mul(4);
        let window = before.map_or(FIRST, grown).clamp(FIRST, LARGEST);
        window.min(size.saturating_sub(offset)).max(length)
    }

    fn keep(&mut self, window: Window) {
        // A window of the same pack that it continues has been read.
        self.windows.retain(|had| had.id != window.id || had.end().saturating_add(GAP) < window.start);
        self.windows.push_back(window);
        while self.windows.len() > KEPT {
            self.windows.pop_front();
        }
    }

    fn forget(&mut self, id: &Id) {
        self.windows.retain(|window| window.id != *id);
        self.sizes.remove(id);
    }
}

impl Ahead {
    pub(super) fn new(inner: Arc<dyn WriteBackend>) -> Self {
        Self { inner, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The size of a pack, if it is known; asks for those of all packs, once.
    fn size(&self, id: &Id) -> Option<u32> {
        let listed = std::mem::replace(&mut self.state().listed, true);
        if !listed && let Ok(packs) = self.inner.list_with_size(FileType::Pack) {
            self.state().sizes.extend(packs);
        }
        self.state().sizes.get(id).copied()
    }
}

impl ReadBackend for Ahead {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.inner.list_with_size(kind)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.inner.read_full(kind, id)
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        let exactly = || self.inner.read_partial(kind, id, cacheable, offset, length);
        if kind != FileType::Pack {
            return exactly();
        }
        if let Some(bytes) = self.state().cached(id, offset, length) {
            return Ok(bytes);
        }
        let Some(size) = self.size(id) else { return exactly() };
        let want = self.state().want(id, offset, length, size);
        let bytes = self.inner.read_partial(kind, id, cacheable, offset, want)?;
        let window = Window { id: *id, start: offset, bytes };
        match window.part(offset, length) {
            Some(part) => {
                self.state().keep(window);
                Ok(part)
            }
            None => exactly(),
        }
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.inner.warmup_path(kind, id)
    }
}

impl WriteBackend for Ahead {
    fn create(&self) -> RusticResult<()> {
        self.inner.create()
    }

    fn write_bytes(&self, kind: FileType, id: &Id, cacheable: bool, content: BytesList) -> RusticResult<()> {
        let size = u32::try_from(content.size()).unwrap_or(u32::MAX);
        self.inner.write_bytes(kind, id, cacheable, content)?;
        if kind == FileType::Pack {
            let mut state = self.state();
            state.forget(id);
            state.sizes.insert(*id, size);
        }
        Ok(())
    }

    fn remove(&self, kind: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        self.state().forget(id);
        self.inner.remove(kind, id, cacheable)
    }
}
