//! The open file of a backup: any size of reads in front, the size of the hint behind.

use dtyp::HResult;

use crate::failure::Failure;
use crate::foreign::Room;

/// Sizes of the buffer in bytes: least and most, as documented, and ours where no hint is given.
const LEAST: usize = 64 * 1024;
const MOST: usize = 4 * 1024 * 1024;
const USUAL: usize = 1024 * 1024;

/// Size of the buffer for the read hint of `CertSrvBackupOpenFileW`: 0 leaves it to us, anything else
/// becomes the nearest power of two between 64 KiB and 4 MiB.
fn buffer_size(hint: usize) -> usize {
    if hint == 0 {
        return USUAL;
    }
    let above = hint.checked_next_power_of_two().unwrap_or(MOST);
    let below = above / 2;
    let nearest = if above.abs_diff(hint) <= below.abs_diff(hint) { above } else { below };
    nearest.clamp(LEAST, MOST)
}

/// The buffer that is filled in one go. Its size is that of the first hint of a context.
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// A buffer of the size of the hint, or of as many halves of it less as there is memory for.
    pub(crate) fn new(hint: usize) -> Result<Self, Failure> {
        let mut size = buffer_size(hint);
        while size >= LEAST {
            let mut bytes = Vec::new();
            if bytes.try_reserve_exact(size).is_ok() {
                bytes.resize(size, 0);
                return Ok(Self(bytes));
            }
            size /= 2;
        }
        Err(Failure::new(HResult::OUT_OF_MEMORY, format!("there is no memory for a buffer of {LEAST} bytes")))
    }

    /// Stands in while the buffer is elsewhere.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// Where reading one file has come to: `buffer[taken..filled]` is there and not handed out.
#[derive(Default)]
pub(crate) struct OpenFile {
    taken: usize,
    filled: usize,
    is_at_end: bool,
    /// A read failed: what would come next is not what comes next in the file.
    failed: Option<HResult>,
}

impl OpenFile {
    /// Fills `room`; it stays less than full only at the end of the file. `fill` gets the next bytes into
    /// the buffer, 0 at the end.
    pub(crate) fn read(
        &mut self,
        buffer: &mut Buffer,
        room: &mut Room,
        mut fill: impl FnMut(&mut Buffer) -> Result<usize, Failure>,
    ) -> Result<(), Failure> {
        if let Some(code) = self.failed {
            return Err(Failure::new(code, "an earlier read of this file failed"));
        }
        while room.left() > 0 {
            let there = buffer.0.get(self.taken..self.filled).unwrap_or_default();
            if !there.is_empty() {
                self.taken = self.taken.saturating_add(room.put(there));
                continue;
            }
            if self.is_at_end {
                break;
            }
            self.taken = 0;
            self.filled = 0;
            self.filled = fill(buffer).inspect_err(|failure| self.failed = Some(failure.code))?;
            self.is_at_end = self.filled == 0;
        }
        Ok(())
    }
}
