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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::error::StoreError;
    use csbackup::StoreTrouble;

    const SIZE: usize = 10 << 20;
    const CHUNK: usize = 64 << 10;

    /// A store in which every pack has the same content.
    #[derive(Debug, Default)]
    struct Packs {
        packs: Vec<Id>,
        requests: AtomicUsize,
    }

    fn content() -> Vec<u8> {
        (0..SIZE).map(|at| (at / 7) as u8).collect()
    }

    fn id(number: u8) -> Id {
        Id::new([number; 32])
    }

    impl ReadBackend for Packs {
        fn location(&self) -> String {
            String::new()
        }

        fn list_with_size(&self, _: FileType) -> RusticResult<Vec<(Id, u32)>> {
            Ok(self.packs.iter().map(|id| (*id, SIZE as u32)).collect())
        }

        fn read_full(&self, _: FileType, _: &Id) -> RusticResult<Bytes> {
            Ok(content().into())
        }

        fn read_partial(
            &self,
            _: FileType,
            _: &Id,
            _: bool,
            offset: u32,
            length: u32,
        ) -> RusticResult<Bytes> {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let beyond = || StoreError::new(StoreTrouble::Damaged, "beyond the end").boxed();
            let (from, to) = (offset as usize, offset as usize + length as usize);
            content().get(from..to).map(|part| part.to_vec().into()).ok_or_else(beyond)
        }

        fn warmup_path(&self, _: FileType, _: &Id) -> String {
            String::new()
        }
    }

    impl WriteBackend for Packs {
        fn write_bytes(&self, _: FileType, _: &Id, _: bool, _: BytesList) -> RusticResult<()> {
            Ok(())
        }

        fn remove(&self, _: FileType, _: &Id, _: bool) -> RusticResult<()> {
            Ok(())
        }
    }

    fn ahead(packs: impl IntoIterator<Item = u8>) -> (Arc<Packs>, Ahead) {
        let packs = Arc::new(Packs { packs: packs.into_iter().map(id).collect(), ..Packs::default() });
        (packs.clone(), Ahead::new(packs))
    }

    fn read(store: &Ahead, pack: u8, offset: usize, length: usize) {
        let got = store.read_partial(FileType::Pack, &id(pack), false, offset as u32, length as u32);
        assert!(got.unwrap() == content()[offset..offset + length], "{length} bytes at {offset}");
    }

    #[test]
    fn what_is_read_in_order_needs_few_requests() {
        let (packs, store) = ahead([1]);
        for offset in (0..SIZE).step_by(CHUNK) {
            read(&store, 1, offset, CHUNK.min(SIZE - offset));
        }
        let requests = packs.requests.load(Ordering::SeqCst);
        assert!(requests < 10, "{requests} requests");
    }

    #[test]
    fn any_order_gives_the_bytes_of_the_pack_and_asks_for_none_beyond_it() {
        let (_, store) = ahead(0..3);
        let mut random = 1_u64;
        for _ in 0..200 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let offset = (random >> 33) as usize % (SIZE - 1);
            read(&store, (random >> 20) as u8 % 3, offset, (CHUNK * 2).min(SIZE - offset));
        }
    }

    #[test]
    fn a_pack_of_unknown_size_is_read_exactly() {
        let (_, store) = ahead([]);
        read(&store, 1, SIZE - 10, 10);
        assert!(store.state().windows.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let (_, store) = ahead(0..40);
        for pack in 0..40 {
            for offset in [0, CHUNK, 5 * CHUNK, 30 * CHUNK] {
                read(&store, pack, offset, CHUNK);
            }
        }
        let held: usize = store.state().windows.iter().map(|window| window.bytes.len()).sum();
        assert!(held <= KEPT * LARGEST as usize, "{held} bytes are held");
    }

    #[test]
    fn a_pack_that_was_removed_is_not_served_from_memory() {
        let (_, store) = ahead([1]);
        read(&store, 1, 0, CHUNK);
        store.remove(FileType::Pack, &id(1), false).unwrap();
        assert!(store.state().windows.is_empty());
    }
}
