use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use certadm::server::Caller;
use certadm::{Authority, ConfigurationPart};

use crate::bookkeeping::Current;
use crate::config::same;
use crate::site::{Site, count_states};
use crate::{
    Config, Connection, Error, Host, StateSource, User, create, disk, host, names, profile, restore,
};

/// A CA directory: a certification authority's database life as files.
///
/// Any number of processes may have it open. What one changes ([`CaDirectory::advance`], truncation)
/// the others see at their next call; the configuration they keep until they open it again.
#[derive(Debug)]
pub struct CaDirectory {
    site: Arc<Site>,
    states: u32,
    /// What the bookkeeping said when it was last read here, for when it cannot be read.
    last: Current,
}

impl CaDirectory {
    /// Opens a CA directory and finishes a deletion of logs that was interrupted. Warns (`tracing`) of a
    /// `ca.toml` with hashes that others than its owner may read.
    ///
    /// # Errors
    /// A folder that is no CA directory, or whose files contradict each other.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let file = Site::config_file(dir);
        let config: Config = disk::read_toml(&file)?;
        config.check(&file)?;
        if config.has_secrets() && disk::is_shared(&file) {
            tracing::warn!(file = %file.display(), "NT hashes, as good as passwords, are not private");
        }
        let site = Site::new(dir, config);
        let last = site.current()?;
        let states = count_states(dir);
        if !(1..=states).contains(&last.state) {
            let reason = format!("state {} is not one of the {states} that exist", last.state);
            return Err(Error::invalid(&Site::current_file(dir), reason));
        }
        site.state(last.state)?;
        {
            // Under the guard: nobody may put logs there while leftovers are looked for.
            let _guard = site.guard()?;
            // What a restore laid down is older than the bookkeeping.
            if !restore::is_pending(dir) {
                site.delete_logs_below(site.current()?.lowest)?;
            }
        }
        Ok(Self { site: Arc::new(site), states, last })
    }

    /// Makes a CA directory out of the points in time given, and opens it at the first of them.
    ///
    /// Files are copied: database streams (`*.edb`), numbered logs up to the state's highest
    /// generation, and a `dynamic` folder if there is one. Links are left out. `dir` must not exist or
    /// be empty.
    ///
    /// # Errors
    /// An occupied place; no states; a log range that is none; and the operating system's.
    pub fn create(
        dir: impl AsRef<Path>,
        authority: &Authority,
        states: &[StateSource],
    ) -> Result<Self, Error> {
        create::build(dir.as_ref(), authority, states)?;
        Self::open(dir)
    }

    /// Makes a CA directory out of one of the `ese-engine` data sets: `hot`, then `hot-inc1`,
    /// `hot-inc2` and on, each with what the engine reported in `<folder>.backup.json`.
    ///
    /// # Errors
    /// A report that is missing or says something else than expected, and those of
    /// [`CaDirectory::create`].
    pub fn create_from_engine_set(
        dir: impl AsRef<Path>,
        authority: &Authority,
        set: &Path,
    ) -> Result<Self, Error> {
        Self::create(dir, authority, &create::engine_set(set)?)
    }

    /// Adds a file outside the database (a CRL, for example) to every state.
    ///
    /// # Errors
    /// A name that is not one path component, and the operating system's.
    pub fn add_dynamic_file(&mut self, name: &str, content: &[u8]) -> Result<(), Error> {
        if !names::is_file_name(name) {
            return Err(Error::invalid(&self.site.dir, format!("{name:?} is not a file name")));
        }
        for state in 1..=self.states {
            let folder = self.site.dynamic_folder(state);
            fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
            let file = folder.join(name);
            fs::write(&file, content).map_err(Error::io("write", &file))?;
        }
        Ok(())
    }

    /// Which CA this is.
    pub fn authority(&self) -> &Authority {
        &self.site.authority
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.site.dir
    }

    /// What `ca.toml` says.
    pub fn config(&self) -> &Config {
        &self.site.config
    }

    /// Replaces `ca.toml`, comments in it included. Connections made before keep what they know.
    ///
    /// # Errors
    /// A configuration that makes no sense, and the operating system's.
    pub fn reconfigure(&mut self, config: Config) -> Result<(), Error> {
        let file = Site::config_file(&self.site.dir);
        config.check(&file)?;
        match config.has_secrets() {
            true => disk::write_private_toml(&file, &config)?,
            false => disk::write_toml(&file, &config)?,
        }
        self.site = Arc::new(Site::new(&self.site.dir, config));
        Ok(())
    }

    /// Lets a user in over the network, or gives one who is there already another hash and other
    /// roles. `ca.toml` is replaced, comments in it included; with a hash in it only its owner may
    /// read it.
    ///
    /// # Errors
    /// Those of [`CaDirectory::reconfigure`].
    pub fn add_user(&mut self, user: User) -> Result<(), Error> {
        let mut config = self.config().clone();
        let domain = |user: &User| user.domain.as_deref().unwrap_or_default().to_lowercase();
        config.users.retain(|other| !(domain(other) == domain(&user) && same(&other.name, &user.name)));
        config.users.push(user);
        self.reconfigure(config)
    }

    /// Puts down one part of what the CA tells of itself, in place of the one that was there: see
    /// [`certadm::PartKind`] for what the bytes are. Certificates count from 0 without a gap.
    ///
    /// # Errors
    /// A kind that a CA directory does not hold, and the operating system's.
    pub fn set_part(&mut self, part: &ConfigurationPart) -> Result<(), Error> {
        profile::set_part(&self.site, part)
    }

    /// Puts down the private key of certificate `index` (PKCS #8, DER or PEM), readable for its owner only.
    ///
    /// # Errors
    /// The operating system's.
    pub fn set_key(&mut self, index: u32, pkcs8: &[u8]) -> Result<(), Error> {
        host::keys::store(&self.site, index, pkcs8)
    }

    /// The machine of this CA: what no interface of a CA gives.
    pub fn host(&self) -> Host {
        Host::new(Self { site: Arc::clone(&self.site), states: self.states, last: self.last.clone() })
    }

    /// Number of the current state, from 1.
    pub fn state_number(&self) -> u32 {
        self.current().state
    }

    /// How many states there are.
    pub fn states(&self) -> u32 {
        self.states
    }

    /// The log generations that exist by the bookkeeping; empty when all were truncated.
    pub fn generations(&self) -> RangeInclusive<u32> {
        let current = self.current();
        current.lowest..=current.highest
    }

    /// Lets time pass to the next state: its logs appear. False when there is none, and after a restore: the
    /// states are another life then.
    ///
    /// Logs that were truncated, or that somebody removed from `CertLog`, do not come back. A crash
    /// in between leaves the old state, and the next call does it again.
    ///
    /// # Errors
    /// The operating system's; damaged files of the directory.
    pub fn advance(&mut self) -> Result<bool, Error> {
        let states = self.states;
        let site = &self.site;
        let advanced = site.change_current(|current| {
            let next = current.state.saturating_add(1);
            if next > states || current.database.is_some() {
                return Ok(false);
            }
            let state = site.state(next)?;
            let folder = Site::state_folder(&site.dir, next);
            let there = disk::logs(&site.log_folder()).map_err(Error::io("list", &site.log_folder()))?;
            for (generation, from) in disk::logs(&folder).map_err(Error::io("list", &folder))? {
                let wanted = (current.lowest..=state.highest).contains(&generation);
                let new = generation > current.highest || there.contains_key(&generation);
                if let (true, true, Some(name)) = (wanted, new, from.file_name()) {
                    disk::place(&from, &site.log_folder().join(name))?;
                }
            }
            disk::sync_folder(&site.log_folder())?;
            current.state = next;
            current.highest = state.highest;
            Ok(true)
        })?;
        self.last = self.site.current()?;
        Ok(advanced)
    }

    /// Which folder of this machine stands behind which UNC prefix: how an outside program reads the
    /// dynamic files and sees the log directory.
    pub fn mappings(&self) -> Vec<(String, PathBuf)> {
        let authority = self.authority();
        vec![
            (names::log_directory(authority), self.site.log_folder()),
            (names::dynamic_directory(authority), self.site.dynamic_folder(self.state_number())),
        ]
    }

    /// A road to the CA for the roles that `ca.toml` grants, with the faults of `ca.toml`.
    pub fn connect(&self) -> Connection {
        self.connect_as(self.site.config.default_caller())
    }

    /// As [`CaDirectory::connect`], for a caller of one's choice.
    pub fn connect_as(&self, caller: Caller) -> Connection {
        Connection::new(Arc::clone(&self.site), caller)
    }

    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.site
    }

    fn current(&self) -> Current {
        self.site.current().unwrap_or_else(|_| self.last.clone())
    }
}
