//! Makes a large database for measurements: `grow SET OUT MIB`.
//!
//! Copies a recorded engine set (`hot/`, its increments, the `*.backup.json`) and repeats the real
//! pages of its database until it has the wanted size, each with its new page number and the
//! checksum that belongs to it. Header copies, trailer and logs stay as they are, so the result is
//! a streamed set that verifies. Pages of up to 8 KiB only.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [set, out, mib] = arguments.as_slice() else {
        return Err(std::io::Error::other("usage: grow SET OUT MIB"));
    };
    let mib: u64 = mib.parse().map_err(std::io::Error::other)?;
    let (set, out) = (set_folder(set), Path::new(out));
    for entry in fs::read_dir(&set)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_owned();
        if name.to_string_lossy().ends_with(".backup.json") {
            fs::create_dir_all(out)?;
            fs::copy(&path, out.join(name))?;
        } else if matches!(name.to_str(), Some("hot" | "hot-inc1" | "hot-inc2")) {
            copy_folder(&path, &out.join(name), mib << 20)?;
        }
    }
    Ok(())
}

/// A folder, or the name of a data set.
fn set_folder(set: &str) -> PathBuf {
    let path = PathBuf::from(set);
    if path.is_dir() { path } else { testkit::data::engine_set(set).expect("the data set is not here") }
}

fn copy_folder(from: &Path, to: &Path, size: u64) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.extension().is_some_and(|e| e == "edb") {
            grow(&fs::read(&path)?, &target, size)?;
        } else {
            fs::copy(&path, target)?;
        }
    }
    Ok(())
}

fn grow(stream: &[u8], target: &Path, size: u64) -> std::io::Result<()> {
    let page_size = u32::from_le_bytes(stream[236..240].try_into().expect("4 bytes")) as usize;
    assert!(page_size <= 8192, "pages of {page_size} bytes have four checksums each: not supported here");
    let (headers, rest) = stream.split_at(2 * page_size);
    let (pages, trailer) = rest.split_at(rest.len() - page_size);
    let count = size / page_size as u64 - 3;
    let mut out = BufWriter::with_capacity(1 << 20, File::create(target)?);
    out.write_all(headers)?;
    let originals = pages.chunks_exact(page_size).enumerate().cycle();
    for (number, (original, page)) in (1..=count).zip(originals) {
        let mut page = page.to_vec();
        if page.iter().any(|byte| *byte != 0) {
            // The page number enters the low dword of the checksum and nothing else (section 3.2).
            let change = (original as u32 + 1) ^ number as u32;
            let low = u32::from_le_bytes(page[..4].try_into().expect("4 bytes")) ^ change;
            page[..4].copy_from_slice(&low.to_le_bytes());
        }
        out.write_all(&page)?;
    }
    out.write_all(trailer)?;
    out.flush()
}
