//! A small crashed database and its logs with changed bytes whose checksums are right: no panic, no endless
//! loop, memory bounded by the store, and two replays give the same.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use ese::{Block, LogHeader, PageSource, PageStore, Replay, SourceError, log_generation_of_name, xor_ecc};
use libfuzzer_sys::fuzz_target;

const BLOCK: usize = 4096;

/// `REPLAY_SEED` names a folder with a database `*.edb` of 4 KiB pages and its logs, unpacked from
/// `testdata`: `crash` of the set `jtxnames` is small.
static SEED: LazyLock<(Vec<u8>, Vec<Vec<u8>>)> = LazyLock::new(|| {
    let folder = PathBuf::from(std::env::var_os("REPLAY_SEED").expect("set REPLAY_SEED to a crashed database"));
    let (mut database, mut logs) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).expect("read REPLAY_SEED") {
        let path = entry.expect("read REPLAY_SEED").path();
        let bytes = std::fs::read(&path).expect("read REPLAY_SEED");
        if path.extension().is_some_and(|extension| extension == "edb") {
            database = bytes;
        } else if log_generation_of_name(&path.to_string_lossy()).is_some() {
            logs.push(bytes);
        }
    }
    logs.sort_by_key(|log| LogHeader::parse(log).expect("a log").generation);
    (database, logs)
});

/// A store that grows to 64 MiB at most.
struct Bounded(Vec<u8>);

impl PageSource for Bounded {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        self.0.read_at(offset, into)
    }
}

impl PageStore for Bounded {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SourceError> {
        self.0.write_at(offset, bytes)
    }

    fn set_size(&mut self, bytes: u64) -> Result<(), SourceError> {
        if bytes > 64 << 20 {
            return Err(SourceError { offset: bytes, reason: "longer than this store".into() });
        }
        self.0.set_size(bytes)
    }
}

fn replay(database: &[u8], logs: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let mut replay = Replay::open(Bounded(database.to_vec()), 1 << 20).map_err(|error| error.to_string())?;
    for log in logs {
        if replay.push_log(log.as_slice()).is_err() {
            break;
        }
    }
    replay.finish().map(|(store, _)| store.0).map_err(|error| error.to_string())
}

fuzz_target!(|changes: Vec<(u8, u16, u16, u8)>| {
    let (mut database, mut logs) = SEED.clone();
    for (file, block, at, value) in changes {
        let count = logs.len();
        let file = usize::from(file) % (count + 1);
        let bytes = logs.get_mut(file).unwrap_or(&mut database);
        let block = 2 + usize::from(block) % (bytes.len() / BLOCK - 2);
        let tag = if file < count { block } else { block - 1 };
        let bytes = &mut bytes[block * BLOCK..][..BLOCK];
        bytes[8 + usize::from(at) % (BLOCK - 8)] = value;
        let sum = xor_ecc(bytes, tag as u32, Block::WithChecksum).expect("a whole block");
        bytes[..8].copy_from_slice(&sum.to_le_bytes());
    }
    assert!(replay(&database, &logs) == replay(&database, &logs));
});
