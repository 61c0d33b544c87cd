//! Several ways to a place, tried in order.

use std::io::{self, Read};

use csbackup::FileAccess;

/// The first way that leads to a place answers for it.
///
/// A way that knows the place and fails ends the search: only
/// [`io::ErrorKind::Unsupported`] passes on to the next. When none leads there, the answer is the
/// last one's.
#[derive(Default)]
pub struct FirstOf {
    ways: Vec<Box<dyn FileAccess>>,
}

impl FirstOf {
    /// The given ways in the order in which they are tried.
    pub fn new(ways: Vec<Box<dyn FileAccess>>) -> Self {
        Self { ways }
    }

    fn first<T>(&self, ask: impl Fn(&dyn FileAccess) -> io::Result<T>) -> io::Result<T> {
        let mut last = io::Error::new(io::ErrorKind::Unsupported, "there is no way to it");
        for way in &self.ways {
            match ask(way.as_ref()) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => last = error,
                answer => return answer,
            }
        }
        Err(last)
    }
}

impl FileAccess for FirstOf {
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        self.first(|way| way.open(name))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.first(|way| way.list(directory))
    }
}
