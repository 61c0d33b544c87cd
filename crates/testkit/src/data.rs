//! Real test data: unpacked once, shared by all test programs.
//!
//! Sets come from `testdata/` in this repository, or from the team's data folder (`../shared/data`,
//! another place by `CSBACKUP_TEST_DATA`). A set that is nowhere is a *skip*: it is said aloud and
//! counted by `cargo xtask test`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The root of this repository.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The team's data folder (`ese/`, `ese-engine/`), if it is on this machine.
pub fn shared() -> Option<PathBuf> {
    let dir = match std::env::var_os("CSBACKUP_TEST_DATA") {
        Some(dir) => PathBuf::from(dir),
        None => workspace().parent()?.join("shared/data"),
    };
    dir.is_dir().then_some(dir)
}

/// Folder of one unpacked `ese-engine` set (`page8k`, `main-damaged`, ...).
///
/// `None` is a skip, already announced. Callers never write into the folder.
pub fn engine_set(name: &str) -> Option<PathBuf> {
    let file = format!("{name}.tar.zst");
    let own = workspace().join("testdata").join(&file);
    let archive = if own.is_file() {
        own
    } else {
        let Some(found) = shared().map(|dir| dir.join("ese-engine").join(&file)).filter(|p| p.is_file())
        else {
            skip(&format!("data set `{name}` is not on this machine"));
            return None;
        };
        found
    };
    Some(once(&format!("engine-{name}"), |dir| {
        let decoder = decoder(&archive);
        tar::Archive::new(decoder).unpack(dir).expect("unpack a test data set");
    }))
}

/// One unpacked file of `shared/data/ese`, for example `backup-dhcp/dhcp.mdb`; its folder holds
/// all its unpacked neighbours. Files there have other owners and never enter this repository.
pub fn field_folder(folder: &str) -> Option<PathBuf> {
    let Some(from) = shared().map(|dir| dir.join("ese").join(folder)).filter(|p| p.is_dir()) else {
        skip(&format!("data folder `ese/{folder}` is not on this machine"));
        return None;
    };
    Some(once(&format!("field-{}", folder.replace('/', "-")), |dir| {
        for entry in fs::read_dir(&from).expect("list a data folder") {
            let path = entry.expect("list a data folder").path();
            let Some(stem) = path.file_stem().filter(|_| path.extension().is_some_and(|e| e == "zst")) else {
                continue;
            };
            let mut out = File::create(dir.join(stem)).expect("create an unpacked file");
            std::io::copy(&mut decoder(&path), &mut out).expect("unpack a data file");
        }
    }))
}

/// Announces a skipped test and counts it (`target/skips.txt`, read by `cargo xtask test`).
pub fn skip(why: &str) {
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    let line = format!("SKIP {name}: {why}\n");
    // Straight to the file descriptor: the test harness captures `eprint!`.
    let _ = std::io::stderr().write_all(line.as_bytes());
    let file = cache().with_file_name("skips.txt");
    if let Ok(mut file) = File::options().create(true).append(true).open(file) {
        let _ = file.write_all(line.as_bytes());
    }
}

fn decoder(path: &Path) -> impl std::io::Read {
    let mut decoder = zstd::Decoder::new(File::open(path).expect("open test data")).expect("start zstd");
    decoder.window_log_max(27).expect("set the zstd window");
    decoder
}

fn cache() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let dir = target.join("test-data");
    fs::create_dir_all(&dir).expect("create the test data cache");
    dir
}

/// Runs `make` for a folder of the cache, once for all processes: made beside, then renamed.
fn once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let dir = cache().join(name);
    if !dir.is_dir() {
        let temp = tempfile::tempdir_in(cache()).expect("create a folder in the test data cache");
        make(temp.path());
        // Lost the race: somebody else's copy is as good.
        let _ = fs::rename(temp.path(), &dir);
        assert!(dir.is_dir(), "cannot put test data into {}", dir.display());
        std::mem::forget(temp.keep());
    }
    dir
}
