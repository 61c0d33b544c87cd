//! Files that the backup interface lists but does not deliver.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Reads places that the CA names by UNC path by other means than the backup interface.
pub trait FileAccess {
    /// Opens a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] when there is no way to the place.
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>>;

    /// Names of the files in a directory.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] when there is no way to the place.
    fn list(&self, directory: &str) -> io::Result<Vec<String>>;
}

/// UNC prefixes that are local folders here: the embedded CA's, and `--map '\\HOST\SHARE=PATH'`.
#[derive(Debug, Clone, Default)]
pub struct MappedFiles {
    mappings: Vec<(String, PathBuf)>,
}

impl MappedFiles {
    /// The given prefixes; the longest that fits a name wins.
    pub fn new(mappings: impl IntoIterator<Item = (String, PathBuf)>) -> Self {
        let mut mappings: Vec<_> = mappings
            .into_iter()
            .map(|(prefix, path)| (prefix.trim_end_matches('\\').to_owned(), path))
            .collect();
        mappings.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self { mappings }
    }

    /// The local path for a server path.
    ///
    /// # Errors
    /// No prefix fits, or the rest of the name is not plain components.
    pub fn resolve(&self, name: &str) -> io::Result<PathBuf> {
        for (prefix, path) in &self.mappings {
            let Some(head) = name.get(..prefix.len()) else { continue };
            let rest = name.get(prefix.len()..).unwrap_or_default();
            if !head.eq_ignore_ascii_case(prefix) || !(rest.is_empty() || rest.starts_with('\\')) {
                continue;
            }
            return rest.split('\\').skip(1).try_fold(path.clone(), |path, part| {
                if part.is_empty() || part == ".." || part == "." || part.contains(['/', '\0', ':']) {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidInput,
                        format!("the name `{}` leaves its folder", crate::shown_name(name)),
                    ));
                }
                Ok(path.join(part))
            });
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "no local place is mapped to it"))
    }
}

impl FileAccess for MappedFiles {
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        let path = self.resolve(name)?;
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        Ok(Box::new(File::open(path)?))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        list_names(&self.resolve(directory)?)
    }
}

pub(crate) fn list_names(directory: &Path) -> io::Result<Vec<String>> {
    std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
