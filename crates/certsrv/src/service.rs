//! The service of a CA directory: stopped and started across processes, and what keeps it down.

use std::fs::File;

use certadm::ConfigEntry;

use crate::site::Site;
use crate::{CaDirectory, Error, Service, disk, recover, restore};

/// There while the service is shut down.
const MARKER: &str = "stopped";

impl CaDirectory {
    /// Shuts the service down. Every process that has the directory open, one that serves it included, sees
    /// it at its next call. A service that is down already stays so.
    ///
    /// # Errors
    /// The operating system's.
    pub fn stop(&self) -> Result<(), Error> {
        self.site().stop()
    }

    /// Lets the service run again, as far as `ca.toml` wants it to.
    ///
    /// Where a restore is registered, its logs are replayed first, on a copy of the restored database, which
    /// then takes its place. That may take minutes. It is done whole or not at all: a start that failed or died
    /// leaves everything to the next one.
    ///
    /// # Errors
    /// [`Error::NotStarted`] while a restore is not complete, and where its database cannot be recovered; the
    /// operating system's.
    pub fn start(&self) -> Result<(), Error> {
        let site = self.site();
        recover::recover(site)?;
        disk::remove(&site.dir.join(MARKER))?;
        disk::sync_folder(&site.dir)
    }

    /// Why the service does not run, one clause with what to do about it; `None` while it runs.
    pub fn why_stopped(&self) -> Option<String> {
        let site = self.site();
        restore::obstacle(&site.dir).or_else(|| match site.config.service {
            Service::Stopped => Some("its `ca.toml` says so (service = \"stopped\")".to_owned()),
            _ if site.is_shut_down() => {
                let dir = site.dir.display();
                Some(format!("it was shut down; `csbackup serve {dir}` starts it"))
            }
            _ => None,
        })
    }

    /// What a restore left for the next start of the service, named as the values that a CA on Windows has
    /// in its registry: one key `RestoreInProgress\\<number>` for each registration. Empty where there is
    /// none.
    ///
    /// # Errors
    /// A `restore.toml` that cannot be read.
    pub fn pending_restore(&self) -> Result<Vec<ConfigEntry>, Error> {
        restore::entries(&self.site().dir)
    }
}

impl Site {
    pub(crate) fn is_shut_down(&self) -> bool {
        self.dir.join(MARKER).exists()
    }

    pub(crate) fn stop(&self) -> Result<(), Error> {
        if self.config.deep_checkpoint {
            self.change_current(|current| {
                current.stopped_at = Some(current.highest);
                Ok(())
            })?;
        }
        let file = self.dir.join(MARKER);
        File::create(&file).map_err(Error::io("create", &file))?;
        disk::sync_folder(&self.dir)
    }
}
