//! Windows' own access to file servers.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use csbackup::FileAccess;

use crate::hosts::Host;
use crate::unc::UncName;

/// Files of file servers through the system, as the user who runs the program.
///
/// The system logs on wherever a name leads, so the hosts are limited here as for
/// [`SmbFiles`](crate::SmbFiles); an address of a [`Host`] means nothing here.
#[derive(Debug, Clone)]
pub struct SystemFiles {
    hosts: Vec<Host>,
}

impl SystemFiles {
    /// Access to files of these hosts and no others.
    pub fn new(hosts: Vec<Host>) -> Self {
        Self { hosts }
    }

    fn resolve(&self, name: &str) -> io::Result<PathBuf> {
        let name = UncName::parse(name)?;
        Host::find(&self.hosts, name.host())?;
        Ok(PathBuf::from(name.to_string()))
    }
}

impl FileAccess for SystemFiles {
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.resolve(name)?)?))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.resolve(directory)?)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }
}
