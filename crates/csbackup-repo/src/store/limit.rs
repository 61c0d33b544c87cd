//! Keeps below a number of bytes a second, on average.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustic_core::{BytesList, FileType, Id, ReadBackend, RusticResult, WriteBackend};

/// When the line is free again. A request goes at the speed of the line; the next one waits until the
/// bytes before it have had their time.
#[derive(Debug)]
struct Line {
    rate: NonZeroU64,
    free: Instant,
}

impl Line {
    fn new(rate: NonZeroU64, now: Instant) -> Self {
        Self { rate, free: now }
    }

    /// How long to wait from `now` on.
    fn wait(&self, now: Instant) -> Duration {
        self.free.saturating_duration_since(now)
    }

    /// Accounts for bytes that are sent or were fetched at `now`.
    fn charge(&mut self, bytes: u64, now: Instant) {
        let time = Duration::from_micros(bytes.saturating_mul(1_000_000) / self.rate.get());
        self.free = self.free.max(now) + time;
    }
}

/// A store behind two lines of limited speed.
#[derive(Debug)]
pub(super) struct Limited {
    inner: Arc<dyn WriteBackend>,
    up: Option<Mutex<Line>>,
    down: Option<Mutex<Line>>,
}

impl Limited {
    pub(super) fn new(
        inner: Arc<dyn WriteBackend>,
        up: Option<NonZeroU64>,
        down: Option<NonZeroU64>,
    ) -> Self {
        let line = |rate| Mutex::new(Line::new(rate, Instant::now()));
        Self { inner, up: up.map(line), down: down.map(line) }
    }

    fn fetch(&self, read: impl FnOnce() -> RusticResult<Bytes>) -> RusticResult<Bytes> {
        wait(self.down.as_ref());
        let bytes = read()?;
        charge(self.down.as_ref(), bytes.len() as u64);
        Ok(bytes)
    }
}

fn wait(line: Option<&Mutex<Line>>) {
    let time = line.map(|line| line.lock().unwrap_or_else(PoisonError::into_inner).wait(Instant::now()));
    thread::sleep(time.unwrap_or_default());
}

fn charge(line: Option<&Mutex<Line>>, bytes: u64) {
    if let Some(line) = line {
        line.lock().unwrap_or_else(PoisonError::into_inner).charge(bytes, Instant::now());
    }
}

impl ReadBackend for Limited {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.inner.list_with_size(kind)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.fetch(|| self.inner.read_full(kind, id))
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.fetch(|| self.inner.read_partial(kind, id, cacheable, offset, length))
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.inner.warmup_path(kind, id)
    }
}

impl WriteBackend for Limited {
    fn create(&self) -> RusticResult<()> {
        self.inner.create()
    }

    fn write_bytes(&self, kind: FileType, id: &Id, cacheable: bool, content: BytesList) -> RusticResult<()> {
        wait(self.up.as_ref());
        charge(self.up.as_ref(), content.size() as u64);
        self.inner.write_bytes(kind, id, cacheable, content)
    }

    fn remove(&self, kind: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        self.inner.remove(kind, id, cacheable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(now: Instant) -> Line {
        Line::new(NonZeroU64::new(1_000).unwrap(), now)
    }

    #[test]
    fn bytes_keep_the_line_busy_for_their_time() {
        let now = Instant::now();
        let mut line = line(now);
        assert_eq!(line.wait(now), Duration::ZERO);
        line.charge(500, now);
        line.charge(1_500, now);
        assert_eq!(line.wait(now), Duration::from_secs(2));
        assert_eq!(line.wait(now + Duration::from_secs(3)), Duration::ZERO);
    }

    #[test]
    fn an_idle_time_is_not_saved_up() {
        let now = Instant::now();
        let mut line = line(now);
        let later = now + Duration::from_secs(3600);
        line.charge(1_000, later);
        assert_eq!(line.wait(later), Duration::from_secs(1));
    }
}
