//! Names from servers and manifests are hostile: none reaches the file system as it came.

use std::fmt;
use std::path::{Path, PathBuf};

/// Longest file name that is kept as it came, in bytes. File systems allow 255; the rest is for
/// suffixes of our own.
const LONGEST: usize = 200;

/// Device names that Windows treats as such whatever their extension.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// One path component for any string: harmless on every system, unchanged when it already is.
///
/// Characters that could leave a folder or that Windows forbids become `%XX`; a name that is too
/// long is cut and gets eight digits of its BLAKE3, so that different names stay different.
pub fn safe_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() || "<>:\"/\\|?*%".contains(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                safe.push_str(&format!("%{byte:02X}"));
            }
        } else {
            safe.push(c);
        }
        if safe.len() > 4 * LONGEST {
            break;
        }
    }
    let stem = safe.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let device = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let numbered = device
        .is_some_and(|n| matches!(n, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"));
    if RESERVED.contains(&stem.as_str()) || numbered || safe.is_empty() {
        safe.insert(0, '_');
    }
    if safe.ends_with(['.', ' ']) || safe.starts_with('.') {
        safe = safe.replace('.', "%2E").replace(' ', "%20");
    }
    if safe.len() > LONGEST {
        let mut cut = LONGEST;
        while !safe.is_char_boundary(cut) {
            cut -= 1;
        }
        safe.truncate(cut);
        safe.push('~');
        safe.push_str(&blake3::hash(name.as_bytes()).to_hex()[..8]);
    }
    safe
}

/// A relative path inside a set, with `/` between its components. Cannot leave the set's folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetPath(String);

impl SetPath {
    /// A file in one of the set's folders.
    pub fn inside(folder: &str, name: &str) -> Self {
        Self(format!("{folder}/{}", safe_name(name)))
    }

    /// Accepts a path from a manifest when each component is a harmless name.
    pub fn parse(path: &str) -> Option<Self> {
        let harmless = path.split('/').all(|part| safe_name(&part.replace('%', "")) == part.replace('%', ""));
        harmless.then(|| Self(path.to_owned()))
    }

    /// The path with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The file below `root`.
    pub fn below(&self, root: &Path) -> PathBuf {
        self.0.split('/').fold(root.to_owned(), |path, part| path.join(part))
    }

    /// This path, changed so that it collides with none of `taken` (case does not count).
    pub(crate) fn unique<'a>(self, mut taken: impl Iterator<Item = &'a SetPath> + Clone, seed: &str) -> Self {
        let lower = self.0.to_lowercase();
        if !taken.clone().any(|other| other.0.to_lowercase() == lower) {
            return self;
        }
        let mark = blake3::hash(seed.as_bytes()).to_hex();
        let (front, extension) = match self.0.rsplit_once('.') {
            Some((front, extension)) if !extension.contains('/') => (front, format!(".{extension}")),
            _ => (self.0.as_str(), String::new()),
        };
        let mut candidate = Self(format!("{front}~{}{extension}", &mark[..8]));
        let mut count = 1;
        while taken.any(|other| other.0.eq_ignore_ascii_case(&candidate.0)) {
            count += 1;
            candidate = Self(format!("{front}~{}-{count}{extension}", &mark[..8]));
        }
        candidate
    }
}

impl fmt::Display for SetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
