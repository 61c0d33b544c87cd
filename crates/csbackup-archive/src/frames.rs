//! zstd in independent frames with a table behind them, so that any place can be read.
//!
//! The table is a frame that decoders skip ("seekable format", `contrib/seekable_format` of
//! facebook/zstd): plain `zstd -d` gives the whole content.

use std::io::{self, Read, Seek, SeekFrom, Write};

use zstd::bulk::Compressor;

/// Bytes of content in a frame. A read at any place costs about this much.
pub(crate) const FRAME: usize = 256 << 10;

/// As much as other tools' default; more costs more time than the disk.
const LEVEL: i32 = 3;

const SKIPPABLE: u32 = 0x184D_2A5E;
const SEEKABLE: u32 = 0x8F92_EAB1;
const HEADER: u64 = 8;
const ENTRY: u64 = 8;
const FOOTER: u64 = 9;

/// Compresses what is written.
pub(crate) struct FrameWriter<W> {
    inner: W,
    compressor: Compressor<'static>,
    pending: Vec<u8>,
    table: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    pub(crate) fn new(inner: W) -> io::Result<Self> {
        let compressor = Compressor::new(LEVEL)?;
        Ok(Self { inner, compressor, pending: Vec::with_capacity(FRAME), table: Vec::new() })
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(FRAME - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == FRAME {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let packed = self.compressor.compress(&self.pending)?;
        self.inner.write_all(&packed)?;
        self.table.extend(length(packed.len())?);
        self.table.extend(length(self.pending.len())?);
        self.pending.clear();
        Ok(())
    }

    /// Writes what is left and the table.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if !self.pending.is_empty() {
            self.flush()?;
        }
        let frames = length(self.table.len() / 8)?;
        self.table.extend(frames);
        self.table.push(0);
        self.table.extend(SEEKABLE.to_le_bytes());
        self.inner.write_all(&SKIPPABLE.to_le_bytes())?;
        self.inner.write_all(&length(self.table.len())?)?;
        self.inner.write_all(&self.table)?;
        Ok(self.inner)
    }
}

fn length(length: usize) -> io::Result<[u8; 4]> {
    let length = u32::try_from(length).map_err(|_| io::Error::other("the table of the archive is too long"));
    Ok(length?.to_le_bytes())
}

/// Where the frames are.
pub(crate) struct Table {
    frames: Vec<Frame>,
}

/// One frame.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    /// Place of its first byte in the content.
    pub(crate) offset: u64,
    /// Bytes of content.
    pub(crate) size: usize,
    /// Place in the compressed stream.
    pub(crate) at: u64,
    /// Bytes there.
    pub(crate) packed: usize,
}

impl Table {
    /// Reads the table at the end of a compressed stream.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`]: there is none, or it does not fit the stream.
    pub(crate) fn read(stream: &mut (impl Read + Seek)) -> io::Result<Self> {
        let none = || damaged("it has no table of frames: it was not written by csbackup, or not whole");
        let end = stream.seek(SeekFrom::End(0))?;
        let footer = end.checked_sub(FOOTER).ok_or_else(none)?;
        stream.seek(SeekFrom::Start(footer))?;
        let count = u64::from(u32_of(stream)?);
        let mut plain = [0];
        stream.read_exact(&mut plain)?;
        if u32_of(stream)? != SEEKABLE || plain != [0] {
            return Err(none());
        }
        let start = footer.checked_sub(count * ENTRY + HEADER).ok_or_else(none)?;
        stream.seek(SeekFrom::Start(start))?;
        if u32_of(stream)? != SKIPPABLE || u64::from(u32_of(stream)?) != count * ENTRY + FOOTER {
            return Err(none());
        }
        let mut entries = Vec::new();
        stream.by_ref().take(count * ENTRY).read_to_end(&mut entries)?;
        let (mut frames, mut at, mut offset) = (Vec::new(), 0, 0);
        let (pairs, _) = entries.as_chunks::<8>();
        for pair in pairs {
            let [a, b, c, d, e, f, g, h] = *pair;
            let (packed, size) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
            let frame = Frame { offset, size: wide(size), at, packed: wide(packed) };
            if !(1..=FRAME).contains(&frame.size) || frame.packed > 2 * FRAME {
                return Err(damaged("its table has a frame of an impossible size"));
            }
            frames.push(frame);
            at += u64::from(packed);
            offset += u64::from(size);
        }
        if at != start {
            return Err(damaged("its table does not fit its length"));
        }
        Ok(Self { frames })
    }

    /// Number of the frame that holds a byte of the content; past the end, none.
    pub(crate) fn position(&self, offset: u64) -> Option<usize> {
        let next = self.frames.partition_point(|frame| frame.offset <= offset);
        let position = next.checked_sub(1)?;
        let frame = self.frames.get(position)?;
        (offset < frame.offset + frame.size as u64).then_some(position)
    }

    /// The frame of this number.
    pub(crate) fn frame(&self, position: usize) -> Option<Frame> {
        self.frames.get(position).copied()
    }

    /// Bytes of content.
    pub(crate) fn size(&self) -> u64 {
        self.frames.last().map_or(0, |last| last.offset + last.size as u64)
    }
}

impl Frame {
    /// Its content.
    pub(crate) fn unpack(&self, packed: &[u8]) -> io::Result<Vec<u8>> {
        let content = zstd::bulk::decompress(packed, self.size);
        let content = content.map_err(|error| damaged(&format!("a frame cannot be unpacked: {error}")))?;
        if content.len() != self.size {
            return Err(damaged("a frame has another size than its table says"));
        }
        Ok(content)
    }
}

/// An error that says: this will be no better tomorrow.
pub(crate) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn u32_of(stream: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn wide(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
