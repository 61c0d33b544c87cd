//! The registry below `CertSvc\Configuration`.

use std::io;
use std::ptr;

use certadm::{ConfigEntry, HostError, MissingPart};
use windows_registry::{Key, LOCAL_MACHINE, Type};
use windows_sys::Win32::System::Registry::RegQueryInfoKeyW;

use crate::failure::io_failed;
use crate::value;

/// Where the certificate service keeps its configuration.
pub(crate) const CONFIGURATION: &str = r"SYSTEM\CurrentControlSet\Services\CertSvc\Configuration";

/// Keys below each other. A CA's configuration has four.
const MAX_DEPTH: u32 = 16;
/// Values in all. A CA has some two hundred.
const MAX_VALUES: usize = 20_000;
/// Bytes of one value. A CA's largest is a security descriptor of a few KiB.
const MAX_VALUE: u32 = 1 << 20;

/// All values of a key and of the keys below it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) entries: Vec<ConfigEntry>,
    /// What could not be read, or has no place in a set.
    pub(crate) missing: Vec<MissingPart>,
}

/// The key `node` below [`CONFIGURATION`], `None` where it does not exist.
pub(crate) fn open(node: &str) -> Result<Option<Key>, HostError> {
    let path = path_of(node);
    match LOCAL_MACHINE.open(&path).map_err(|error| system(error.code().0)) {
        Ok(key) => Ok(Some(key)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_failed(&format!("opening the registry key `{path}`"), &error)),
    }
}

/// A text value; `None` where it does not exist or is something else.
pub(crate) fn text(key: &Key, name: &str) -> Option<String> {
    key.get_string(name).ok().filter(|text| !text.is_empty())
}

/// Everything below `node`; an empty tree where it does not exist.
pub(crate) fn read(node: &str) -> Result<Tree, HostError> {
    let mut tree = Tree::default();
    if let Some(key) = open(node)? {
        tree.take(node, &key, MAX_DEPTH);
    }
    Ok(tree)
}

/// Writes values; makes the keys that are missing.
pub(crate) fn write(entries: &[ConfigEntry]) -> Result<(), HostError> {
    for entry in entries {
        let path = path_of(&entry.node);
        let (kind, bytes) = value::encode(&entry.value);
        LOCAL_MACHINE
            .create(&path)
            .and_then(|key| key.set_bytes(&entry.name, Type::from(kind), &bytes))
            .map_err(|error| {
                io_failed(
                    &format!(r"writing the registry value `{path}\{}`", entry.name),
                    &system(error.code().0),
                )
            })?;
    }
    Ok(())
}

impl Tree {
    fn take(&mut self, node: &str, key: &Key, depth: u32) {
        if let Err(reason) = self.take_values(node, key) {
            self.miss(node, reason);
        }
        let names: Vec<String> = match key.keys() {
            Ok(names) => names.collect(),
            Err(error) => return self.miss(node, error.message()),
        };
        let Some(depth) = depth.checked_sub(1) else {
            if !names.is_empty() {
                self.miss(node, format!("its keys lie deeper than {MAX_DEPTH}"));
            }
            return;
        };
        for name in names {
            let below = if node.is_empty() { name.clone() } else { format!(r"{node}\{name}") };
            match key.open(&name) {
                Ok(key) => self.take(&below, &key, depth),
                Err(error) => self.miss(&below, error.message()),
            }
        }
    }

    fn take_values(&mut self, node: &str, key: &Key) -> Result<(), String> {
        let (count, longest) = extent(key)?;
        if longest > MAX_VALUE {
            return Err(format!("it has a value of {longest} bytes, at most {MAX_VALUE} are taken"));
        }
        if self.entries.len().saturating_add(count) > MAX_VALUES {
            return Err(format!("there are more than {MAX_VALUES} values"));
        }
        let values = key.values().map_err(|error| error.message())?;
        let mut seen = 0_usize;
        for (name, raw) in values.take(count) {
            seen = seen.saturating_add(1);
            match value::decode(raw.ty().into(), &raw) {
                Ok(value) => self.entries.push(ConfigEntry { node: node.to_owned(), name, value }),
                Err(reason) => self.miss(&format!(r"{node}\{name}"), reason),
            }
        }
        // The iterator ends without a word when the key is changed under it.
        if seen != count {
            return Err(format!("it was changed while it was read: {seen} of {count} values are here"));
        }
        Ok(())
    }

    fn miss(&mut self, node: &str, reason: String) {
        self.missing.push(MissingPart { what: format!("registry `{}`", path_of(node)), reason });
    }
}

/// Number of values of a key, and bytes of the longest.
fn extent(key: &Key) -> Result<(usize, u32), String> {
    let (mut count, mut longest) = (0, 0);
    let null = ptr::null_mut::<u32>;
    let (class, time) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the key is open; every pointer is null, which means "not wanted", or to a local number.
    let code = unsafe {
        let (count, longest, key) = (&raw mut count, &raw mut longest, key.as_raw());
        RegQueryInfoKeyW(
            key,
            class,
            null(),
            null(),
            null(),
            null(),
            null(),
            count,
            null(),
            longest,
            null(),
            time,
        )
    };
    if code != 0 {
        return Err(io::Error::from_raw_os_error(code.cast_signed()).to_string());
    }
    Ok((usize::try_from(count).unwrap_or(usize::MAX), longest))
}

/// An `HRESULT` as what it wraps, so that its kind is known.
fn system(code: i32) -> io::Error {
    /// `FACILITY_WIN32`, as a failure.
    const WIN32: u32 = 0x8007;
    let code = code.cast_unsigned();
    let code = if code >> 16 == WIN32 { code & 0xFFFF } else { code };
    io::Error::from_raw_os_error(code.cast_signed())
}

fn path_of(node: &str) -> String {
    if node.is_empty() { CONFIGURATION.to_owned() } else { format!(r"{CONFIGURATION}\{node}") }
}
