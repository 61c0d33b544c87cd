//! Names from servers and manifests are hostile: none reaches the file system as it came.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// Longest file name that is kept as it came, in bytes. File systems allow 255; the rest is for
/// suffixes of our own.
const LONGEST: usize = 200;

/// Longest file name that any file system here takes, in bytes.
const FILE_SYSTEM_LIMIT: usize = 255;

/// Device names that Windows treats as such whatever their extension.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// One path component for any string: harmless on every system, unchanged when it already is.
///
/// Characters that could leave a folder or that Windows forbids become `%XX`; a name that is too
/// long is cut and gets eight digits of its BLAKE3, so that different names stay different.
pub fn safe_name(name: &str) -> String {
    let mut safe = harmless(name);
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

/// [`safe_name`] without its limit of length.
fn harmless(name: &str) -> String {
    let mut safe = String::with_capacity(name.len().min(5 * LONGEST));
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
    safe
}

/// A name as people see it: backslashes and quotes as they are, whatever could play with a terminal
/// (control, direction and invisible characters) escaped.
pub fn shown_name(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '\\' | '\'' | '"' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// A relative path inside a set, with `/` between its components. Cannot leave the set's folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetPath(String);

impl SetPath {
    /// A file in one of the set's folders.
    pub fn inside(folder: &str, name: &str) -> Self {
        Self(format!("{folder}/{}", safe_name(name)))
    }

    /// A file in the set's own folder.
    pub fn alone(name: &str) -> Self {
        Self(safe_name(name))
    }

    /// Accepts a path from a manifest when each component is a harmless name.
    pub fn parse(path: &str) -> Option<Self> {
        let is_harmless = |part: &str| {
            // The escapes of `safe_name` itself are no reason to escape again.
            let bare = part.replace('%', "");
            part.len() <= FILE_SYSTEM_LIMIT && harmless(&bare) == bare
        };
        path.split('/').all(is_harmless).then(|| Self(path.to_owned()))
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
}

/// The paths of a set so far, so that no two files get the same one; case does not count.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    paths: HashSet<String>,
    /// How often each mark was used, so that a name listed again and again needs no search.
    marks: HashMap<String, u64>,
}

impl Taken {
    /// `path`, or where that is taken, the path with a mark made of `seed`.
    pub(crate) fn unique(&mut self, path: SetPath, seed: &str) -> SetPath {
        if self.paths.insert(path.0.to_lowercase()) {
            return path;
        }
        let mark = blake3::hash(seed.as_bytes()).to_hex();
        let (front, extension) = match path.0.rsplit_once('.') {
            Some((front, extension)) if !extension.contains('/') => (front, format!(".{extension}")),
            _ => (path.0.as_str(), String::new()),
        };
        let marked = |count: u64| match count {
            1 => format!("{front}~{}{extension}", &mark[..8]),
            _ => format!("{front}~{}-{count}{extension}", &mark[..8]),
        };
        let used = self.marks.entry(marked(1).to_lowercase()).or_default();
        loop {
            *used = used.saturating_add(1);
            let candidate = marked(*used);
            if self.paths.insert(candidate.to_lowercase()) {
                return SetPath(candidate);
            }
        }
    }
}

impl fmt::Display for SetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
